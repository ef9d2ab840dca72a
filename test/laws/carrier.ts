import { uuidv7 } from '../../src/event/index.ts'
import { openMembership, type Membership, type OwnedPartition } from '../../src/ingest/claims.ts'
import type { DatasetCommit, FlushCommit } from '../../src/ingest/flush-commit.ts'
import { commitFlush, type CommitOutcome } from '../../src/ingest/settle.ts'
import type { Store } from '../../src/store/index.ts'
import { openIntent } from '../../src/upkeep/index.ts'
import { letterOf, type Ground, type GroundDataset } from '../kit/ground.ts'
import type { Chance } from '../kit/seed.ts'
import type { Log, LoggedRecord } from './laws.ts'

/** Tables as a model: what each metadata location holds, for ever. */
export type Lake = Map<string, readonly string[]>

interface Held extends LoggedRecord {
  readonly offset: number
}
interface Reading {
  readonly owned: OwnedPartition
  position: number
  flushes: number
  readonly marks: Map<string, number>
  readonly held: Held[]
}

/**
 * A worker reduced to its decisions: it claims, reads, buffers, flushes prefixes and meets every
 * outcome, in as few lines as that takes, so that the laws are about the transaction and not about
 * how the real worker is written (which has tests of its own).
 */
export class Carrier {
  #member: Membership | undefined
  readonly #readings = new Map<string, Reading>()
  readonly #ground: Ground
  readonly #store: Store
  readonly #log: Log
  readonly #lake: Lake
  readonly #datasets: readonly GroundDataset[]
  readonly #chance: Chance
  /** A commit that is built and not offered: a worker that was stopped at the worst moment. */
  asleep: FlushCommit | undefined
  /** Every outcome met, how often. */
  readonly met = new Map<CommitOutcome['kind'], number>()

  constructor(
    ground: Ground,
    store: Store,
    world: { log: Log; lake: Lake; datasets: readonly GroundDataset[] },
    chance: Chance,
  ) {
    this.#ground = ground
    this.#store = store
    this.#log = world.log
    this.#lake = world.lake
    this.#datasets = world.datasets
    this.#chance = chance
  }

