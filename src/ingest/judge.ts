import { isUtf8 } from 'node:buffer'
import type { DeadLetterReason } from '../event/index.ts'
import type { Binding } from '../registry/index.ts'

/** Why a record cannot become a row, in the words of a dead letter. */
export interface Refusal {
  readonly reason: DeadLetterReason
  /** RFC 6901; '' = the whole record. */
  readonly pointer: string
  readonly error: string
}

/** Beyond this DuckDB's reader does not take a line; far above what collect accepts. */
export const MAX_EVENT_BYTES = 15 << 20

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

const MEMBERS = new Set(['dataset', 'event_id', 'data'])

/**
 * Judges an event that nobody has judged against this schema version: the same rules as collect's,
 * so that a record from another producer gets the verdict that the API would have given.
 */
export function judge(value: Buffer, eventId: string, binding: Binding): Refusal | null {
  if (!isUtf8(value)) return malformed('The event is not UTF-8.')
  let event: unknown
  try {
    event = JSON.parse(value.toString())
  } catch (error) {
    return malformed(`The event is not JSON: ${(error as Error).message}`)
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return malformed('The event is not a JSON object.')
  }
  const members = event as { readonly [member: string]: unknown }
  for (const member of Object.keys(members)) {
    if (!MEMBERS.has(member)) {
      return invalid(`/${escape(member)}`, `An event has dataset, event_id and data; "${member}" is none of them.`)
    }
  }
  const named = members['event_id']
  if (named !== undefined && (typeof named !== 'string' || named.toLowerCase() !== eventId)) {
    return invalid('/event_id', 'The event_id is not the record key, which is the event id.')
  }
  if (!Object.hasOwn(members, 'data')) return invalid('/data', 'The event has no data.')
  const faults = binding.validate(members['data'])
  const fault = faults?.[0]
  return fault === undefined ? null : invalid(`/data${fault.pointer}`, fault.message)
}

const malformed = (error: string): Refusal => ({ reason: 'malformed', pointer: '', error })
const invalid = (pointer: string, error: string): Refusal => ({ reason: 'invalid', pointer, error })
const escape = (member: string): string => member.replaceAll('~', '~0').replaceAll('/', '~1')
