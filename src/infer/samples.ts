import { isUtf8 } from 'node:buffer'
import { afterMark } from '../batch/index.ts'
import {
  arrayElements,
  countMembers,
  inspect,
  membersOf,
  oddNumbers,
  pointerAt,
  pointerOf,
  repeatedMember,
  skipSpace,
  trimEnd,
  type Extent,
  type OddNumber,
} from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { readCsv } from './cells.ts'

/** One example of an event's data, with the numbers that JavaScript may have rounded. */
export interface Sample {
  readonly data: Readonly<Record<string, unknown>>
  readonly odd: readonly OddNumber[]
}

export type SampleForm = 'json' | 'ndjson' | 'csv'

const MOST_SAMPLES = 10_000
/** As deep as an event may nest by default (`PULSE_COLLECT_MAX_DEPTH`). */
const MOST_DEPTH = 64
const ENVELOPE = new Set(['dataset', 'event_id', 'data'])

/**
 * Reads sample events: JSON (one object, a list of them, or `{"events": […]}`), an object a line, or CSV with that delimiter. Where all of
 * them are events as collect takes them, their `data` is meant. Throws `malformed`, `empty_events`, `too_large`,
 * and `invalid` where a sample is no object, with the place of the sample.
 */
export function readSamples(body: Buffer, form: SampleForm, delimiter = ','): readonly Sample[] {
  if (!isUtf8(body)) throw new Problem('malformed', 'The body is not valid UTF-8.')
  if (form === 'csv') return some(readCsv(body, delimiter))
  const text = body.subarray(afterMark(body))
  const extents = form === 'json' ? elements(text) : lines(text)
  return withoutEnvelopes(some(extents).map(({ start, end }, at) => readOne(text, start, end, at)))
}

function some<T>(samples: readonly T[]): readonly T[] {
  if (samples.length === 0) throw new Problem('empty_events', 'There is no sample. Send at least one event.')
  if (samples.length > MOST_SAMPLES)
    throw new Problem('too_large', `Send at most ${MOST_SAMPLES} samples: a part of what you have is enough.`)
  return samples
}

function elements(body: Buffer): readonly Extent[] {
  const start = skipSpace(body, 0, body.length)
  const end = trimEnd(body, start, body.length)
  if (start >= end) return []
  const listed = listAt(body, start, end)
  if (listed !== undefined) return listed
  const [events, more] = body[start] === 0x7b ? membersOf(body, [], start, end) : []
  const wrapped = events?.key === 'events' && more === undefined ? listAt(body, events.start, events.end) : undefined
  return wrapped ?? [{ start, end }]
}

/** The elements of a list that fills the extent; undefined where it is none. */
function listAt(body: Buffer, start: number, end: number): readonly Extent[] | undefined {
  if (body[start] !== 0x5b) return undefined
  const list = arrayElements(body, start, end)
  if (list === undefined || list.end !== end)
    throw new Problem('malformed', 'The body is not JSON: the list does not end.')
  return list.elements
}

function lines(body: Buffer): readonly Extent[] {
  const found: Extent[] = []
  for (let from = 0; from < body.length && found.length <= MOST_SAMPLES;) {
    const newline = body.indexOf(0x0a, from)
    const to = newline < 0 ? body.length : newline
    const start = skipSpace(body, from, to)
    if (start < to) found.push({ start, end: trimEnd(body, start, to) })
    from = to + 1
  }
  return found
}

function readOne(body: Buffer, start: number, end: number, at: number): Sample {
  const refuse = (code: 'malformed' | 'invalid', message: string, keyword: string, pointer = ''): Problem =>
    new Problem(code, `Sample ${at + 1}: ${message}`, { errors: [{ pointer: `/${at}${pointer}`, keyword, message }] })
  const found = inspect(body, start, end, MOST_DEPTH)
  if (found.depth > MOST_DEPTH)
    throw refuse('malformed', `it nests deeper than ${MOST_DEPTH} objects and arrays.`, 'depth')
  let data: unknown
  try {
    data = JSON.parse(body.toString('utf8', start, end))
  } catch (error) {
    throw refuse('malformed', `it is not JSON: ${(error as Error).message.slice(0, 160)}.`, 'json')
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw refuse('invalid', 'it is not an object, as the data of an event is.', 'type')
  if (found.loneSurrogateAt >= 0) {
    const pointer = pointerAt(body, start, end, found.loneSurrogateAt)
    throw refuse('malformed', 'a \\u escape is half of a surrogate pair: no text has it.', 'surrogate', pointer)
  }
  if (countMembers(data) !== found.members) {
    const repeated = repeatedMember(body, start, end)
    throw refuse('malformed', 'a name stands twice in one object.', 'duplicate', repeated?.pointer)
  }
  const odd = found.oddAt === null ? [] : oddNumbers(body, start, end, found)
  return { data: data as Sample['data'], odd }
}

/** Events as collect takes them: what is described is their data. */
function withoutEnvelopes(samples: readonly Sample[]): readonly Sample[] {
  const isEnvelope = ({ data }: Sample): boolean =>
    typeof data['dataset'] === 'string' &&
    typeof data['data'] === 'object' &&
    data['data'] !== null &&
    !Array.isArray(data['data']) &&
    Object.keys(data).every((name) => ENVELOPE.has(name))
  if (!samples.every(isEnvelope)) return samples
  return samples.map(({ data, odd }) => ({
    data: data['data'] as Sample['data'],
    odd: odd.flatMap(({ path, literal }) => (path[0] === 'data' ? [{ path: path.slice(1), literal }] : [])),
  }))
}

/** The numbers of a sample that must be judged by how they are written, by pointer. */
export const literalsOf = ({ odd }: Sample): ReadonlyMap<string, string> =>
  new Map(odd.map(({ path, literal }) => [pointerOf(path), literal]))
