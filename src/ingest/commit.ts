import type { Table } from '../lake/index.ts'
import { announce } from '../telemetry/index.ts'
import { announceCommitted } from './announce-flush.ts'
import { abandon, abandonRows, failed, isLost, leftBehind, released } from './aside.ts'
import { attemptCommit } from './attempt.ts'
import { putBack, settle } from './buffer.ts'
import { rowsOf, settledBy } from './draft.ts'
import type { DatasetCommit, FlushCommit } from './flush-commit.ts'
import type { FlushParts } from './flush-parts.ts'
import { pendingOffsets, readAgain } from './forget.ts'
import type { Take } from './lane.ts'
import { backoffMs, pause } from './patience.ts'
import type { CommitOutcome } from './settle.ts'
import { restartOffset, sourceKey, type Source } from './sources.ts'
import { move } from './tally.ts'
import {
  asLeft,
  DatasetLeft,
  eventIdsOf,
  eventRecordsOf,
  orphansOf,
  stageFiles,
  writeWithout,
  type WriteContext,
  type Written,
} from './write.ts'

/** How often a flush takes up a table that moved, or ids that were known, before its dataset waits. */
const MAX_COMMITS = 8

interface Commitment {
  readonly tenantId: string
  readonly written: Written[]
  /** Files under the flush's name that datasets left behind. */
  readonly orphans: string[]
  readonly pending: Map<Take, Written | undefined>
  readonly leave: (taken: Take, left: DatasetLeft) => void
}

/** Commits, meeting what does not hold, until it is committed or will never be. */
export async function commit(parts: FlushParts, context: WriteContext, about: Commitment): Promise<void> {
  const { orphans } = about
  let { written } = about
  for (let attempt = 1; ; attempt += 1) {
    if (written.length === 0) return abandon(parts, about.tenantId, context.flushId, [])
    // What a partition that is gone had buffered is forgotten, so that nobody here can say from where it has to be read again; and
    // as long as nobody else has claimed it, Postgres would take our word for it.
    const gone = sourcesOf(written).filter((source) => source.gone)
    if (gone.length > 0) return refused(parts, context, about, written, { kind: 'fenced', partitions: gone })
    const wanted = commitOf(parts, context.flushId, about.tenantId, written, orphans)
    await parts.point('flush.before_commit')
    const outcome = await context.story.step('commit', () =>
      attemptCommit(parts, context.story, wanted, written, attempt),
    )
    await parts.point('flush.after_commit')
    if (outcome.kind === 'committed') return settled(parts, context, about, written, wanted, attempt)
    if (outcome.kind === 'fenced' || outcome.kind === 'condemned') {
      return refused(parts, context, about, written, outcome)
    }
    if (attempt % 2 === 0) await pause(backoffMs(Math.floor(attempt / 2), parts.random), parts.signal)
    written = await meet(parts, context, about, written, outcome, orphans, attempt >= MAX_COMMITS)
  }
}

/** A table has moved, or ids were known: the datasets concerned are staged or written again, or leave. */
async function meet(
  parts: FlushParts,
  context: WriteContext,
  about: Commitment,
  written: readonly Written[],
  outcome: CommitOutcome & { kind: 'table_moved' | 'known_ids' },
  orphans: string[],
  isLast: boolean,
): Promise<Written[]> {
  const next: Written[] = []
  for (const one of written) {
    const { taken } = one.draft
    const concerned = (outcome.kind === 'table_moved' ? outcome.tables : outcome.datasets).find(
      (about) => about.datasetId === taken.lane.datasetId,
    )
    if (concerned === undefined) {
      next.push(one)
      continue
    }
    try {
      if (isLast) throw new DatasetLeft('lake', 'The table kept moving under the flush; trying again from the start.')
      if ('eventIds' in concerned) {
        taken.lane.repeatsLikely = true
        next.push(await writeWithout(context, one, new Set(concerned.eventIds)))
      } else {
        next.push(await restage(parts, context, one, concerned.current))
      }
    } catch (error) {
      const left = await asLeft(parts.lake, error)
      taken.lane.pointer = undefined
      orphans.push(...(await leftBehind(parts, context.flushId, one)))
      if (isLost(parts, taken, left)) next.push(abandonRows(context.story, one.draft, left))
      else about.leave(taken, left)
    }
  }
  return next
}

async function restage(
  parts: FlushParts,
  context: WriteContext,
  one: Written,
  current: string | null,
): Promise<Written> {
  const { lane } = one.draft.taken
  if (current === null) throw new DatasetLeft('table', 'The table is not in the catalog any more.')
  const table: Table = await parts.lake.load(current)
  lane.pointer = current
  return stageFiles(context, one, table)
}

