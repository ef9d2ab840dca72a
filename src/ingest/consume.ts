import type { FetchedRecord } from '../bus/index.ts'
import { isUuid, rfc3339Micros, systemClock } from '../event/index.ts'
import { announce } from '../telemetry/index.ts'
import { bufferLetter, bufferRow, laneOf, openFor, shed, type IngestBuffer, type Lane } from './buffer.ts'
import { carry, isSampled } from './contexts.ts'
import { canonicalId } from './event-id.ts'
import { extraOf } from './extra.ts'
import { freshnessOfRun, receivedMs, RUN_SAMPLES } from './freshness.ts'
import { copyHeaders, isTime, openHeaderReader, readHeaders, type HeaderReader } from './headers.ts'
import { judge, refuseUnread, type JudgeLimits, type Refusal } from './judge.ts'
import { lineBytes, lineMiddle } from './line.ts'
import type { Resolution, Resolver } from './resolve.ts'
import type { OddRecord, Segment } from './segment.ts'
import { NIL_DATASET, type DeadLetter } from './settle.ts'
import type { Source } from './sources.ts'
import { enter } from './tally.ts'

/** What a run of one partition's records needs beside them. */
export interface Consumer {
  readonly buffer: IngestBuffer
  readonly resolver: Resolver
  readonly busTrusted: boolean
  readonly judgeLimits: JudgeLimits
  /** The most that a parked dataset keeps in memory: what comes after is forgotten, and read again later. */
  readonly parkedBytes: number
  /** Memory of the record before; one per consumer, because runs never interleave within a call. */
  readonly headers: HeaderReader
}

export function openConsumer(of: Omit<Consumer, 'headers'>): Consumer {
  return { ...of, headers: openHeaderReader() }
}

/** What the consumer met that it does not know yet. */
interface Missing {
  readonly datasetId: string
  readonly schemaId: string
}

/** Counts of one run for one dataset, announced once. */
export interface Counted {
  readonly datasetId: string
  records: number
  bytes: number
  replayed: number
  released: number
  /** Received too far ahead of our clock, and by how much at most. */
  future: number
  aheadMs: number
  /** Some of the records' times of receipt, as text. */
  readonly samples: string[]
}

/** A record that was received later than this from now was received by a clock that is wrong, or read by one. */
const FUTURE_MS = 5_000

/**
 * Buffers the records from index `from` on and moves the partition's position along, without
 * waiting for anything. Stops early at a record that needs something loaded first (`missing`); the
 * caller loads it and goes on from `next`.
 */
