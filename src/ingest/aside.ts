import { announce } from '../telemetry/index.ts'
import { codeOf, named } from './announce-flush.ts'
import { putBack, shedTail, type Take } from './buffer.ts'
import { giveUp, type Draft } from './draft.ts'
import type { FlushParts } from './flush-parts.ts'
import { isGivenUp, park } from './park.ts'
import { openWritten, type DatasetLeft, type Written } from './write.ts'

/** The dataset waits, its records buffered; everything else goes on. */
export function setAside(parts: FlushParts, flushId: string, taken: Take, left: DatasetLeft): void {
  const { lane } = taken
  const nowMs = parts.now()
  lane.parked = park(lane.parked, left.fault, nowMs, parts.limits.parkSeconds)
  let count = putBack(parts.buffer, taken)
  if (left.fault === 'table' && !lane.givenUp) count += shedTail(parts.buffer, lane, parts.limits.parkedBytes)
  released(taken, count)
  const retryInMs = lane.parked.untilMs - nowMs
  failed(flushId, taken, codeOf(left), left.message, retryInMs)
  if (left.fault === 'table') announce('worker.dataset.parked', { ...named(lane), detail: left.message, retryInMs })
}

export function failed(flushId: string, taken: Take, code: string, detail: string, retryInMs: number): void {
  announce('worker.flush.failed', {
    flushId,
    ...named(taken.lane),
    code,
    detail,
    retryInMs,
    trigger: 'age',
    outcome: 'retried',
    startedAtMs: 0,
    tookMs: 0,
    span: { traceId: flushId.replaceAll('-', ''), spanId: '', sampled: false },
  })
}

export function released(taken: Take, records: number): void {
  if (records > 0) announce('worker.records.released', { ...named(taken.lane), records })
}

/** Past the bound a table's fault turns the rows into dead letters instead of making them wait on. */
export const isLost = (parts: FlushParts, taken: Take, left: DatasetLeft): boolean =>
  left.fault === 'table' && isGivenUp(taken.lane.parked, parts.now(), parts.limits.parkSeconds)

export function abandonRows(draft: Draft, left: DatasetLeft): Written {
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
