import { oldestReceivedMs } from './freshness.ts'
import { free, oldestArrival, type IngestBuffer, type Lane, type TenantBuffer } from './lane.ts'
import { bytesOf, recordsOf, type Segment } from './segment.ts'
import type { Source } from './sources.ts'
import { move } from './tally.ts'

/** Drops what the lane has buffered of a partition; answers how many records. In flight ones are not touched. */
export function dropQueue(buffer: IngestBuffer, lane: Lane, source: Source): number {
  const queue = lane.queues.get(source) ?? []
  lane.queues.delete(source)
  let records = 0
  let bytes = 0
  for (const segment of queue) {
    records += recordsOf(segment)
    bytes += bytesOf(segment)
  }
  lane.records -= records
  lane.bytes -= bytes
  lane.firstAtMs = oldestArrival(lane)
  free(buffer, lane, bytes)
  move(buffer.tally, 'buffered', 'released', records)
  readOnIfEmpty(lane)
  return records
}

/**
 * Forgets a parked lane's newest segments until it holds at most `maxBytes`, remembering from where on
 * each partition has to be read again. One segment stays, however large: a lane without records is
 * never flushed, so nothing would ever find out that its table is back. Answers how many records.
 */
export function shedTail(buffer: IngestBuffer, lane: Lane, maxBytes: number): number {
  let records = 0
  let segments = 0
  for (const queue of lane.queues.values()) segments += queue.length
  for (const [source, queue] of lane.queues) {
    while (lane.bytes > maxBytes && queue.length > 0 && segments > 1) {
      segments -= 1
      const segment = queue.pop() as Segment
      const [count, bytes] = [recordsOf(segment), bytesOf(segment)]
      lane.records -= count
      lane.bytes -= bytes
      records += count
      free(buffer, lane, bytes)
      move(buffer.tally, 'buffered', 'released', count)
      shed(lane, source, segment.firstOffset, oldestReceivedMs(segment))
      source.marks.set(lane.datasetId, segment.firstOffset)
    }
    if (queue.length === 0) lane.queues.delete(source)
  }
  return records
}

/** The lane forgets a partition's records from the offset on, the first of which was received at `receivedAtMs` or later. */
export function shed(lane: Lane, source: Source, offset: number, receivedAtMs: number | undefined): void {
  lane.shed.set(source, offset)
  lane.shedSinceMs = Math.min(lane.shedSinceMs ?? Number.POSITIVE_INFINITY, receivedAtMs ?? 0)
}

/** Of a partition that somebody else reads again. */
export function forgetShed(lane: Lane, source: Source): void {
  lane.shed.delete(source)
  if (lane.shed.size === 0) lane.shedSinceMs = undefined
}

/** What the lane has forgotten is read again; everything else there is known by its marks. */
export function readAgain(lane: Lane): void {
  for (const [source, offset] of lane.shed) {
    if (offset >= source.position) continue
    source.position = offset
    source.atEndMs = undefined
    source.lastReceivedAt = lane.shedSinceMs === undefined ? '' : new Date(lane.shedSinceMs).toISOString()
  }
  lane.shed.clear()
  lane.shedSinceMs = undefined
}

/** With the last of its records gone, no flush would come after which what was forgotten is read again. */
export function readOnIfEmpty(lane: Lane): void {
  if (lane.records === 0 && lane.inFlight === 0) readAgain(lane)
}

/** The lowest offset of the partition that the tenant's lanes still have buffered or have forgotten while parked. */
export function pendingOffsets(tenant: TenantBuffer, source: Source): number[] {
  const pending: number[] = []
  for (const lane of tenant.lanes.values()) {
    const first = lane.queues.get(source)?.[0]
    if (first !== undefined) pending.push(first.firstOffset)
    const shed = lane.shed.get(source)
    if (shed !== undefined) pending.push(shed)
  }
  return pending
}
