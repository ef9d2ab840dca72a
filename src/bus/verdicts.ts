import type { PublishFailure, PublishFailureCode } from './port.ts'
import type { ProduceVerdict } from './produce-message.ts'
import { CODE, codeName } from './wire/codes.ts'

/** What becomes of a batch after the broker has spoken. */
type Fate =
  | { readonly kind: 'acknowledged' }
  | { readonly kind: 'failed'; readonly failure: PublishFailure }
  /** Too large as a whole: its halves are sent. */
  | { readonly kind: 'split' }
  | { readonly kind: 'again'; readonly failure: PublishFailure; readonly stale: boolean }

/** A storage error may pass (a replica takes over), but a full disk does not: a second and third try, no more. */
const STORAGE_TRIES = 3
/** A topic just made may be unknown to its leader for a moment. */
const UNKNOWN_TRIES = 5

const STALE: ReadonlySet<number> = new Set([
  CODE.unknownTopicOrPartition,
  CODE.leaderNotAvailable,
  CODE.notLeaderOrFollower,
  CODE.kafkaStorageError,
  CODE.fencedLeaderEpoch,
  CODE.unknownTopicId,
])

const AGAIN: ReadonlyMap<number, PublishFailureCode> = new Map<number, PublishFailureCode>([
  [CODE.leaderNotAvailable, 'unreachable'],
  [CODE.notLeaderOrFollower, 'unreachable'],
  [CODE.fencedLeaderEpoch, 'unreachable'],
  [CODE.requestTimedOut, 'timeout'],
  [CODE.replicaNotAvailable, 'unreachable'],
  [CODE.networkException, 'timeout'],
  [CODE.notEnoughReplicas, 'storage'],
  [CODE.notEnoughReplicasAfterAppend, 'storage'],
  [CODE.throttlingQuotaExceeded, 'timeout'],
  // Of the connection, not of the records: another one serves.
  [CODE.illegalSaslState, 'unreachable'],
  // Damaged on the way: the bytes here are whole.
  [CODE.corruptMessage, 'timeout'],
])

/** Total: every code has a fate. `failures`: how often this partition's sends failed in a row before. */
export function fateOf(verdict: ProduceVerdict, records: number, failures: number): Fate {
  const { code } = verdict
  if (code === CODE.none || code === CODE.duplicateSequenceNumber) return { kind: 'acknowledged' }
  const detail = verdict.detail ?? `The broker answered ${codeName(code)}.`
  if (code === CODE.messageTooLarge || code === CODE.recordListTooLarge) {
    return records > 1 ? { kind: 'split' } : { kind: 'failed', failure: { code: 'too_large', detail } }
  }
  if (code === CODE.unknownTopicOrPartition || code === CODE.unknownTopicId) {
    return againUpTo(UNKNOWN_TRIES, failures, { code: 'unknown_topic', detail })
  }
  if (code === CODE.kafkaStorageError) return againUpTo(STORAGE_TRIES, failures, { code: 'storage', detail })
  const again = AGAIN.get(code)
  if (again !== undefined) return { kind: 'again', failure: { code: again, detail }, stale: STALE.has(code) }
  return { kind: 'failed', failure: { code: 'refused', detail } }
}

function againUpTo(tries: number, failures: number, failure: PublishFailure): Fate {
  return failures + 1 < tries ? { kind: 'again', failure, stale: true } : { kind: 'failed', failure }
}
