import type { FetchedRecord } from '../bus/index.ts'
import { isUuid, rfc3339Micros, systemClock } from '../event/index.ts'
import { bufferLetter, bufferRow, openFor } from './buffer.ts'
import { carry, isSampled } from './contexts.ts'
import { countedOf, type Counted } from './counted.ts'
import { letterOfRecord } from './dead-letters.ts'
import { canonicalId } from './event-id.ts'
import { extraOf } from './extra.ts'
import { NIL_DATASET } from './flush-commit.ts'
import { shed } from './forget.ts'
import { receivedMs, RUN_SAMPLES } from './freshness.ts'
import { copyHeaders, isTime, openHeaderReader, readHeaders, type HeaderReader } from './headers.ts'
import { BAD_KEY, judge, refuseUnread, unresolved, type JudgeLimits, type Refusal } from './judge.ts'
import { laneOf, type IngestBuffer, type Lane } from './lane.ts'
import { lineBytes, lineMiddle } from './line.ts'
import type { Resolution, Resolver } from './resolve.ts'
import type { OddRecord, Segment } from './segment.ts'
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
    const idText = id === null ? '' : id.toString('latin1')
    const refusal = refusalOf(consumer, resolution, datasetId, idText, value)
    if (refusal !== null) {
      const segment = openFor(buffer, into, source, resolution?.binding, offset, 0, nowMs)
      const of = resolution === null ? null : into.datasetId
      bufferLetter(buffer, into, segment, letterOfRecord(of, source, record, headers, refusal))
      if (sampled) carry(segment, traceparent, offset, atMs)
      continue
    }
    // Not refused: so there are a dataset, an id and a value.
    const found = resolution as Resolution
    const event = value as Buffer
    const extra = found.binding.keepsExtra ? extraOf(event, found.binding) : null

    let receivedAt = headers.receivedAt
    if (receivedAt !== middleOf) {
      if (!isTime(receivedAt)) receivedAt = busTime(record.timestampMs)
      middle = lineMiddle(receivedAt, source.topic, source.partition)
      middleOf = receivedAt
    }
    const length = lineBytes(middle, extra, event)
    const segment = openFor(buffer, into, source, found.binding, offset, length, nowMs)
    const isUsual =
      headers.usual && found.named && id === record.key && receivedAt === headers.receivedAt && !event.includes(NEWLINE)
    if (!isUsual) remember(segment, record)
    row.id = id as Buffer
    row.idText = idText
    row.middle = middle
    row.receivedAt = receivedAt
    row.traceparent = headers.traceparent
    row.extra = extra
    bufferRow(buffer, into, segment, row, offset, event)
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

/** Why the record cannot become a row, as far as its bytes say; null where nothing is wrong. `idText`: '' where its key is no id. */
function refusalOf(
  { busTrusted, judgeLimits }: Consumer,
  resolution: Resolution | null,
  datasetId: string,
  idText: string,
  value: Buffer | null,
): Refusal | null {
  if (resolution === null) return unresolved(datasetId)
  if (idText === '') return BAD_KEY
  const unread = refuseUnread(value)
  if (unread !== null || value === null || (busTrusted && resolution.named)) return unread
  return judge(value, idText, resolution.binding, judgeLimits)
}

/** Keeps what the row's line does not tell of its record, should it become a dead letter when it is written. */
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