  async share(): Promise<void> {
    this.#member ??= await openMembership(this.#store, { worker: `w-${uuidv7()}`, leaseSeconds: 600 })
    const share = await this.#member.share()
    for (const of of share.lost) this.#readings.delete(keyOf(of))
    if (share.owned.length === 0 && share.lost.length > 0) this.#member = undefined
    for (const of of share.claimed) {
      if (!this.#log.has(keyOf(of))) continue
      this.#readings.set(keyOf(of), {
        owned: of,
        position: of.nextOffset,
        flushes: of.flushes,
        marks: new Map(of.settled),
        held: [],
      })
    }
    const ready = share.released.filter((of) => (this.#readings.get(keyOf(of))?.held.length ?? 0) === 0)
    for (const of of ready) this.#readings.delete(keyOf(of))
    await this.#member?.giveBack(ready)
  }

  /** Dies: nothing is given back, its membership just ends. */
  async die(): Promise<void> {
    const worker = this.#member?.worker
    this.#forget()
    if (worker !== undefined) {
      await this.#ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp() WHERE worker = $1', [
        worker,
      ])
    }
  }

  read(): void {
    for (const [key, reading] of this.#readings) {
      const records = this.#log.get(key) ?? []
      const until = Math.min(records.length, reading.position + this.#chance.between(0, 3))
      for (; reading.position < until; reading.position++) {
        const record = records[reading.position] as LoggedRecord
        if (reading.position < (reading.marks.get(record.datasetId) ?? 0)) continue // settled: a re-read
        reading.held.push({ ...record, offset: reading.position })
      }
    }
  }

  /** Builds a commit of some datasets, a prefix of each in every partition; undefined when nothing is held. */
  async plan(): Promise<FlushCommit | undefined> {
    const due = this.#datasets.filter(() => this.#chance.next() < 0.7)
    const flushId = uuidv7()
    const taken = due
      .map((dataset) => ({ dataset, parts: this.#take(dataset) }))
      .filter(({ parts }) => parts.some((part) => part.held.length > 0))
    const readings = new Set(taken.flatMap(({ parts }) => parts.map((part) => part.reading)))
    if (taken.length === 0 || this.#member === undefined) return undefined
    const tenantId = (taken[0] as { dataset: GroundDataset }).dataset.tenantId
    await openIntent(this.#store, { flushId, tenantId, worker: this.#member.worker, locations: [] })
    const datasets: DatasetCommit[] = []
    for (const { dataset, parts } of taken) datasets.push(await this.#stage(dataset, parts, flushId, new Set()))
    const removed = new Set(taken.flatMap(({ parts }) => parts.flatMap((part) => part.held)))
    return {
      flushId,
      tenantId,
      worker: this.#member.worker,
      sources: [...readings].map(({ owned, flushes }) => ({
        topicId: owned.topicId,
        partition: owned.partition,
        generation: owned.generation,
        flushes,
      })),
      sourceOffsets: [...readings].map(({ owned, position, held }) => ({
        topicId: owned.topicId,
        partition: owned.partition,
        nextOffset: Math.min(position, ...held.filter((one) => !removed.has(one)).map((one) => one.offset)),
      })),
      datasets,
      deadLetters: taken.flatMap(({ dataset, parts }) =>
        parts.flatMap(({ reading, held }) =>
          held.filter((one) => one.isBad).map((one) => letterOf(dataset, reading.owned, one.offset)),
        ),
      ),
      graceSeconds: 300,
    }
  }

  #take(dataset: GroundDataset): { reading: Reading; held: Held[] }[] {
    return [...this.#readings.values()]
      .map((reading) => {
        const mine = reading.held.filter((one) => one.datasetId === dataset.datasetId)
        return { reading, held: mine.slice(0, this.#chance.between(0, mine.length)) }
      })
      .filter((part) => part.held.length > 0)
  }

  async #stage(
    dataset: GroundDataset,
    parts: { reading: Reading; held: Held[] }[],
    flushId: string,
    known: ReadonlySet<string>,
  ): Promise<DatasetCommit> {
    const held = parts.flatMap((part) => part.held)
    const good = held.filter((one) => !one.isBad)
    const ids = [...new Set(good.map((one) => one.eventId))].filter((id) => !known.has(id))
    const from = await this.#pointer(dataset)
    const to = `${flushId}-${uuidv7()}`
    this.#lake.set(to, [...(this.#lake.get(from) ?? []), ...ids])
    return {
      datasetId: dataset.datasetId,
      datasetNumber: dataset.number,
      ...(ids.length > 0 ? { table: { namespace: dataset.namespace, name: dataset.name, from, to } } : {}),
      eventIds: ids,
      totals: {
        records: held.length,
        rows: ids.length,
        duplicates: good.length - ids.length,
        deadLetters: held.length - good.length,
        replayed: 0,
      },
      settled: parts.map(({ reading, held: some }) => ({
        topicId: reading.owned.topicId,
        partition: reading.owned.partition,
        nextOffset: (some.at(-1) as Held).offset + 1,
      })),
      expiredFiles: [],
    }
  }

  /** Offers a commit until it is settled one way or the other. */
  async offer(commit: FlushCommit): Promise<CommitOutcome['kind']> {
    let wanted = commit
    for (;;) {
      const outcome = await commitFlush(this.#store, wanted)
      this.met.set(outcome.kind, (this.met.get(outcome.kind) ?? 0) + 1)
      if (this.#chance.next() < 0.2) {
        const again = await commitFlush(this.#store, wanted) // the answer was lost: the same once more
        if (outcome.kind === 'committed' && JSON.stringify(again) !== JSON.stringify(outcome))
          throw new Error(`committed, then ${again.kind}`)
        if (outcome.kind !== 'committed' && again.kind === 'committed')
          throw new Error(`${outcome.kind}, then committed`)
      }
      if (outcome.kind === 'committed') {
        this.#settled(wanted)
        return outcome.kind
      }
      if (outcome.kind === 'fenced' || outcome.kind === 'condemned') {
        if (outcome.kind === 'fenced') for (const of of outcome.partitions) this.#readings.delete(keyOf(of))
        return outcome.kind
      }
      wanted = await this.#again(wanted, outcome)
    }
  }

  async #again(
    commit: FlushCommit,
    outcome: CommitOutcome & { kind: 'table_moved' | 'known_ids' },
  ): Promise<FlushCommit> {
    const datasets = await Promise.all(
      commit.datasets.map(async (of) => {
        const dataset = this.#datasets.find((one) => one.datasetId === of.datasetId) as GroundDataset
        const known = new Set(
          outcome.kind === 'known_ids' ? outcome.datasets.find((one) => one.datasetId === of.datasetId)?.eventIds : [],
        )
        const ids = of.eventIds.filter((id) => !known.has(id))
        const from = await this.#pointer(dataset)
        const to = `${commit.flushId}-${uuidv7()}`
        this.#lake.set(to, [...(this.#lake.get(from) ?? []), ...ids])
        const { table: _, ...rest } = of
        return {
          ...rest,
          ...(ids.length > 0 ? { table: { namespace: dataset.namespace, name: dataset.name, from, to } } : {}),
          eventIds: ids,
          totals: {
            ...of.totals,
            rows: ids.length,
            duplicates: of.totals.duplicates + of.eventIds.length - ids.length,
          },
        }
      }),
    )
    return { ...commit, datasets }
  }

  #settled(commit: FlushCommit): void {
    for (const of of commit.sources) {
      const reading = this.#readings.get(keyOf(of))
      if (reading?.owned.generation === of.generation) reading.flushes += 1
    }
    for (const of of commit.datasets) {
      for (const at of of.settled) {
        const reading = this.#readings.get(keyOf(at))
        if (reading === undefined) continue
        const left = reading.held.filter((one) => one.datasetId !== of.datasetId || one.offset >= at.nextOffset)
        reading.held.splice(0, reading.held.length, ...left)
      }
    }
  }

  async #pointer(dataset: GroundDataset): Promise<string> {
    const [row] = await this.#ground.admin.query<{ at: string }>(
      'SELECT metadata_location AS at FROM iceberg_catalog.iceberg_tables WHERE table_namespace = $1 AND table_name = $2',
      [dataset.namespace, dataset.name],
    )
    return row?.at ?? ''
  }

  #forget(): void {
    this.#readings.clear()
    this.#member = undefined
  }

  get isIdle(): boolean {
    return [...this.#readings.values()].every((reading) => reading.held.length === 0)
  }
}

const keyOf = (of: { readonly topicId: string; readonly partition: number }): string => `${of.topicId}/${of.partition}`
