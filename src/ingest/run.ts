import type { FetchedRecord } from '../bus/index.ts'
import { rfc3339Micros, systemClock } from '../event/index.ts'
import { isSampled } from './contexts.ts'
import type { Counted } from './counted.ts'
import { receivedMs, RUN_SAMPLES } from './freshness.ts'
import { isTime, type HeaderReader } from './headers.ts'
import type { Lane } from './lane.ts'
import { lineMiddle } from './line.ts'
import type { Resolution } from './resolve.ts'
import type { Source } from './sources.ts'

/** A record that was received later than this from now was received by a clock that is wrong, or read by one. */
const FUTURE_MS = 5_000

/** Where a run stands: what its records share is looked up for the first of them only. One object a run, none for a record. */
export interface Run {
  readonly nowMs: number
  /** The same instant by the wall's clock, and from when on a time of receipt lies too far ahead of it. */
  readonly atMs: number
  readonly futureFrom: string
  readonly counts: Map<string, Counted>
  datasetId: string
  schemaId: string
  /** Null: there is no such dataset. Undefined before the first record. */
  resolution: Resolution | null | undefined
  lane: Lane | undefined
  counted: Counted | undefined
  /** The place of the next record whose time of receipt is a sample of the run's. */
  nextSample: number
  readonly sampleStep: number
  receivedAt: string
  /** How far that lies ahead of us. */
  aheadMs: number
  traceparent: string
  sampled: boolean
  /** The lines' part that says when and from where, and the time of receipt that it says; undefined before the first row. */
  middle: Buffer
  middleOf: string | undefined
}

/** A run of the records from place `from` to before `until`, none of them looked at yet. */
export function openRun(from: number, until: number, nowMs: number, counts: Map<string, Counted>): Run {
  const atMs = systemClock.now()
  return {
    nowMs,
    atMs,
    futureFrom: rfc3339Micros(atMs + FUTURE_MS),
    counts,
    datasetId: '',
    schemaId: '',
    resolution: undefined,
    lane: undefined,
    counted: undefined,
    nextSample: from,
    sampleStep: Math.max(1, (until - from) / RUN_SAMPLES),
    receivedAt: '',
    aheadMs: 0,
    traceparent: '',
    sampled: false,
    middle: EMPTY,
    middleOf: undefined,
  }
}

/** Counts the record, and what its time of receipt and its trace tell. */
export function note(run: Run, headers: HeaderReader, record: FetchedRecord, at: number): void {
  const count = run.counted as Counted
  count.records += 1
  count.bytes += record.value === null ? 0 : record.value.length
  if (at >= run.nextSample || count.samples.length === 0) {
    count.samples.push(headers.receivedAt)
    run.nextSample = Math.max(run.nextSample, at) + run.sampleStep
  }
  if (headers.receivedAt !== run.receivedAt) {
    run.receivedAt = headers.receivedAt
    run.aheadMs = run.receivedAt > run.futureFrom ? Math.max(0, (receivedMs(run.receivedAt) ?? 0) - run.atMs) : 0
  }
  if (run.aheadMs > FUTURE_MS) {
    count.future += 1
    count.aheadMs = Math.max(count.aheadMs, run.aheadMs)
  }
  if (headers.traceparent !== run.traceparent) {
    run.traceparent = headers.traceparent
    run.sampled = isSampled(run.traceparent)
  }
}

/** The row's time of receipt: the header's, or the bus's where that is none. Has the run's `middle` say it. */
export function timeOf(run: Run, source: Source, record: FetchedRecord): string {
  if (run.receivedAt === run.middleOf) return run.receivedAt
  const receivedAt = isTime(run.receivedAt) ? run.receivedAt : busTime(record.timestampMs)
  run.middle = lineMiddle(receivedAt, source.topic, source.partition)
  run.middleOf = receivedAt
  return receivedAt
}

/** A producer may give any 64-bit number as its record's time; what no calendar has is moved to the nearest that it has. */
const busTime = (ms: number): string => new Date(Math.min(Math.max(ms, 0), LAST_MS)).toISOString()
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const EMPTY = Buffer.alloc(0)
