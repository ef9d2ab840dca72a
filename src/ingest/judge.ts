import { isUuid, type DeadLetterReason } from '../event/index.ts'
import { judge as judgeEvent } from '../pdm/index.ts'
import type { Binding } from '../registry/index.ts'

/** Why a record cannot become a row, in the words of a dead letter. */
export interface Refusal {
  readonly reason: DeadLetterReason
  /** RFC 6901; '' = the whole record. */
  readonly pointer: string
  readonly error: string
}

/** A record without an id can be no row. */
export const BAD_KEY: Refusal = {
  reason: 'malformed',
  pointer: '',
  error: 'The record key is not a UUID; it must be the event id.',
}

/** Why a record belongs to no dataset of its tenant, by the id that it names. */
export function unresolved(datasetId: string): Refusal {
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

/** Beyond this DuckDB's reader does not take a line; far above what collect accepts. */
const MAX_EVENT_BYTES = 15 << 20

/** What is wrong with a value before anything is parsed, or null. */
export function refuseUnread(value: Buffer | null): Refusal | null {
  if (value === null || value.length === 0) {
    return { reason: 'malformed', pointer: '', error: 'The record has no value; an event is a JSON object.' }
  }
  if (value.length > MAX_EVENT_BYTES) {
    return {
      reason: 'too_large',
      pointer: '',
      error: `The event has ${value.length} bytes; at most ${MAX_EVENT_BYTES} can be stored. Send it in smaller parts.`,
    }
  }
  return null
}

/** What the API's collect allows an event, for records that it has not seen. */
export interface JudgeLimits {
  readonly maxEventBytes: number
  readonly maxDepth: number
}

/**
 * Judges an event that nobody has judged against this schema version: by the same rules as collect,
 * so that a record from another producer gets the verdict that the API would have given. An id
 * inside the event must be the record's key.
 */
export function judge(value: Buffer, eventId: string, binding: Binding, limits: JudgeLimits): Refusal | null {
  const judgement = judgeEvent(value, binding.validate, limits)
  if (judgement.kind === 'refused') {
    const [fault] = judgement.faults
    return {
      reason: judgement.reason,
      pointer: fault?.pointer ?? '',
      error: fault?.message ?? 'The event is not valid.',
    }
  }
  const named = judgement.event.eventId
  if (named === undefined || named.toLowerCase() === eventId) return null
  return {
    reason: 'invalid',
    pointer: '/event_id',
    error: 'The event_id is not the record key, which is the event id.',
  }
}
