import type { Binding } from '../registry/index.ts'
import type { DeadLetter } from './dead-letters.ts'
import { readOnIfEmpty } from './forget.ts'
import { free, oldestArrival, type IngestBuffer, type Lane, type Take } from './lane.ts'
import type { Trigger } from './plan.ts'
import { addLetter, addRow, bytesOf, hasRoom, openSegment, recordsOf, type Row, type Segment } from './segment.ts'
import type { Source } from './sources.ts'
import { enter, move } from './tally.ts'

/** The segment that the lane's next record of this partition and schema version goes to, with room for it. */
export function openFor(
  buffer: IngestBuffer,
  lane: Lane,
  source: Source,
  binding: Binding | undefined,
  offset: number,
  lineLength: number,
  nowMs: number,
): Segment {
  let queue = lane.queues.get(source)
  if (queue === undefined) {
    queue = []
    lane.queues.set(source, queue)
  }
  const last = queue[queue.length - 1]
  if (last !== undefined) {
    if (last.binding === binding && hasRoom(last, lineLength, buffer.segmentRecords)) return last
    last.sealed = true
  }
  const segment = openSegment(source, binding, offset, nowMs, last)
  queue.push(segment)
  if (lane.records === 0) lane.firstAtMs = nowMs
  return segment
}

/** Buffers one row in a segment that `openFor` gave for it. */
export function bufferRow(
  buffer: IngestBuffer,
  lane: Lane,
  segment: Segment,
  row: Row,
  offset: number,
  value: Buffer,
): void {
  grewBy(buffer, lane, addRow(segment, row, offset, value))
  segment.source.marks.set(lane.datasetId, offset + 1)
}

/** Buffers one record that will be a dead letter. */
export function bufferLetter(buffer: IngestBuffer, lane: Lane, segment: Segment, letter: DeadLetter): void {
  grewBy(buffer, lane, addLetter(segment, letter))
  segment.source.marks.set(lane.datasetId, letter.offset + 1)
}

function grewBy(buffer: IngestBuffer, lane: Lane, bytes: number): void {
  lane.records += 1
  lane.bytes += bytes
  buffer.bytes += bytes
  lane.tenant.bytes += bytes
  enter(buffer.tally, 'buffered', 1)
}

/**
 * Takes up to `maxRecords` from the lane, a prefix of what each partition has buffered, going round
 * the partitions so that none starves. At least one segment, if there is any. `maxLetterBytes` bounds what
 * the commit may have to carry whole: a flood of dead letters goes in several commits and not in one that is refused for ever.
 */
export function take(
  buffer: IngestBuffer,
  lane: Lane,
  maxRecords: number,
  maxLetterBytes = Infinity,
  trigger: Trigger = 'age',
): Take {
  const segments: Segment[] = []
  const isDoubtful = lane.parked?.fault === 'table'
  let records = 0
  let bytes = 0
  let letterBytes = 0
  let full = false
  while (!full && lane.queues.size > 0) {
    for (const [source, queue] of lane.queues) {
      const segment = queue[0]
      if (segment === undefined) {
        lane.queues.delete(source)
        continue
      }
      const more = recordsOf(segment)
      const moreLetters = isDoubtful ? bytesOf(segment) : segment.letterBytes
      if (segments.length > 0 && (records + more > maxRecords || letterBytes + moreLetters > maxLetterBytes)) {
        full = true
        break
      }
      queue.shift()
      segment.sealed = true
      segments.push(segment)
      records += more
      bytes += bytesOf(segment)
      letterBytes += moreLetters
    }
  }
  lane.records -= records
  lane.bytes -= bytes
  lane.inFlight += records
  lane.firstAtMs = oldestArrival(lane)
  move(buffer.tally, 'buffered', 'inFlight', records)
  const taken = { lane, segments, records, bytes, letterBytes, trigger }
  lane.flights.add(taken)
  return taken
}

/** Nothing of the take moved: its segments go back to the front, those of lost partitions are dropped. */
export function putBack(buffer: IngestBuffer, taken: Take): number {
  let released = 0
  taken.lane.flights.delete(taken)
  for (let i = taken.segments.length - 1; i >= 0; i -= 1) {
    const segment = taken.segments[i] as Segment
    const records = recordsOf(segment)
    const bytes = bytesOf(segment)
    taken.lane.inFlight -= records
    if (segment.source.gone) {
      free(buffer, taken.lane, bytes)
      move(buffer.tally, 'inFlight', 'released', records)
      released += records
      continue
    }
    const queue = taken.lane.queues.get(segment.source)
    if (queue === undefined) taken.lane.queues.set(segment.source, [segment])
    else queue.unshift(segment)
    taken.lane.records += records
    taken.lane.bytes += bytes
    move(buffer.tally, 'inFlight', 'buffered', records)
  }
  taken.lane.firstAtMs = oldestArrival(taken.lane)
  readOnIfEmpty(taken.lane)
  return released
}

/** The take is committed: its memory is free. The caller moves the tally, knowing what became of each record. */
export function settle(buffer: IngestBuffer, taken: Take): void {
  taken.lane.flights.delete(taken)
  taken.lane.inFlight -= taken.records
  free(buffer, taken.lane, taken.bytes)
}