function commitOf(
  parts: FlushParts,
  flushId: string,
  tenantId: string,
  written: readonly Written[],
  orphans: readonly string[],
): FlushCommit {
  const sources = sourcesOf(written)
  const tenant = parts.buffer.tenants.get(tenantId)
  return {
    flushId,
    tenantId,
    worker: parts.worker(),
    sources: sources.map(({ topicId, partition, generation, flushes }) => ({
      topicId,
      partition,
      generation,
      flushes,
    })),
    sourceOffsets: sources.map((source) => ({
      topicId: source.topicId,
      partition: source.partition,
      nextOffset: restartOffset(source.position, tenant === undefined ? [] : pendingOffsets(tenant, source)),
    })),
    datasets: written.map(datasetCommit),
    deadLetters: written.flatMap((one) => one.draft.letters),
    graceSeconds: parts.limits.graceSeconds,
    orphans: [...orphans, ...written.flatMap(orphansOf)],
  }
}

const sourcesOf = (written: readonly Written[]): Source[] => [
  ...new Set(written.flatMap((one) => one.draft.taken.segments.map((segment) => segment.source))),
]

function datasetCommit(one: Written): DatasetCommit {
  const { draft, staged } = one
  const { lane } = draft.taken
  const binding = draft.taken.segments.find((segment) => segment.binding !== undefined)?.binding
  const rows = staged === undefined ? 0 : rowsOf(draft)
  return {
    datasetId: lane.datasetId,
    datasetNumber: lane.datasetNumber,
    ...(staged === undefined || binding === undefined
      ? {}
      : {
          table: {
            namespace: binding.namespace,
            name: binding.table,
            from: staged.baseLocation,
            to: staged.metadataLocation,
            snapshotId: staged.snapshotId,
          },
        }),
    eventIds: eventIdsOf(one),
    records: eventRecordsOf(one),
    totals: {
      records: draft.taken.records,
      rows,
      duplicates: draft.duplicates + draft.known,
      deadLetters: draft.letters.length,
      replayed: lane.replayed,
    },
    settled: settledBy(draft.taken),
    expiredFiles: staged?.unreachable ?? [],
  }
}

/** Committed: what the takes held is free, and everybody is told. */
function settled(
  parts: FlushParts,
  context: WriteContext,
  about: Commitment,
  written: readonly Written[],
  wanted: FlushCommit,
  attempts: number,
): void {
  const { story } = context
  const tookMs = story.tookMs()
  for (const source of sourcesOf(written)) source.flushes += 1
  written.forEach((one, index) => {
    const { draft, staged } = one
    const { lane } = draft.taken
    const { totals } = wanted.datasets[index] as DatasetCommit
    about.pending.delete(draft.taken)
    settle(parts.buffer, draft.taken)
    move(parts.buffer.tally, 'inFlight', 'appended', totals.rows)
    move(parts.buffer.tally, 'inFlight', 'duplicates', totals.duplicates)
    move(parts.buffer.tally, 'inFlight', 'deadLettered', totals.deadLetters)
    lane.replayed -= totals.replayed
    lane.repeatsLikely = draft.known > 0
    if (staged !== undefined) {
      lane.pointer = staged.metadataLocation
      lane.parked = undefined
      lane.givenUp = false
    }
    // Given up, or back: either way its records are judged from now on, those that were forgotten first.
    readAgain(lane)
    announceCommitted(one, { story, totals, tookMs, attempts, watermarkMs: parts.watermarkOf(lane) })
  })
}

/** Will never commit: fenced, or taken for an orphan. Nothing moved, so that everything is still to be done by its owner. */
async function refused(
  parts: FlushParts,
  context: WriteContext,
  about: Commitment,
  written: readonly Written[],
  outcome: CommitOutcome & { kind: 'fenced' | 'condemned' },
): Promise<void> {
  const lane = written[0]?.draft.taken.lane
  if (outcome.kind === 'fenced') {
    // By the claim that the flush was made under: the partition may be ours again under a later one.
    const fenced = new Set(outcome.partitions.map(sourceKey))
    parts.onFenced(sourcesOf(written).filter((source) => fenced.has(sourceKey(source))))
    announce('worker.flush.fenced', {
      flushId: context.flushId,
      tenant: lane?.tenantSlug ?? '_unknown',
      partitions: outcome.partitions.map((one) => `${one.topicId}/${one.partition}`),
    })
  }
  for (const one of written) {
    const { taken } = one.draft
    about.pending.delete(taken)
    taken.lane.pointer = undefined
    const count = putBack(parts.buffer, taken)
    released(taken, count)
    if (outcome.kind === 'condemned')
      failed(context.story, taken, {
        code: 'condemned',
        detail: 'The flush took too long and was given up by the sweeper.',
        retryInMs: 0,
      })
  }
  await abandon(parts, about.tenantId, context.flushId, written)
}
