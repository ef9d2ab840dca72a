import { readEvent, type EventLimits, type ReadEvent } from '../event/index.ts'
import type { Fault } from '../problems/index.ts'
import type { Validator } from './validator.ts'

/** What becomes of a record whose producer is not trusted. */
type Judgement =
  | { readonly kind: 'valid'; readonly event: ReadEvent }
  | {
      readonly kind: 'refused'
      readonly reason: 'malformed' | 'invalid' | 'too_large'
      readonly faults: readonly Fault[]
    }

/**
 * Reads and validates a record's value as the API does with an event, whoever produced it. The event is
 * also refused where it stands on several lines, since a row is read from one. Never throws.
 */
export function judge(value: Buffer, validate: Validator, limits: EventLimits): Judgement {
  const event = readEvent(value, 0, value.length, limits)
  if (event.kind === 'unread') return { kind: 'refused', reason: event.code, faults: [event.fault] }
  if (event.multiline) {
    return {
      kind: 'refused',
      reason: 'malformed',
      faults: [{ pointer: '', keyword: 'line', message: 'The value stands on several lines.' }],
    }
  }
  const faults = validate(event.data, event.odd)
  if (faults === null) return { kind: 'valid', event }
  return {
    kind: 'refused',
    reason: 'invalid',
    faults: faults.map((fault) => ({ ...fault, pointer: `/data${fault.pointer}` })),
  }
}
