import type { OwnedPartition } from './claims.ts'

/**
 * One partition while this worker reads it. Claimed again it is another `Source`, so that whatever
 * still holds the old one can be told apart from its successor.
 */
export interface Source {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly tenantId: string
  readonly generation: number
  /** Flushes that Postgres has acknowledged on it, ever. */
  flushes: number
  /** The next offset to fetch. */
  position: number
  /** The highest leader epoch read, noted in Postgres before any of its records; undefined: none is known. */
  epoch: number | undefined
  /** How often in a row the bus had no such offset, although its log goes beyond it. */
  refusedWithin: number
  /** As of the last fetch: how much lies ahead. */
  highWatermark: number
  /** Where the log begins, and where it ends, by what the bus said last, to a fetch or to a look; undefined: it has not been asked since the claim. */
  logStart: number
  logEnd: number | undefined
  /** The last instant (epoch) of which it is known that everything appended before it has been read; undefined: none yet. */
  atEndMs: number | undefined
  /** Time of receipt of the last record read; '' before the first. */
  lastReceivedAt: string
  /** Since when (epoch) more is known to be on the bus than was read, while nothing else is known of its age. */
  behindSinceMs: number | undefined
  /**
   * Per dataset id: records below are already known here (settled, buffered or in flight), so that
   * reading them again, whatever the reason, changes nothing.
   */
  readonly marks: Map<string, number>
  /** Not our share any more: no longer fetched, flushed, then given back. */
  leaving: boolean
  /** Since when, on the monotonic clock. */
  leavingSinceMs: number
  /** Not ours any more: whatever it still has buffered is dropped. */
  gone: boolean
  /** Answered with records at its last fetch: fetches are sized by how many do. */
  busy: boolean
  /** Not fetched before, because something did not answer for it. */
  retryAtMs: number
  /** Since when the bus does not know its topic. */
  unknownSinceMs: number | undefined
  /** An offset of which it was said that nobody can decode what lies there. */
  unreadableAt: number | undefined
  /** Its topic is gone and that was said. */
  lost: boolean
  /** Its topic was made anew under another id: no longer fetched, flushed, then nobody's. */
  retiring: boolean
}

export const sourceKey = (of: { readonly topicId: string; readonly partition: number }): string =>
  `${of.topicId}/${of.partition}`

export function openSource(owned: OwnedPartition): Source {
  return {
    topicId: owned.topicId,
    topic: owned.topic,
    partition: owned.partition,
    tenantId: owned.tenantId,
    generation: owned.generation,
    flushes: owned.flushes,
    position: owned.nextOffset,
    epoch: owned.epoch,
    refusedWithin: 0,
    highWatermark: owned.nextOffset,
    logStart: 0,
    logEnd: undefined,
    atEndMs: undefined,
    lastReceivedAt: '',
    behindSinceMs: undefined,
    marks: new Map(owned.settled),
    leaving: false,
    leavingSinceMs: 0,
    gone: false,
    busy: false,
    retryAtMs: 0,
    unknownSinceMs: undefined,
    unreadableAt: undefined,
    lost: false,
    retiring: false,
  }
}

/**
 * Where reading would have to start again if everything pending were forgotten: the lowest offset
 * that is still buffered, in flight or parked, and where nothing is, the position after the last
 * record consumed. Never beyond the position.
 */
export function restartOffset(position: number, pending: Iterable<number>): number {
  let lowest = position
  for (const offset of pending) if (offset < lowest) lowest = offset
  return lowest
}
