import { gzipSync, zstdCompressSync } from 'node:zlib'
import { readFileSync } from 'node:fs'

/**
 * Everything bad that a client may send, as data: `docs/reference/bad-input.md` says what each is
 * answered with, and tests send it, into the room itself and over HTTP.
 */

/** A schema (of the class interaction-event) that every case is written for. */
export const BAD_INPUT_DEFINITION = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    count: { type: 'integer' },
    small: { type: 'integer', format: 'int32' },
    amount: { type: 'number' },
    code: { type: 'string', pattern: '(a+)+$' },
    price: { type: 'string', format: 'decimal', precision: 10, scale: 2 },
    place: { type: 'object', properties: { city: { type: 'string' } } },
    anything: {},
  },
} as const

interface BadInputPlace {
  readonly dataset: string
  /** A dataset that only another tenant has. */
  readonly foreignDataset: string
}

/** How a body reaches the server: `half` stops in the middle and goes away, `slow` stops and stays. */
type Delivery = 'whole' | 'half' | 'slow'

export interface SentRequest {
  readonly contentType: string | undefined
  readonly contentEncoding?: string
  readonly idempotencyKey?: string
  readonly body: Buffer
  readonly delivery?: Delivery
}

export interface BadInput {
  /** The first column of the table. */
  readonly input: string
  /** The bad event: sent alone, and between two good ones in both kinds of batches. */
  readonly event?: (place: BadInputPlace) => string | Buffer
  /** A whole request, where it is not one event that is bad. */
  readonly request?: (place: BadInputPlace) => SentRequest
}

const TIMESTAMP = '"timestamp":"2026-11-25T08:00:00Z"'
const ID = '018f4c6e-0000-7000-8000-000000000001'

/** An event whose data has the timestamp and these members. */
const withData = (members: string) => (place: BadInputPlace) =>
  `{"dataset":"${place.dataset}","data":{${TIMESTAMP},${members}}}`
const withTimestamp = (timestamp: string) => (place: BadInputPlace) =>
  `{"dataset":"${place.dataset}","data":{"timestamp":"${timestamp}"}}`
export const goodEvent = (place: BadInputPlace): string => withData('"name":"neighbour"')(place)

