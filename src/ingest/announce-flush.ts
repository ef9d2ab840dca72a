import type { DeadLetterReason } from '../event/index.ts'
import { isLakeFault } from '../lake/index.ts'
import { announce } from '../telemetry/index.ts'
import { contextsOf } from './contexts.ts'
import { isWritten } from './draft.ts'
import type { FlushTotals } from './flush-commit.ts'
import { freshnessOfRows } from './freshness.ts'
import type { Lane } from './lane.ts'
import type { Source } from './sources.ts'
import type { Story } from './story.ts'
import type { DatasetLeft, Written } from './write.ts'

export const named = (lane: Lane): { tenant: string; dataset: string } => ({
  tenant: lane.tenantSlug,
  dataset: lane.datasetSlug,
})

/** A short, stable word for why a dataset could not be flushed. */
export function codeOf(left: DatasetLeft): string {
  if (isLakeFault(left.cause)) return left.cause.code
  if (left.fault === 'table') return 'table_unavailable'
  return left.cause === undefined ? 'table_moved' : 'internal'
}

interface Committed {
  readonly story: Story
  readonly totals: FlushTotals
  readonly tookMs: number
  readonly attempts: number
  readonly watermarkMs: number | undefined
}

/** Says what became of one dataset's part of a committed flush. */
export function announceCommitted(one: Written, { story, totals, tookMs, attempts, watermarkMs }: Committed): void {
  const { draft, staged, files } = one
  const { lane } = draft.taken
  const binding = draft.taken.segments.find((segment) => segment.binding !== undefined)?.binding
  const { contexts, leftOut } = contextsOf(draft)
  announce('worker.flush.committed', {
    flushId: story.flushId,
    ...named(lane),
    table: binding === undefined ? '' : `${binding.namespace}.${binding.table}`,
    snapshotId: staged === undefined ? undefined : String(staged.snapshotId),
    records: totals.records,
    rows: totals.rows,
    duplicates: totals.duplicates,
    deadLetters: totals.deadLetters,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    tookMs,
    offsets: offsetsOf(one),
    attempts,
    trigger: draft.taken.trigger,
    startedAtMs: story.startedAtMs,
    committedAtMs: story.startedAtMs + tookMs,
    freshness: totals.rows === 0 ? [] : freshnessOfRows(draft, isWritten),
    watermarkMs,
    snapshots: staged?.snapshots,
    metadataBytes: staged?.metadataBytes,
    span: story.spanOf(draft.taken),
    contexts,
    contextsLeftOut: leftOut,
    steps: story.stepsOf(draft.taken),
  })
  if (totals.duplicates > 0) announce('worker.duplicates.dropped', { ...named(lane), events: totals.duplicates })
  const reasons = new Map<DeadLetterReason, number>()
  for (const letter of draft.letters) reasons.set(letter.reason, (reasons.get(letter.reason) ?? 0) + 1)
  for (const [reason, events] of reasons) announce('worker.events.dead_lettered', { ...named(lane), reason, events })
  announce('worker.buffer.changed', { ...named(lane), rows: lane.records })
}

/** `topic/partition:from-to`, so that any row can be traced to its records. */
function offsetsOf(one: Written): string[] {
  const extents = new Map<Source, { from: number; to: number }>()
  for (const segment of one.draft.taken.segments) {
    const extent = extents.get(segment.source)
    if (extent === undefined) extents.set(segment.source, { from: segment.firstOffset, to: segment.nextOffset - 1 })
    else extent.to = Math.max(extent.to, segment.nextOffset - 1)
  }
  return [...extents].map(([source, { from, to }]) => `${source.topic}/${source.partition}:${from}-${to}`)
}
