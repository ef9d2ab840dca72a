import type { FetchedRecord } from '../bus/index.ts'
import { isUuid } from '../event/index.ts'
import { bufferLetter, bufferRow, openFor } from './buffer.ts'
import { carry } from './contexts.ts'
import { countedOf, type Counted } from './counted.ts'
import { letterOfRecord } from './dead-letters.ts'
import { canonicalId } from './event-id.ts'
import { extraOf } from './extra.ts'
import { NIL_DATASET } from './flush-commit.ts'
import { shed } from './forget.ts'
import { receivedMs } from './freshness.ts'
import { copyHeaders, openHeaderReader, readHeaders, type HeaderReader } from './headers.ts'
import { BAD_KEY, judge, refuseUnread, unresolved, type JudgeLimits, type Refusal } from './judge.ts'
import { laneOf, type IngestBuffer, type Lane } from './lane.ts'
import { lineBytes } from './line.ts'
import type { Resolution, Resolver } from './resolve.ts'
import { note, openRun, timeOf, type Run } from './run.ts'
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
  const run = openRun(from, records.length, nowMs, counts)
  let next = from
  let missing: Missing | undefined
  for (; next < records.length; next += 1) {
    const record = records[next] as FetchedRecord
    // A batch begins before the offset asked for when that lies in its middle (Kafka protocol, Fetch).
    if (record.offset < source.position) continue
    // Not past it before it is buffered: should judging it fail, it is read again and not left out.
    source.position = record.offset
    readHeaders(consumer.headers, record)
    missing = follow(consumer, source, run)
    if (missing !== undefined) break
    note(run, consumer.headers, record, next)
    if (!isPassedOver(consumer, source, run, record.offset)) place(consumer, source, run, record)
  }
  if (run.receivedAt !== '') source.lastReceivedAt = run.receivedAt
  if (missing !== undefined) return { next, missing }
  const last = records.at(-1)
  if (last !== undefined) source.position = Math.max(source.position, last.offset + 1)
  return { next }
}

/** Turns to the dataset and schema version that the record names, where it is not those of the one before. Answers what has to be loaded first. */
function follow({ buffer, resolver, headers }: Consumer, source: Source, run: Run): Missing | undefined {
  const { datasetId, schemaId } = headers
  if (datasetId === run.datasetId && schemaId === run.schemaId && run.resolution !== undefined) return undefined
  const resolution = isUuid(datasetId) ? resolver.peek(source.tenantId, datasetId, schemaId, run.nowMs) : null
  if (resolution === undefined) return { datasetId, schemaId }
  run.datasetId = datasetId
  run.schemaId = schemaId
  run.resolution = resolution
  run.lane = resolution === null ? nilLane(buffer, resolver, source) : laneFor(buffer, source, resolution)
  run.counted = countedOf(run.counts, run.lane.datasetId)
  return undefined
}

/** Whether the record is known here already, or forgotten until its parked dataset is back. */
function isPassedOver({ buffer, parkedBytes }: Consumer, source: Source, run: Run, offset: number): boolean {
  const lane = run.lane as Lane
  const count = run.counted as Counted
  if (offset < (source.marks.get(lane.datasetId) ?? 0)) {
    count.replayed += 1
    lane.replayed += 1
    enter(buffer.tally, 'replayed', 1)
    return true
  }
  const isShed = lane.shed.has(source)
  if (!isShed && !isFull(lane, parkedBytes)) return false
  if (!isShed) shed(lane, source, offset, receivedMs(run.receivedAt))
  // Everything after what was forgotten is forgotten too: it is read again, in order, when the dataset is back.
  count.released += 1
  enter(buffer.tally, 'released', 1)
  return true
}

/** Buffers the record: as a row, or as a dead letter where it is refused. */
function place(consumer: Consumer, source: Source, run: Run, record: FetchedRecord): void {
  const { buffer, headers } = consumer
  const { offset } = record
  const lane = run.lane as Lane
  const resolution = run.resolution as Resolution | null
  const id = canonicalId(record.key)
  const idText = id === null ? '' : id.toString('latin1')
  const refusal = refusalOf(consumer, resolution, run.datasetId, idText, record.value)
  let segment: Segment
  if (refusal === null) {
    // Not refused: so there are a dataset, an id and a value.
    const found = resolution as Resolution
    const value = record.value as Buffer
    const receivedAt = timeOf(run, source, record)
    const extra = found.binding.keepsExtra ? extraOf(value, found.binding) : null
    segment = openFor(buffer, lane, source, found.binding, offset, lineBytes(run.middle, extra, value), run.nowMs)
    const isUsual =
      headers.usual && found.named && id === record.key && receivedAt === run.receivedAt && !value.includes(NEWLINE)
    if (!isUsual) remember(segment, record)
    row.id = id as Buffer
    row.idText = idText
    row.middle = run.middle
    row.receivedAt = receivedAt
    row.traceparent = run.traceparent
    row.extra = extra
    bufferRow(buffer, lane, segment, row, offset, value)
  } else {
    const of = resolution === null ? null : lane.datasetId
    segment = openFor(buffer, lane, source, resolution?.binding, offset, 0, run.nowMs)
    bufferLetter(buffer, lane, segment, letterOfRecord(of, source, record, headers, refusal))
  }
  if (run.sampled) carry(segment, run.traceparent, offset, run.atMs)
}

/** A parked dataset keeps little in memory, so that its tenant's other datasets are read on. */
const isFull = (lane: Lane, parkedBytes: number): boolean =>
  lane.parked?.fault === 'table' && !lane.givenUp && lane.bytes >= parkedBytes

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

function nilLane(buffer: IngestBuffer, resolver: Resolver, source: Source): Lane {
  const tenantSlug = resolver.tenantSlug(source.tenantId)
  const names = { datasetId: NIL_DATASET, tenantSlug, datasetSlug: '_unknown', datasetNumber: 0 }
  return laneOf(buffer, source.tenantId, names)
}