export function consumeRun(
  consumer: Consumer,
  source: Source,
  records: readonly FetchedRecord[],
  from: number,
  nowMs: number,
  counts: Map<string, Counted>,
): { readonly next: number; readonly missing?: Missing } {
  const { buffer, resolver, headers } = consumer
  let datasetId = ''
  let schemaId = ''
  let resolution: Resolution | null | undefined
  let lane: Lane | undefined
  let counted: Counted | undefined
  let middleOf = ''
  let middle: Buffer = EMPTY
  const atMs = systemClock.now()
  const futureFrom = rfc3339Micros(atMs + FUTURE_MS)
  const step = Math.max(1, (records.length - from) / RUN_SAMPLES)
  let nextSample = from
  let seenAt = ''
  let aheadMs = 0
  let traceparent = ''
  let sampled = false

  for (let i = from; i < records.length; i += 1) {
    const record = records[i] as FetchedRecord
    const offset = record.offset
    // A batch begins before the offset asked for when that lies in its middle (Kafka protocol, Fetch).
    if (offset < source.position) continue
    // Not past it before it is buffered: should judging it fail, it is read again and not left out.
    source.position = offset
    readHeaders(headers, record)

    if (headers.datasetId !== datasetId || headers.schemaId !== schemaId || resolution === undefined) {
      datasetId = headers.datasetId
      schemaId = headers.schemaId
      if (isUuid(datasetId)) {
        resolution = resolver.peek(source.tenantId, datasetId, schemaId, nowMs)
        if (resolution === undefined) {
          if (seenAt !== '') source.lastReceivedAt = seenAt
          return { next: i, missing: { datasetId, schemaId } }
        }
      } else {
        resolution = null
      }
      lane = resolution === null ? nilLane(consumer, source) : laneFor(buffer, source, resolution)
      counted = countedOf(counts, lane.datasetId)
    }
    const into = lane as Lane
    const count = counted as Counted
    const value = record.value
    count.records += 1
    count.bytes += value === null ? 0 : value.length
    if (i >= nextSample || count.samples.length === 0) {
      count.samples.push(headers.receivedAt)
      nextSample = Math.max(nextSample, i) + step
    }
    if (headers.receivedAt !== seenAt) {
      seenAt = headers.receivedAt
      aheadMs = seenAt > futureFrom ? Math.max(0, (receivedMs(seenAt) ?? 0) - atMs) : 0
    }
    if (aheadMs > FUTURE_MS) {
      count.future += 1
      count.aheadMs = Math.max(count.aheadMs, aheadMs)
    }
    if (headers.traceparent !== traceparent) {
      traceparent = headers.traceparent
      sampled = isSampled(traceparent)
    }

    if (offset < (source.marks.get(into.datasetId) ?? 0)) {
      count.replayed += 1
      into.replayed += 1
      enter(buffer.tally, 'replayed', 1)
      continue
    }
    if (into.shed.has(source) || isFull(into, consumer.parkedBytes)) {
      if (!into.shed.has(source)) shed(into, source, offset, receivedMs(headers.receivedAt))
      // Everything after what was forgotten is forgotten too: it is read again, in order, when the dataset is back.
      count.released += 1
      enter(buffer.tally, 'released', 1)
      continue
    }

    const id = canonicalId(record.key)
    if (resolution === null || id === null || value === null) {
      const refusal =
        resolution === null ? unresolved(datasetId) : id === null ? BAD_KEY : (refuseUnread(value) as Refusal)
      const segment = letter(buffer, into, source, resolution, record, headers, refusal, nowMs)
      if (sampled) carry(segment, traceparent, offset, atMs)
      continue
    }
    const found = resolution as Resolution
    const idText = id.toString('latin1')
    let refusal = refuseUnread(value)
    if (refusal === null && !(consumer.busTrusted && found.named))
      refusal = judge(value, idText, found.binding, consumer.judgeLimits)
    if (refusal !== null) {
      const segment = letter(buffer, into, source, resolution, record, headers, refusal, nowMs)
      if (sampled) carry(segment, traceparent, offset, atMs)
      continue
    }
    const extra = found.binding.keepsExtra ? extraOf(value, found.binding) : null

    let receivedAt = headers.receivedAt
    if (receivedAt !== middleOf) {
      if (!isTime(receivedAt)) receivedAt = busTime(record.timestampMs)
      middle = lineMiddle(receivedAt, source.topic, source.partition)
      middleOf = receivedAt
    }
    const length = lineBytes(middle, extra, value)
    const segment = openFor(buffer, into, source, found.binding, offset, length, nowMs)
    if (
      !headers.usual ||
      !found.named ||
      id !== record.key ||
      value.includes(NEWLINE) ||
      receivedAt !== headers.receivedAt
    ) {
      remember(segment, record)
    }
    row.id = id
    row.idText = idText
    row.middle = middle
    row.receivedAt = receivedAt
    row.traceparent = headers.traceparent
    row.extra = extra
    bufferRow(buffer, into, segment, row, offset, value)
    if (sampled) carry(segment, traceparent, offset, atMs)
  }
  const last = records.at(-1)
  if (last !== undefined) source.position = Math.max(source.position, last.offset + 1)
  if (seenAt !== '') source.lastReceivedAt = seenAt
  return { next: records.length }
}

/** A parked dataset keeps little in memory, so that its tenant's other datasets are read on. */
const isFull = (lane: Lane, parkedBytes: number): boolean =>
  lane.parked?.fault === 'table' && !lane.givenUp && lane.bytes >= parkedBytes

/** A producer may give any 64-bit number as its record's time; what no calendar has is moved to the nearest that it has. */
const busTime = (ms: number): string => new Date(Math.min(Math.max(ms, 0), LAST_MS)).toISOString()
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const NEWLINE = 10
const EMPTY = Buffer.alloc(0)
/** One object for all rows: `bufferRow` copies what it needs and keeps none of it. */
const row = {
  id: EMPTY as Buffer,
  idText: '',
  middle: EMPTY as Buffer,
  receivedAt: '',
  traceparent: '',
  extra: null as Buffer | null,
}

