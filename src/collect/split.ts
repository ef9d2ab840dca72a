import { isAscii, isUtf8 } from 'node:buffer'

import {
  arrayElements,
  endOfValue,
  objectMembers,
  pointerOf,
  skipSpace,
  trimEnd,
  type Encoding,
  type Extent,
} from '../event/index.ts'
import { Problem } from '../problems/index.ts'

/** Where the events of a body lie; `alone` where the body itself is one event. */
export interface Events {
  readonly extents: readonly Extent[]
  readonly alone: boolean
  readonly encoding: Encoding
}

type MediaType = 'json' | 'ndjson'

const MEDIA_TYPES: ReadonlyMap<string, MediaType> = new Map([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
])

/** What a `Content-Type` says of the body. Throws `unsupported_media_type`, for other charsets than UTF-8 too. */
export function mediaTypeOf(contentType: string | undefined): MediaType {
  const known = MEDIA_TYPES.get(contentType ?? '')
  if (known !== undefined) return known
  const [essence = '', ...parameters] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((one) => one.trim())
  const mediaType = MEDIA_TYPES.get(essence)
  if (mediaType === undefined) {
    const sent =
      essence === '' ? 'No content type was sent' : `The content type "${essence.slice(0, 80)}" is not known here`
    throw new Problem(
      'unsupported_media_type',
      `${sent}. Send application/json (one event, or {"events": […]}) or application/x-ndjson (one event a line).`,
    )
  }
  const charset = parameters
    .find((one) => one.startsWith('charset='))
    ?.slice(8)
    .replaceAll('"', '')
  if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8' && charset !== 'us-ascii') {
    throw new Problem('unsupported_media_type', `JSON is UTF-8; the charset "${charset.slice(0, 40)}" cannot be read.`)
  }
  return mediaType
}

/** Finds the events of a body without reading them. Throws `malformed`, `invalid`, `empty_events`, `too_large`. */
export function splitEvents(body: Buffer, mediaType: MediaType, maxEvents: number): Events {
  const encoding = isAscii(body) ? 'ascii' : isUtf8(body) ? 'utf8' : 'unknown'
  if (mediaType === 'ndjson') return { extents: lines(body, maxEvents), alone: false, encoding }
  const start = skipSpace(body, 0, body.length)
  if (start === body.length)
    throw new Problem('malformed', 'The body is empty. Send an event: {"dataset": "…", "data": {…}}.')
  if (body[start] === 0x7b && !isEventMember(body, start)) {
    const wrapped = wrappedEvents(body, start, maxEvents)
    if (wrapped !== undefined) return { extents: wrapped, alone: false, encoding }
  }
  if (body[start] === 0x5b) {
    throw new Problem(
      'malformed',
      'The body is a JSON array. Send {"events": […]}, or one event a line as application/x-ndjson.',
    )
  }
  return { extents: [{ start, end: trimEnd(body, start, body.length) }], alone: true, encoding }
}

/** One glance at the first name, so that a single event is not walked through once more. */
function isEventMember(body: Buffer, start: number): boolean {
  const at = skipSpace(body, start + 1, body.length)
  const begins = (name: string): boolean => body.toString('latin1', at, at + name.length) === name
  return begins('"dataset"') || begins('"data"') || begins('"event_id"')
}

function lines(body: Buffer, maxEvents: number): Extent[] {
  const extents: Extent[] = []
  for (let from = 0; from < body.length;) {
    const newline = body.indexOf(0x0a, from)
    const to = newline < 0 ? body.length : newline
    const start = skipSpace(body, from, to)
    if (start < to) extents.push({ start, end: trimEnd(body, start, to) })
    if (extents.length > maxEvents) throw tooMany(maxEvents)
    from = to + 1
  }
  if (extents.length === 0) throw new Problem('empty_events', 'The body holds no event. Send one event a line.')
  return extents
}

/** The elements of `{"events": […]}`; undefined where the object has no such member. Each event is passed over once. */
function wrappedEvents(body: Buffer, start: number, maxEvents: number): readonly Extent[] | undefined {
  let list: ReturnType<typeof arrayElements>
  const object = objectMembers(body, start, body.length, (key, at) => {
    if (key !== 'events' || body[at] !== 0x5b) return endOfValue(body, at, body.length)
    list = arrayElements(body, at, body.length)
    return list?.end ?? -1
  })
  if (object === undefined) throw malformed('The body is not JSON. Send an event, {"events": […]}, or events by lines.')
  const others = object.members.filter((member) => member.key !== 'events')
  if (others.length === object.members.length) return undefined
  if (skipSpace(body, object.end, body.length) < body.length) {
    throw malformed('Something follows the JSON object in the body. Send one object.')
  }
  if (object.members.length - others.length > 1) throw malformed('The name "events" stands twice in the body.')
  if (others[0] !== undefined) {
    const name = others[0].key.slice(0, 80)
    throw invalid(pointerOf([name]), 'additionalProperties', `Beside "events" nothing may stand; "${name}" does.`)
  }
  if (list === undefined) throw invalid('/events', 'type', '"events" is a list of events.')
  if (list.elements.length === 0) throw new Problem('empty_events', '"events" is empty. Send at least one event.')
  if (list.elements.length > maxEvents) throw tooMany(maxEvents)
  return list.elements
}

const malformed = (message: string): Problem => new Problem('malformed', message)

const invalid = (pointer: string, keyword: string, message: string): Problem =>
  new Problem('invalid', message, { errors: [{ pointer, keyword, message }] })

const tooMany = (maxEvents: number): Problem =>
  new Problem('too_large', `A request may carry ${maxEvents} events. Send them in several requests.`)
