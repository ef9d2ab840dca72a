import { oldestReceivedMs, receivedMs } from './freshness.ts'
import type { Lane } from './lane.ts'
import type { Segment } from './segment.ts'
import type { Source } from './sources.ts'

/** What a lane holds of a partition, buffered and in flight. */
export function* heldBy(lane: Lane, source: Source): Generator<Segment> {
  for (const taken of lane.flights) for (const segment of taken.segments) if (segment.source === source) yield segment
  yield* lane.queues.get(source) ?? []
}

/** The lowest offset that is not settled yet: of what is held or forgotten by any dataset, else the next to be read. */
export function unsettledFrom(lanes: Iterable<Lane>, source: Source): number {
  let lowest = source.position
  for (const lane of lanes) {
    for (const { firstOffset } of heldBy(lane, source)) lowest = Math.min(lowest, firstOffset)
    lowest = Math.min(lowest, lane.shed.get(source) ?? lowest)
  }
  return lowest
}

/** When the oldest record that the lane holds, of one partition or of all, was received; undefined where it holds none. */
export function oldestHeldMs(lane: Lane, source?: Source): number | undefined {
  let oldest = Number.POSITIVE_INFINITY
  const look = (segment: Segment): void => {
    oldest = Math.min(oldest, oldestReceivedMs(segment) ?? oldest)
  }
  if (source === undefined) {
    for (const taken of lane.flights) taken.segments.forEach(look)
    for (const queue of lane.queues.values()) queue.forEach(look)
  } else {
    for (const segment of heldBy(lane, source)) look(segment)
  }
  return oldest === Number.POSITIVE_INFINITY ? undefined : oldest
}

/**
 * An instant before which everything that was acknowledged into the partition has been read. The bus keeps the order of
 * appending, and an event is received before it is appended: so what was acknowledged before the last record read was
 * received lies before that record; and what was acknowledged before a look that found nothing unread has been read.
 */
export function readUntilMs(source: Source): number | undefined {
  const last = receivedMs(source.lastReceivedAt)
  if (last === undefined) return source.atEndMs
  return Math.max(last, source.atEndMs ?? last)
}

/**
 * Everything of the dataset that was acknowledged before this instant is in its table, as far as `sources`, the tenant's
 * partitions here, bring it. Undefined where a partition is not known well enough to say, or there is none.
 * By the clocks of the API (times of receipt) and of this worker (looks at the bus); what they differ, this is wrong by.
 */
export function watermarkOf(lane: Lane, sources: Iterable<Source>): number | undefined {
  let lowest = Number.POSITIVE_INFINITY
  for (const source of sources) {
    const read = readUntilMs(source)
    if (read === undefined) return undefined
    lowest = Math.min(lowest, read, oldestHeldMs(lane, source) ?? read)
    if (lane.shed.has(source)) lowest = Math.min(lowest, lane.shedSinceMs ?? lowest)
  }
  return lowest === Number.POSITIVE_INFINITY ? undefined : lowest
}
