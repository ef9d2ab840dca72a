import type { Binding } from '../registry/index.ts'
import type { Carried } from './contexts.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { KeptHeaders } from './headers.ts'
import { LINE_TAIL_BYTES, lineBytes, writeLine } from './line.ts'
import type { Source } from './sources.ts'

/** What of a record cannot be rebuilt from its line: kept only for records that are unusual. */
export interface OddRecord {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: KeptHeaders
}

/**
 * A run of one dataset's records from one partition, in offset order: rows as finished lines of one
 * schema version, and records that are already known to be dead letters. The unit in which records
 * are buffered, flushed, put back and dropped. Columns instead of objects: a row costs its line,
 * its id's text and four numbers.
 */
export interface Segment {
  readonly source: Source
  /** Undefined where nothing can be resolved: such a segment has dead letters only. */
  readonly binding: Binding | undefined
  bytes: Buffer
  length: number
  readonly ids: string[]
  readonly offsets: number[]
  /** Where the event's own bytes begin, and where the line ends. */
  readonly valueStarts: number[]
  readonly lineEnds: number[]
  readonly receivedAts: string[]
  readonly traceparents: string[]
  odd: Map<number, OddRecord> | undefined
  readonly letters: DeadLetter[]
  letterBytes: number
  firstOffset: number
  /** After the last record. */
  nextOffset: number
  readonly firstAtMs: number
  /** Takes no more records. */
  sealed: boolean
  /** Contexts of traces that are kept; undefined while there is none. */
  contexts: Map<string, Carried> | undefined
  contextsLeftOut: number
  /** The oldest time of receipt among the first `rows` rows and `letters` letters: looked up when somebody asks. */
  readonly age: { rows: number; letters: number; oldest: string }
}

/** A line chunk's most bytes, unless one event is larger: what the lake's writer is handed at once. */
const SEGMENT_BYTES = 1 << 20
const FIRST_BYTES = 8 << 10
/** What a row costs beside its line: id, two times, four numbers. Counted, so that the bound is about memory. */
const ROW_OVERHEAD_BYTES = 160

export function openSegment(
  source: Source,
  binding: Binding | undefined,
  offset: number,
  nowMs: number,
  before?: Segment,
): Segment {
  return {
    source,
    binding,
    // Behind a segment that filled up another one will: it gets its bytes at once instead of growing into them by copies.
    bytes: before !== undefined && before.length > SEGMENT_BYTES / 2 ? Buffer.allocUnsafeSlow(SEGMENT_BYTES) : EMPTY,
    length: 0,
    ids: [],
    offsets: [],
    valueStarts: [],
    lineEnds: [],
    receivedAts: [],
    traceparents: [],
    odd: undefined,
    letters: [],
    letterBytes: 0,
    firstOffset: offset,
    nextOffset: offset,
    firstAtMs: nowMs,
    sealed: false,
    contexts: undefined,
    contextsLeftOut: 0,
    age: { rows: 0, letters: 0, oldest: '' },
  }
}
const EMPTY = Buffer.alloc(0)

export const recordsOf = (segment: Segment): number => segment.ids.length + segment.letters.length

/** What the segment holds in memory. */
export const bytesOf = (segment: Segment): number =>
  segment.length + segment.ids.length * ROW_OVERHEAD_BYTES + segment.letterBytes

/** Whether a line with this much in it (0: a dead letter) still belongs into the segment. */
export function hasRoom(segment: Segment, lineLength: number, maxRecords: number): boolean {
  if (segment.sealed || recordsOf(segment) >= maxRecords) return false
  const held = segment.length + segment.letterBytes
  return held === 0 || held + lineLength <= SEGMENT_BYTES
}

export interface Row {
  readonly id: Buffer
  readonly idText: string
  readonly middle: Buffer
  readonly receivedAt: string
  readonly traceparent: string
  readonly extra: Buffer | null
}

/** Appends a row's line; answers the bytes that the buffer grew by. */
export function addRow(segment: Segment, row: Row, offset: number, value: Buffer): number {
  const need = lineBytes(row.middle, row.extra, value)
  if (segment.bytes.length < segment.length + need) grow(segment, segment.length + need)
  const start = writeLine(segment.bytes, segment.length, row.id, row.middle, offset, row.extra, value)
  const end = start + value.length + LINE_TAIL_BYTES
  const grew = end - segment.length + ROW_OVERHEAD_BYTES
  segment.ids.push(row.idText)
  segment.offsets.push(offset)
  segment.valueStarts.push(start)
  segment.lineEnds.push(end)
  segment.receivedAts.push(row.receivedAt)
  segment.traceparents.push(row.traceparent)
  segment.length = end
  segment.nextOffset = offset + 1
  return grew
}

/** Appends a record that will be a dead letter; answers the bytes that the buffer grew by. */
export function addLetter(segment: Segment, letter: DeadLetter): number {
  const grew = letterBytes(letter)
  segment.letters.push(letter)
  segment.letterBytes += grew
  segment.nextOffset = letter.offset + 1
  return grew
}

const letterBytes = (letter: DeadLetter): number =>
  ROW_OVERHEAD_BYTES * 2 + (letter.key?.length ?? 0) + (letter.value?.length ?? 0) + letter.error.length

/**
 * Doubles from 8 KiB, so that two thousand idle tenants hold kilobytes, not a mebibyte each, and a
 * busy one is copied less than once per byte.
 */
function grow(segment: Segment, need: number): void {
  const wanted = Math.max(FIRST_BYTES, segment.bytes.length * 2)
  const size = Math.max(need, Math.min(wanted, Math.max(SEGMENT_BYTES, need)))
  const larger = Buffer.allocUnsafeSlow(size)
  segment.bytes.copy(larger, 0, 0, segment.length)
  segment.bytes = larger
}

export const lineStart = (segment: Segment, row: number): number =>
  row === 0 ? 0 : (segment.lineEnds[row - 1] as number)

/** The event's own bytes, as a view. */
export const valueOf = (segment: Segment, row: number): Buffer =>
  segment.bytes.subarray(segment.valueStarts[row], (segment.lineEnds[row] as number) - LINE_TAIL_BYTES)