const BAD_KEY: Refusal = {
  reason: 'malformed',
  pointer: '',
  error: 'The record key is not a UUID; it must be the event id.',
}

function unresolved(datasetId: string): Refusal {
  if (datasetId === '') {
    return {
      reason: 'malformed',
      pointer: '',
      error: 'The record has no pulse-dataset header, so that it belongs to no dataset.',
    }
  }
  if (!isUuid(datasetId)) {
    return { reason: 'malformed', pointer: '', error: 'The pulse-dataset header is not a dataset id (a UUID).' }
  }
  return { reason: 'unknown_dataset', pointer: '', error: `The tenant has no dataset ${datasetId}.` }
}

function letter(
  buffer: IngestBuffer,
  lane: Lane,
  source: Source,
  resolution: Resolution | null,
  record: FetchedRecord,
  headers: HeaderReader,
  refusal: Refusal,
  nowMs: number,
): Segment {
  const segment = openFor(buffer, lane, source, resolution?.binding, record.offset, 0, nowMs)
  bufferLetter(buffer, lane, segment, deadLetter(lane, source, record, headers, refusal))
  return segment
}

function deadLetter(
  lane: Lane,
  source: Source,
  record: FetchedRecord,
  headers: HeaderReader,
  refusal: Refusal,
): DeadLetter {
  return {
    datasetId: lane.datasetId === NIL_DATASET ? null : lane.datasetId,
    topicId: source.topicId,
    topic: source.topic,
    partition: source.partition,
    offset: record.offset,
    eventId: canonicalId(record.key)?.toString('latin1') ?? null,
    reason: refusal.reason,
    pointer: refusal.pointer,
    error: refusal.error,
    // Copies: a view would keep the whole answer of the fetch in memory.
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: copyHeaders(record),
    traceparent: headers.traceparent,
    receivedAt: isTime(headers.receivedAt) ? headers.receivedAt : null,
  }
}

function remember(segment: Segment, record: FetchedRecord): void {
  const odd: OddRecord = {
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value?.includes(NEWLINE) === true ? Buffer.from(record.value) : null,
    headers: copyHeaders(record),
  }
  segment.odd ??= new Map()
  segment.odd.set(segment.ids.length, odd)
}

function laneFor(buffer: IngestBuffer, source: Source, resolution: Resolution): Lane {
  const { datasetId, tenantSlug, datasetSlug, datasetNumber } = resolution.binding
  return laneOf(buffer, source.tenantId, { datasetId, tenantSlug, datasetSlug, datasetNumber })
}

function nilLane(consumer: Consumer, source: Source): Lane {
  const tenantSlug = consumer.resolver.tenantSlug(source.tenantId)
  return laneOf(consumer.buffer, source.tenantId, {
    datasetId: NIL_DATASET,
    tenantSlug,
    datasetSlug: '_unknown',
    datasetNumber: 0,
  })
}

function countedOf(counts: Map<string, Counted>, datasetId: string): Counted {
  let counted = counts.get(datasetId)
  if (counted === undefined) {
    counted = { datasetId, records: 0, bytes: 0, replayed: 0, released: 0, future: 0, aheadMs: 0, samples: [] }
    counts.set(datasetId, counted)
  }
  return counted
}

/**
 * Says once per dataset what was read since the last time, and empties the counts. Before every wait, so that at no
 * instant something is buffered that was not counted as consumed.
 */
export function announceRun(buffer: IngestBuffer, source: Source, counts: Map<string, Counted>): void {
  const lanes = buffer.tenants.get(source.tenantId)?.lanes
  for (const count of counts.values()) {
    const lane = lanes?.get(count.datasetId)
    if (lane === undefined) continue
    const named = { tenant: lane.tenantSlug, dataset: lane.datasetSlug }
    const { records, bytes, replayed, released, future, aheadMs } = count
    announce('worker.records.consumed', {
      ...named,
      records,
      bytes,
      freshness: freshnessOfRun(count.samples, records),
    })
    if (replayed > 0) announce('worker.records.replayed', { ...named, records: replayed })
    if (released > 0) announce('worker.records.released', { ...named, records: released })
    if (future > 0) announce('worker.records.future', { tenant: named.tenant, records: future, aheadMs })
    announce('worker.buffer.changed', { ...named, rows: lane.records })
  }
  counts.clear()
}
