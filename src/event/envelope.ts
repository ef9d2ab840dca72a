import { isUtf8 } from 'node:buffer'

import type { Fault } from '../problems/index.ts'
import { oddNumbers, pointerAt, repeatedMember, type OddNumber } from './findings.ts'
import { canonicalUuid, isUuid } from './ids.ts'
import { countMembers, inspect } from './scan.ts'

/** An event as a client sent it, read once. */
export interface ReadEvent {
  readonly kind: 'event'
  readonly dataset: string
  /** Canonical; undefined where the client gave none. */
  readonly eventId: string | undefined
  readonly data: Readonly<Record<string, unknown>>
  /** Numbers of the data that must be looked at as text, with paths from the data on. */
  readonly odd: readonly OddNumber[] | undefined
  /** The text has line breaks between its tokens. */
  readonly multiline: boolean
}

/** Why a text is not an event. */
interface UnreadEvent {
  readonly kind: 'unread'
  readonly code: 'malformed' | 'too_large' | 'invalid'
  readonly fault: Fault
  /** Given and well-formed: can be answered. `null` where one was given that cannot. */
  readonly eventId: string | undefined | null
}

export interface EventLimits {
  readonly maxEventBytes: number
  readonly maxDepth: number
}

/** What is known of the bytes: `unknown` is checked here, event by event. */
export type Encoding = 'ascii' | 'utf8' | 'unknown'

/**
 * Reads the event in `bytes[start, end)`: one pass of the scanner, one `JSON.parse`. Refuses what is not
 * JSON in UTF-8 or nests too deep, what JSON readers disagree about (a name twice in an object, half a
 * surrogate pair), and members other than `dataset`, `event_id` and `data`. Never throws.
 */
export function readEvent(
  bytes: Buffer,
  start: number,
  end: number,
  limits: EventLimits,
  encoding: Encoding = 'unknown',
): ReadEvent | UnreadEvent {
  if (end - start > limits.maxEventBytes) {
    return unread(
      'too_large',
      '',
      'maxEventBytes',
      `The event has ${end - start} bytes; an event may have ${limits.maxEventBytes}.`,
    )
  }
  if (encoding === 'unknown' && !isUtf8(bytes.subarray(start, end))) {
    return unread('malformed', '', 'utf8', 'The event is not valid UTF-8.')
  }
  const found = inspect(bytes, start, end, limits.maxDepth)
  if (found.depth > limits.maxDepth) {
    return unread('malformed', '', 'depth', `The event nests deeper than ${limits.maxDepth} objects and arrays.`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(
      encoding === 'ascii' ? bytes.toString('latin1', start, end) : bytes.toString('utf8', start, end),
    )
  } catch (error) {
    return unread('malformed', '', 'json', `The event is not JSON: ${oneSentence(error)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return unread('malformed', '', 'type', 'An event is a JSON object with "dataset" and "data".')
  }
  const event = parsed as Readonly<Record<string, unknown>>
  const eventId = givenId(event['event_id'])
  if (found.loneSurrogateAt >= 0) {
    const pointer = pointerAt(bytes, start, end, found.loneSurrogateAt)
    return unread(
      'malformed',
      pointer,
      'surrogate',
      'A \\u escape is half of a surrogate pair: no text has it.',
      eventId,
    )
  }
  if (found.members !== countMembers(event)) {
    const repeated = repeatedMember(bytes, start, end)
    const name = repeated?.name ?? ''
    return unread(
      'malformed',
      repeated?.pointer ?? '',
      'duplicate',
      `The name "${name.slice(0, 80)}" stands twice in one object.`,
      eventId,
    )
  }
  for (const key in event) {
    if (key !== 'dataset' && key !== 'event_id' && key !== 'data') {
      const shown = key.slice(0, 80)
      return unread(
        'invalid',
        `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        'additionalProperties',
        `An event has "dataset", "event_id" and "data"; "${shown}" is none of them.`,
        eventId,
      )
    }
  }
  const { dataset, data } = event
  if (typeof dataset !== 'string')
    return unread('invalid', '/dataset', 'required', 'An event names its dataset by slug, as text.', eventId)
  if (eventId === null)
    return unread(
      'invalid',
      '/event_id',
      'format',
      'An event_id is a UUID in the form 8-4-4-4-12 hexadecimal digits; leave it out to get one.',
      null,
    )
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    return unread('invalid', '/data', 'type', 'An event carries its properties in "data", an object.', eventId)
  }
  const odd = found.oddAt === null ? undefined : inData(oddNumbers(bytes, start, end, found))
  return { kind: 'event', dataset, eventId, data: data as Record<string, unknown>, odd, multiline: found.multiline }
}

/** Without an id given, none can be answered (`null`); `undefined` says that the client left it out. */
const unread = (
  code: UnreadEvent['code'],
  pointer: string,
  keyword: string,
  message: string,
  ...given: [] | [eventId: string | undefined | null]
): UnreadEvent => ({
  kind: 'unread',
  code,
  fault: { pointer, keyword, message },
  eventId: given.length === 0 ? null : given[0],
})

const givenId = (given: unknown): string | undefined | null =>
  given === undefined ? undefined : isUuid(given) ? canonicalUuid(given) : null

const inData = (odd: readonly OddNumber[]): readonly OddNumber[] =>
  odd.flatMap(({ path, literal }) => (path[0] === 'data' ? [{ path: path.slice(1), literal }] : []))

/** The engine's own words quote the text: shortened, and never a whole event. */
const oneSentence = (error: unknown): string => {
  const said = error instanceof Error ? error.message : String(error)
  return said.length <= 160 ? said : `${said.slice(0, 157)}…`
}
