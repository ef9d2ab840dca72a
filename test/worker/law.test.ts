import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import type { FlushLake, FlushRecord, Ingest } from '../../src/ingest/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { listenWorker, openMetrics } from '../../src/telemetry/index.ts'
import { readGauges } from '../../src/worker/gauges.ts'
import { at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { readExposition } from '../kit/exposition.ts'
import { chance } from '../kit/seed.ts'
import { until } from '../kit/until.ts'

const STEPS = Number(process.env['TEST_STEPS'] ?? 10)

const TERMS = [
  'pulse_worker_events_appended_total',
  'pulse_worker_duplicates_dropped_total',
  'pulse_worker_events_dlq_total',
  'pulse_worker_events_replayed_total',
  'pulse_worker_events_released_total',
  'pulse_worker_buffer_rows',
  'pulse_worker_inflight_rows',
] as const
const CONSUMED = 'pulse_worker_events_consumed_total'
const IMBALANCE = 'pulse_worker_ledger_imbalance'

test('consumed is the sum of what became of it in every scrape, through crashes, retries, duplicates, dead letters and revocations', async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed}`)
  const carriage = await openCarriage(t)
  const first = await carriage.place({ partitions: 2 })
  const places: readonly Place[] = [first, await carriage.addDataset(first, 'second'), await carriage.place()]
  const metrics = openMetrics({ plane: 'worker', processMetrics: false })
  t.after(listenWorker(metrics))
  let ingest: Ingest | undefined
  const unknown = { answered: undefined, detail: '', tookMs: 0, agoMs: 0 }
  readGauges(metrics, {
    ingest: () => ingest,
    bufferCapacityBytes: 0,
    partitions: () => undefined,
    ledger: () => undefined,
    dependencies: () => ({ postgres: unknown, kafka: unknown, minio: unknown }),
    lastSuccess: () => [],
    pool: () => undefined,
    clock: Date.now,
  })

  let scrapes = 0
  const last = new Map<string, number>()
  const seen = new Map<string, number>()
  /** The first scrape in which the law does not hold: whoever waits or works meanwhile would swallow a rejection. */
  let broken: unknown
  const scrape = async (when: string): Promise<void> => {
    await look(when).catch((error: unknown) => void (broken ??= error))
  }
  /** The law, from one scrape and nothing else. */
  async function look(when: string): Promise<void> {
    const families = readExposition((await metrics.exposition()).body)
    const sum = (name: string): number => (families.get(name)?.samples ?? []).reduce((all, { value }) => all + value, 0)
    const terms = TERMS.map((name) => [name, sum(name)] as const)
    const told = `${when}: ${JSON.stringify(Object.fromEntries(terms))}`
    assert.equal(
      sum(CONSUMED),
      terms.reduce((all, [, value]) => all + value, 0),
      told,
    )
    assert.equal(sum(IMBALANCE), 0, told)
    for (const [name, value] of terms) {
      assert.ok(value >= 0, told)
      if (name.endsWith('_total')) assert.ok(value >= (last.get(name) ?? 0), `${name} fell: ${told}`)
      last.set(name, value)
      seen.set(name, Math.max(seen.get(name) ?? 0, value))
    }
    scrapes += 1
  }

  const faults = { write: 0, second: 0, commitAway: 0, commitLost: 0 }
  const admin = carriage.pg.sql('admin')
  /** The next flush finds at its commit that its partitions are not its own any more. */
  let fencing = false
  const spend = (name: keyof typeof faults): boolean => faults[name] > 0 && (faults[name] -= 1) >= 0
  const start = async (): Promise<Ingest> =>
    (ingest = await carriage.start({
      limits: { flushSeconds: 0.05, leaseSeconds: 1.5, parkSeconds: 600, bufferBytes: 4 << 20 },
      async point(name) {
        await scrape(`at ${name}`)
        if (name !== 'flush.before_commit' || !fencing) return
        fencing = false
        await admin.query('UPDATE source_partitions SET generation = generation + 1')
      },
      lake: (real): FlushLake => ({
        ...real,
        async write(job) {
          if (spend('write') || (job.tableLocation.includes('second') && spend('second')))
            throw new LakeFault('store_refused', 'no room, on purpose')
          return real.write(job)
        },
      }),
      record: (real): FlushRecord => ({
        ...real,
        async commit(commit, tell) {
          if (spend('commitAway')) throw carriage.away()
          const outcome = await real.commit(commit, tell)
          if (spend('commitLost')) throw carriage.away()
          return outcome
        },
      }),
    }))

  const sent: string[] = []
  let appended = 0
  const append = (place = luck.pick(places), partition = luck.between(0, 1)): void => {
    const records = Array.from({ length: luck.between(1, 40) }, (_, n) => {
      const kind = luck.next()
      const again = kind < 0.2 && sent.length > 0
      const id = again ? luck.pick(sent) : uuidv7()
      if (kind < 0.3) return recordOf(place, { timestamp: at(1), n: kind < 0.25 ? n : 'no number' }, { id })
      if (kind < 0.35) return { ...recordOf(place, { n }), key: 'no id' }
      sent.push(id)
      return recordOf(place, { timestamp: at(1 + (n % 3)), n }, { id })
    })
    carriage.log.append(place.topic, place === places[2] ? 0 : partition, records)
    appended += records.length
  }
  const steps: Record<string, () => Promise<unknown>> = {
    append: async () => append(),
    'hold one back': async () => (faults.second = 2),
    retry: async () => (faults.write = luck.between(1, 2)),
    away: async () => (faults.commitAway = luck.between(1, 2)),
    'lost answer': async () => (faults.commitLost = 1),
    revoke: () => admin.query('UPDATE source_partitions SET generation = generation + 1 WHERE partition = 0'),
    expire: () => admin.query('DELETE FROM worker_members'),
    async crash() {
      // Nothing is flushed any more, as little as after a kill; the process's counters go on.
      await ingest?.stop(0)
      await scrape('after the crash')
      await start()
    },
  }

  const settled = (when: string): Promise<unknown> => {
    Object.assign(faults, { write: 0, second: 0, commitAway: 0, commitLost: 0 })
    return until(
      'everything is settled',
      async () => {
        await scrape(when)
        if (broken !== undefined) return true
        const sources = [...(ingest?.sources.byKey.values() ?? [])]
        const ends = sources.every((one) => one.position >= carriage.log.end(one.topic, one.partition))
        return sources.length === 3 && ends && ingest?.tally.buffered === 0 && ingest.tally.inFlight === 0
      },
      60_000,
    )
  }

  await start()
  for (let n = 0; n < STEPS; n += 1) {
    append()
    const step = luck.pick(Object.keys(steps))
    await steps[step]?.()
    await scrape(`after step ${n}, ${step}`)
    if (broken !== undefined) throw broken
    // Half of the steps meet what the one before has set going, half of them its outcome.
    if (luck.next() < 0.5) await settled(`after step ${n}`)
  }
  // Whatever chance has left out: a flush that is fenced releases what it holds, and
  await settled('before it is fenced')
  fencing = true
  append(places[0], 0)
  await until('it is fenced', () => broken !== undefined || !fencing)
  // what was settled for one dataset and not for another is read again after a crash.
  await settled('before the last crash')
  faults.second = 1_000
  const before = ingest?.tally.appended ?? 0
  append(places[1], 0)
  append(places[0], 0)
  await until('one is settled', () => broken !== undefined || (ingest?.tally.appended ?? 0) > before)
  await steps['crash']?.()
  await settled('at the end')
  await ingest?.stop(5_000)
  await scrape('after it stopped')
  if (broken !== undefined) throw broken
  const [totals] = await admin.query<{ records: number; rows: number; duplicates: number; letters: number }>(
    `SELECT sum(records)::int AS records, sum(rows)::int AS rows, sum(duplicates)::int AS duplicates, sum(dead_letters)::int AS letters
     FROM flush_totals`,
  )
  assert.equal(totals?.records, appended, 'each record was settled once')
  for (const name of TERMS) assert.ok((seen.get(name) ?? 0) > 0, `${name} was never other than 0`)
  assert.ok(scrapes > STEPS * 2, `${scrapes} scrapes`)
  t.diagnostic(`${scrapes} scrapes of ${appended} records: ${JSON.stringify(Object.fromEntries(seen))}`)
})
