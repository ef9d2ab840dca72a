import { announce } from '../telemetry/index.ts'
import { codeOf, named } from './announce-flush.ts'
import { putBack } from './buffer.ts'
import { giveUp, type Draft } from './draft.ts'
import type { FlushParts } from './flush-parts.ts'
import { shedTail } from './forget.ts'
import type { Take } from './lane.ts'
import { isGivenUp, park } from './park.ts'
import type { Story } from './story.ts'
import { openWritten, type DatasetLeft, type Written } from './write.ts'

/** The dataset waits, its records buffered; everything else goes on. */
export function setAside(parts: FlushParts, story: Story, taken: Take, left: DatasetLeft): void {
  const { lane } = taken
  const nowMs = parts.now()
  lane.parked = park(lane.parked, left.fault, nowMs, parts.limits.parkSeconds)
  let count = putBack(parts.buffer, taken)
  if (left.fault === 'table' && !lane.givenUp) count += shedTail(parts.buffer, lane, parts.limits.parkedBytes)
  released(taken, count)
  const retryInMs = lane.parked.untilMs - nowMs
  failed(story, taken, { code: codeOf(left), detail: left.message, retryInMs })
  if (left.fault === 'table') announce('worker.dataset.parked', { ...named(lane), detail: left.message, retryInMs })
}

/** Says that an attempt to append a dataset's rows has failed; without `retryInMs` for good. */
export function failed(
  story: Story,
  taken: Take,
  why: { readonly code: string; readonly detail: string; readonly retryInMs?: number },
): void {
  announce('worker.flush.failed', {
    flushId: story.flushId,
    ...named(taken.lane),
    code: why.code,
    detail: why.detail,
    retryInMs: why.retryInMs ?? 0,
    trigger: taken.trigger,
    outcome: why.retryInMs === undefined ? 'failed' : 'retried',
    startedAtMs: story.startedAtMs,
    tookMs: story.tookMs(),
    span: story.failedSpanOf(taken),
  })
}

export function released(taken: Take, records: number): void {
  if (records > 0) announce('worker.records.released', { ...named(taken.lane), records })
}

/** Past the bound a table's fault turns the rows into dead letters instead of making them wait on. */
export const isLost = (parts: FlushParts, taken: Take, left: DatasetLeft): boolean =>
  left.fault === 'table' && isGivenUp(taken.lane.parked, parts.now(), parts.limits.parkSeconds)

export function abandonRows(story: Story, draft: Draft, left: DatasetLeft): Written {
  failed(story, draft.taken, { code: codeOf(left), detail: left.message })
  giveUp(draft, left.message)
  draft.taken.lane.givenUp = true
  return openWritten(draft, undefined)
}

/** The flush will never commit. Where Postgres does not answer, the sweeper finds the intent in its own time. */
export async function abandon(
  parts: FlushParts,
  tenantId: string,
  flushId: string,
  written: Iterable<Written | undefined>,
): Promise<void> {
  const locations = [...written].flatMap((one) => one?.table?.location ?? [])
  await parts.record.abandon(tenantId, flushId, locations).catch((error: unknown) => parts.onAway(error, 0))
}

/**
 * What a dataset that leaves has written under the flush's name, known or not: a staging that failed
 * half-way left files behind that only their names tell of. They go with the commit of the others.
 */
export async function leftBehind(parts: FlushParts, flushId: string, written: Written): Promise<readonly string[]> {
  return written.table === undefined ? [] : parts.lake.filesOf(written.table.location, flushId)
}