const json = (body: string | Buffer, more: Partial<SentRequest> = {}): SentRequest => ({
  contentType: 'application/json',
  body: Buffer.from(body),
  ...more,
})
const ndjson = (body: string | Buffer): SentRequest => ({
  contentType: 'application/x-ndjson',
  body: Buffer.from(body),
})

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`

export const BAD_INPUTS: readonly BadInput[] = [
  { input: 'not JSON', event: () => '{"dataset": "orders", "data": {' },
  { input: 'two JSON texts in one body', event: (place) => `${goodEvent(place)}{}` },
  { input: 'a number, not an object', event: () => '42' },
  { input: 'an empty body', request: () => json('') },
  { input: 'a JSON array', request: (place) => json(`[${goodEvent(place)}]`) },
  { input: 'no dataset named', event: () => `{"data":{${TIMESTAMP}}}` },
  { input: 'no data', event: (place) => `{"dataset":"${place.dataset}"}` },
  { input: 'data that is a list', event: (place) => `{"dataset":"${place.dataset}","data":[]}` },
  {
    input: 'a member beside dataset, event_id and data',
    event: (place) => `{"dataset":"${place.dataset}","data":{${TIMESTAMP}},"tenant":"x"}`,
  },
  {
    input: 'an event_id that is no UUID',
    event: (place) => `{"dataset":"${place.dataset}","event_id":"order-1","data":{${TIMESTAMP}}}`,
  },
  { input: 'an unknown dataset', event: () => `{"dataset":"no-such-dataset","data":{${TIMESTAMP}}}` },
  { input: 'a dataset that is no slug', event: () => `{"dataset":"No Slug/..","data":{${TIMESTAMP}}}` },
  {
    input: "another tenant's dataset",
    event: (place) => `{"dataset":"${place.foreignDataset}","data":{${TIMESTAMP}}}`,
  },

  { input: 'a wrong type', event: withData('"count":"3"') },
  { input: 'a boolean where a text belongs', event: withData('"name":true') },
  { input: 'a property that the schema does not have', event: withData('"colour":"red"') },
  { input: 'such a property further down', event: withData('"place":{"city":"Berlin","zip":"10115"}') },
  { input: 'no timestamp', event: (place) => `{"dataset":"${place.dataset}","data":{"name":"x"}}` },
  { input: 'month 13', event: withTimestamp('2026-13-01T00:00:00Z') },
  { input: '30 February', event: withTimestamp('2026-02-30T00:00:00Z') },
  { input: 'second 60', event: withTimestamp('2026-12-31T23:59:60Z') },
  { input: 'a timestamp with a lower-case t', event: withTimestamp('2026-11-25t08:00:00Z') },
  { input: 'a timestamp without an offset', event: withTimestamp('2026-11-25T08:00:00') },
  { input: 'a timestamp before 1970', event: withTimestamp('1969-12-31T23:59:59Z') },
  { input: 'a timestamp after 2200', event: withTimestamp('2201-01-01T00:00:00Z') },
  { input: 'a decimal with too many digits', event: withData('"price":"1.005"') },
  { input: 'a pattern made to backtrack', event: withData(`"code":"${'a'.repeat(50_000)}!"`) },

  { input: 'a lone surrogate', event: withData('"name":"\\ud800"') },
  { input: 'a lone surrogate in a name', event: withData('"anything":{"\\udc00":1}') },
  { input: 'a name twice in one object', event: withData('"name":"a","name":"b"') },
  { input: 'a name twice, once written with an escape', event: withData('"name":"a","n\\u0061me":"b"') },
  { input: 'a name twice in a free-form object', event: withData('"anything":{"a":1,"a":2}') },
  {
    input: 'dataset twice',
    event: (place) => `{"dataset":"${place.dataset}","dataset":"${place.dataset}","data":{${TIMESTAMP}}}`,
  },
  { input: '__proto__ in the data', event: withData('"__proto__":{"admin":true}') },
  {
    input: '__proto__ beside the data',
    event: (place) => `{"dataset":"${place.dataset}","data":{${TIMESTAMP}},"__proto__":{"dataset":"x"}}`,
  },
  { input: 'constructor in the data', event: withData('"constructor":1') },
  { input: '__proto__ in a free-form object', event: withData('"anything":{"__proto__":{"a":1},"constructor":2}') },

  { input: '2^63 in an integer', event: withData('"count":9223372036854775808') },
  { input: '2^63 - 1 in an integer', event: withData('"count":9223372036854775807') },
  { input: '-2^63 in an integer', event: withData('"count":-9223372036854775808') },
  { input: '2^53 + 1 in an integer', event: withData('"count":9007199254740993') },
  { input: '2^53 + 1 in a number', event: withData('"amount":9007199254740993') },
  { input: '2^31 in an int32', event: withData('"small":2147483648') },
  { input: '1.5 in an integer', event: withData('"count":1.5') },
  { input: '1.0 in an integer', event: withData('"count":1.0') },
  { input: 'an integer with an exponent that a double rounds', event: withData('"count":9.007199254740993e15') },
  { input: '1e400', event: withData('"amount":1e400') },
  { input: '1e400 where anything may stand', event: withData('"anything":[1e400]') },
  { input: '1e-400', event: withData('"amount":1e-400') },
  { input: 'NaN', event: withData('"amount":NaN') },
  { input: 'Infinity', event: withData('"amount":-Infinity') },

  { input: 'a raw NUL byte', event: withData('"name":"a\u0000b"') },
  { input: 'NUL as an escape', event: withData('"name":"a\\u0000b"') },
  {
    input: 'invalid UTF-8',
    event: (place) =>
      Buffer.concat([
        Buffer.from(`{"dataset":"${place.dataset}","data":{${TIMESTAMP},"name":"`),
        Buffer.from([0xc3, 0x28, 0xff]),
        Buffer.from('"}}'),
      ]),
  },
  {
    input: 'a surrogate encoded in UTF-8',
    event: (place) =>
      Buffer.concat([
        Buffer.from(`{"dataset":"${place.dataset}","data":{${TIMESTAMP},"name":"`),
        Buffer.from([0xed, 0xa0, 0x80]),
        Buffer.from('"}}'),
      ]),
  },
  {
    input: 'a byte order mark',
    event: (place) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(goodEvent(place))]),
  },
  { input: 'depth 65', event: withData(`"anything":${nested(63)}`) },
  { input: 'depth 64', event: withData(`"anything":${nested(62)}`) },
  { input: 'depth 10,000', event: withData(`"anything":${nested(10_000)}`) },
  { input: 'an event of 1 MiB + 1', event: (place) => padded(place, (1 << 20) + 1) },
  { input: 'an event of 1 MiB', event: (place) => padded(place, 1 << 20) },

  { input: 'a body of 17 MiB', request: () => json(Buffer.alloc(17 << 20, 0x20)) },
  { input: 'sixteen million opening brackets', request: () => json(Buffer.alloc(16 << 20, 0x5b)) },
  {
    input: 'sixteen million opening brackets as data',
    request: (place) => json(`{"dataset":"${place.dataset}","data":${'['.repeat(1 << 19)}`),
  },
  { input: 'a gzip bomb', request: () => json(gzipSync(Buffer.alloc(64 << 20, 0x20)), { contentEncoding: 'gzip' }) },
  {
    input: 'a zstd bomb',
    request: () => json(zstdCompressSync(Buffer.alloc(64 << 20, 0x20)), { contentEncoding: 'zstd' }),
  },
  {
    input: 'a gzip body cut short',
    request: (place) => json(gzipSync(goodEvent(place)).subarray(0, -9), { contentEncoding: 'gzip' }),
  },
  {
    input: 'a body that says gzip and is not',
    request: (place) => json(goodEvent(place), { contentEncoding: 'gzip' }),
  },
  {
    input: 'a content encoding that is not known',
    request: (place) => json(goodEvent(place), { contentEncoding: 'br' }),
  },
  { input: 'no content type', request: (place) => ({ contentType: undefined, body: Buffer.from(goodEvent(place)) }) },
  {
    input: 'a content type that is not JSON',
    request: (place) => ({ contentType: 'text/plain', body: Buffer.from(goodEvent(place)) }),
  },
  {
    input: 'a charset that is not UTF-8',
    request: (place) => ({ contentType: 'application/json; charset=iso-8859-1', body: Buffer.from(goodEvent(place)) }),
  },
  {
    input: 'an Idempotency-Key that is no UUID',
    request: (place) => json(goodEvent(place), { idempotencyKey: 'again' }),
  },
  { input: 'an empty list of events', request: () => json('{"events":[]}') },
  { input: 'NDJSON without a line', request: () => ndjson('\n \n') },
  { input: 'events that is no list', request: () => json('{"events":{}}') },
  {
    input: 'a member beside events',
    request: (place) => json(`{"events":[${goodEvent(place)}],"dataset":"${place.dataset}"}`),
  },
  { input: 'events twice', request: (place) => json(`{"events":[${goodEvent(place)}],"events":[]}`) },
  { input: 'a list of events that does not end', request: (place) => json(`{"events":[${goodEvent(place)},`) },
  { input: '10,001 events', request: (place) => ndjson(`${goodEvent(place)}\n`.repeat(10_001)) },
  { input: 'a half-sent body', request: (place) => json(goodEvent(place), { delivery: 'half' }) },
  { input: 'a slow client', request: (place) => json(goodEvent(place), { delivery: 'slow' }) },
  {
    input: 'NDJSON with one bad line in the middle',
    request: (place) => ndjson([goodEvent(place), '{"dataset":', goodEvent(place)].join('\n')),
  },
  { input: 'NDJSON of bad lines only', request: () => ndjson('{\n}\n') },
  {
    input: 'the same event_id twice in one request',
    request: (place) => ndjson(`{"dataset":"${place.dataset}","event_id":"${ID}","data":{${TIMESTAMP}}}\n`.repeat(2)),
  },
  {
    input: 'the same event_id again',
    request: (place) => json(`{"dataset":"${place.dataset}","event_id":"${ID.toUpperCase()}","data":{${TIMESTAMP}}}`),
  },
]

/** An event of exactly this many bytes. */
function padded(place: BadInputPlace, bytes: number): string {
  const event = withData('"name":""')(place)
  return event.replace('"name":""', `"name":"${'x'.repeat(bytes - event.length)}"`)
}

export interface ExpectedAnswer {
  readonly input: string
  readonly status: number
  /** Of the document; undefined for 202. */
  readonly code: string | undefined
  /** Of the bad event: a problem code, `accepted`, or undefined where there are no verdicts. */
  readonly verdict: string | undefined
}

/** The rows of a table of `docs/reference/bad-input.md`, by the heading above it. */
export function expectedAnswers(heading: string): readonly ExpectedAnswer[] {
  const page = readFileSync(new URL('../../docs/reference/bad-input.md', import.meta.url), 'utf8')
  const section = page.split(/^## /m).find((part) => part.startsWith(heading))
  if (section === undefined) throw new Error(`docs/reference/bad-input.md has no heading "${heading}"`)
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
  return rows.map((row) => {
    const [input = '', status, code, verdict] = row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim().replaceAll('`', ''))
    const word = (cell: string | undefined): string | undefined =>
      cell === undefined || cell === '-' ? undefined : cell
    return { input, status: Number(status), code: word(code), verdict: word(verdict) }
  })
}
