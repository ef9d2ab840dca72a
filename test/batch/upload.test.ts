import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'

const api = await withApi({ after })
const place = await makeJourney(api, {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    name: { type: 'string' },
    n: { type: 'integer' },
    price: { type: 'number' },
    ok: { type: 'boolean' },
  },
  additionalProperties: false,
})
const TOPIC = `pulse.${place.tenant}.events.raw`
const AT = '2026-11-25T08:00:00Z'

const upload = (
  body: string | Uint8Array,
  type: string,
  query = '',
  headers: Record<string, string> = {},
): Promise<Answer> =>
  api.ask('POST', `/v1/datasets/events/batch${query}`, {
    tenant: place.tenant,
    body,
    headers: { 'content-type': type, ...headers },
  })
const NDJSON = 'application/x-ndjson'

/** What the upload put on the bus, as events. */
// oxlint-disable-next-line typescript/no-explicit-any -- answers are whatever JSON they are
async function sentBy(act: () => Promise<Answer>): Promise<{ answer: Answer; events: Record<string, any>[] }> {
  const before = api.bus.records.get(TOPIC)?.length ?? 0
  const answer = await act()
  const records = (api.bus.records.get(TOPIC) ?? []).slice(before)
  return { answer, events: records.map(({ value }) => JSON.parse(value.toString())) }
}
// oxlint-disable-next-line typescript/no-explicit-any -- answers are whatever JSON they are
const rejections = async ({ body }: Answer): Promise<Record<string, any>[]> =>
  (await api.ask('GET', String(body['results_url']), { tenant: place.tenant })).text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('rows of a file become events of the dataset, line by line, and the answer counts them', async () => {
  const lines = [1, 2, 3].map((n) => JSON.stringify({ timestamp: AT, name: 'é\u{1f600}', n }))
  const { answer, events } = await sentBy(() => upload(`${lines.join('\n')}\n`, NDJSON))
  assert.equal(answer.status, 202, answer.text)
  assert.deepEqual([answer.body['status'], answer.body['accepted'], answer.body['rejected']], ['done', 3, 0])
  assert.deepEqual(
    events.map(({ dataset, data }) => [dataset, data]),
    [1, 2, 3].map((n) => ['events', { timestamp: AT, name: 'é\u{1f600}', n }]),
  )
  const got = await api.ask('GET', `/v1/batches/${String(answer.body['batch_id'])}`, { tenant: place.tenant })
  assert.deepEqual(got.body, answer.body)
})

test('a repeated upload is the same events, packed or not, with LF or CRLF, with or without a last line end', async () => {
  const lines = Array.from({ length: 20 }, (_, n) => JSON.stringify({ timestamp: AT, n }))
  const text = lines.join('\n')
  const ids: string[][] = []
  for (const [body, headers] of [
    [text, {}],
    [`${text}\n`, {}],
    [`\uFEFF${lines.join('\r\n')}\r\n`, {}],
    [gzipSync(text), { 'content-encoding': 'gzip' }],
    [Buffer.concat([gzipSync(text.slice(0, 100)), gzipSync(text.slice(100))]), { 'content-encoding': 'gzip' }],
    [zstdCompressSync(text), { 'content-encoding': 'zstd' }],
  ] as const) {
    const { answer, events } = await sentBy(() => upload(body, NDJSON, '', headers))
    assert.equal(answer.body['accepted'], 20, answer.text)
    ids.push(events.map(({ event_id }) => String(event_id)))
  }
  for (const other of ids) assert.deepEqual(other, ids[0])
  assert.equal(new Set(ids[0]).size, 20)
})

test('the same row on another line is another event', async () => {
  const row = JSON.stringify({ timestamp: AT, n: 1 })
  const { events } = await sentBy(() => upload(`${row}\n${row}`, NDJSON))
  assert.equal(new Set(events.map(({ event_id }) => event_id)).size, 2)
})

test('a bad line is a verdict with its line, code, pointer and sentence, and harms none beside it', async () => {
  const good = JSON.stringify({ timestamp: AT, n: 1 })
  const body = [
    good,
    '',
    '{"n":',
    JSON.stringify({ timestamp: AT, n: 'x' }),
    '5',
    `{"timestamp":"${AT}","n":1},"dataset":"other"`,
    good,
  ]
  const { answer, events } = await sentBy(() => upload(body.join('\n'), NDJSON))
  assert.deepEqual([answer.status, answer.body['accepted'], answer.body['rejected']], [202, 2, 4], answer.text)
  assert.equal(events.length, 2)
  const told = await rejections(answer)
  assert.deepEqual(
    told.map(({ line, code, errors }) => [line, code, errors[0].pointer]),
    [
      [3, 'malformed', ''],
      [4, 'invalid', '/n'],
      [5, 'invalid', ''],
      [6, 'malformed', '/dataset'],
    ],
  )
  // Told in places and words of the row, not of the event that was made of it.
  assert.deepEqual(
    told.slice(0, 3).map(({ errors }) => errors[0].message),
    [
      'The row is not JSON: Unexpected end of JSON input',
      'must be integer',
      'A row is an object: its members become the data of an event.',
    ],
  )
  const [late] = await rejections(await upload(`{"timestamp":"${AT}",x}`, NDJSON))
  assert.match(late?.['errors'][0].message, /in JSON at position 36$/)
})

test('a JSON array is rows, however it is laid out, and so is one object', async () => {
  const rows = [1, 2, 3].map((n) => ({ timestamp: AT, n, name: 'a\nb,]}' }))
  for (const body of [
    JSON.stringify(rows),
    JSON.stringify(rows, null, 2),
    ` [ ${rows.map((row) => JSON.stringify(row)).join(' ,\n')} ]\n`,
  ]) {
    const { answer, events } = await sentBy(() => upload(body, 'application/json'))
    assert.deepEqual([answer.body['accepted'], answer.body['rejected']], [3, 0], answer.text)
    assert.deepEqual(
      events.map(({ data }) => data),
      rows,
    )
  }
  const { answer } = await sentBy(() => upload(JSON.stringify(rows[0], null, 1), 'application/json'))
  assert.equal(answer.body['accepted'], 1, answer.text)
  const empty = await upload(' [ ] ', 'application/json')
  assert.deepEqual([empty.status, empty.body['accepted']], [202, 0])
})

test('CSV cells become what the schema says of their member; an empty one is none', async () => {
  const body = `\uFEFFFlight Date,name,n,price,ok\r\n2020-01-02,"a ""b"", c\r\nd",7,1.50,TRUE\r\n2020-01-03 04:05,,,-2e3,false\r\n"2020-01-04T00:00:00+02:00",12,9007199254740993,,`
  const { answer, events } = await sentBy(() => upload(body, 'text/csv', '?map=timestamp=Flight%20Date'))
  assert.deepEqual(
    [answer.body['accepted'], answer.body['rejected']],
    [3, 0],
    `${answer.text} ${JSON.stringify(await rejections(answer))}`,
  )
  assert.deepEqual(
    events.map(({ data }) => data),
    [
      { timestamp: '2020-01-02T00:00:00Z', name: 'a "b", c\r\nd', n: 7, price: 1.5, ok: true },
      { timestamp: '2020-01-03T04:05:00Z', price: -2000, ok: false },
      { timestamp: '2020-01-04T00:00:00+02:00', name: '12', n: Number('9007199254740993') },
    ],
  )
})

test('constants are set, members renamed, ids taken from a column, in lines as in CSV', async () => {
  const ids = [randomUUID(), randomUUID()]
  const query = `?set=timestamp=2020-01-01&map=name=wer&event_id=id`
  const lines = ids.map((id, n) => JSON.stringify({ id, wer: 'x', n, timestamp: 'gone' })).join('\n')
  const cells = ['id;wer;n', ...ids.map((id, n) => `${id.toUpperCase()};x;${n}`)].join('\n')
  for (const [body, type, more] of [
    [lines, NDJSON, ''],
    [cells, 'text/csv', '&delimiter=%3B'],
  ] as const) {
    const { answer, events } = await sentBy(() => upload(body, type, `${query}${more}`))
    assert.equal(answer.body['accepted'], 2, `${answer.text} ${JSON.stringify(await rejections(answer))}`)
    assert.deepEqual(
      events,
      ids.map((event_id, n) => ({
        dataset: 'events',
        event_id,
        data: { timestamp: '2020-01-01T00:00:00Z', name: 'x', n },
      })),
    )
  }
  const without = await upload(JSON.stringify({ wer: 'x' }), NDJSON, query)
  assert.equal((await rejections(without))[0]?.['code'], 'malformed')
})

test('columns that a mapping names and a CSV file does not have are said at its head, and so are names that are no text', async () => {
  for (const [body, query, code, said] of [
    [
      'when,n\n2020-01-02,1',
      '?map=timestamp=wehn',
      'invalid_parameter',
      '/map/0 names no column of the file: "wehn". It has "when", "n".',
    ],
    [
      'timestamp;n\n2020-01-02;1',
      '?event_id=n',
      'invalid_parameter',
      '/event_id names no column of the file: "n". It has "timestamp;n".',
    ],
    [
      'when,n,m\n2020-01-02,1,2',
      '?map=n=m',
      'invalid_parameter',
      '/map/0 makes a member that is a column already: "n". It has "when", "n", "m".',
    ],
    [
      Buffer.from('timestamp,größe\n2020-01-02,1', 'latin1'),
      '',
      'malformed',
      'The name of column 2 is not valid UTF-8',
    ],
    [
      Buffer.from('\ufefftimestamp,n\n2020-01-02,1', 'utf16le'),
      '',
      'malformed',
      'The name of column 1 is not valid UTF-8',
    ],
  ] as const) {
    const { answer, events } = await sentBy(() => upload(body, 'text/csv', query))
    assert.deepEqual([answer.status, answer.body['code'], events.length], [400, code, 0], answer.text)
    assert.ok(String(answer.body['detail']).startsWith(said), answer.text)
    const batch = await api.ask('GET', `/v1/batches/${String(answer.body['batch_id'])}`, { tenant: place.tenant })
    assert.deepEqual([batch.body['status'], batch.body['problem'].code], ['failed', code])
  }
})

test('a broken line of CSV costs itself alone', async () => {
  const body = ['timestamp,n', `${AT},1`, `${AT}`, `${AT},2,3`, `"${AT}"x,4`, `"${AT},5`, `${AT},6`, `${AT},7`].join(
    '\n',
  )
  const { answer, events } = await sentBy(() => upload(body, 'text/csv'))
  assert.deepEqual(
    events.map(({ data }) => data.n),
    [1, 6, 7],
    answer.text,
  )
  assert.deepEqual(
    (await rejections(answer)).map(({ line }) => line),
    [3, 4, 5, 6],
  )
})

test('what cannot be read on is said with how far the file was taken', async () => {
  const row = JSON.stringify({ timestamp: AT, n: 1 })
  const packed = gzipSync(Array.from({ length: 3_000 }, () => row).join('\n'))
  for (const [body, type, headers] of [
    [`[${row},${row}`, 'application/json', {}],
    [`[${row} ${row}]`, 'application/json', {}],
    [`[${row}] x`, 'application/json', {}],
    ['"text"', 'application/json', {}],
    ['n,n\n1,2', 'text/csv', {}],
    ['n,\n1,2', 'text/csv', {}],
    [packed.subarray(0, packed.length - 12), NDJSON, { 'content-encoding': 'gzip' }],
    ['no gzip', NDJSON, { 'content-encoding': 'gzip' }],
    [
      Buffer.concat([zstdCompressSync(`${row}\n`), zstdCompressSync(`${row}\n`)]),
      NDJSON,
      { 'content-encoding': 'zstd' },
    ],
  ] as const) {
    const answer = await upload(body, type, '', headers)
    assert.equal(answer.status, 400, answer.text)
    assert.equal(answer.body['code'], 'malformed')
    const batch = await api.ask('GET', `/v1/batches/${String(answer.body['batch_id'])}`, { tenant: place.tenant })
    assert.equal(batch.body['status'], 'failed')
    assert.equal(batch.body['problem'].code, 'malformed')
    assert.equal(batch.body['accepted'], answer.body['accepted'])
  }
})

test('what cannot be asked is refused before a byte is read', async () => {
  for (const [path, type, headers, status, code] of [
    ['/v1/datasets/events/batch', 'text/plain', {}, 415, 'unsupported_media_type'],
    ['/v1/datasets/events/batch', NDJSON, { 'content-encoding': 'br' }, 415, 'unsupported_media_type'],
    ['/v1/datasets/events/batch?map=x', NDJSON, {}, 400, 'invalid_parameter'],
    ['/v1/datasets/events/batch?map=a=b&set=a=c', NDJSON, {}, 400, 'invalid_parameter'],
    ['/v1/datasets/events/batch?maps=a=b', NDJSON, {}, 400, 'invalid_parameter'],
    ['/v1/datasets/events/batch?delimiter=xx', 'text/csv', {}, 400, 'invalid_parameter'],
    ['/v1/datasets/events/batch', NDJSON, { 'upload-id': 'x' }, 400, 'invalid_parameter'],
    ['/v1/datasets/events/batch', NDJSON, { 'upload-offset': '-1' }, 400, 'invalid_parameter'],
    ['/v1/datasets/nowhere/batch', NDJSON, {}, 404, 'unknown_dataset'],
    ['/v1/datasets/events/batch', NDJSON, { 'upload-offset': '10' }, 409, 'conflict'],
  ] as const) {
    const answer = await api.ask('POST', path, {
      tenant: place.tenant,
      body: '{}',
      headers: { 'content-type': type, ...headers },
    })
    assert.deepEqual([answer.status, answer.body['code']], [status, code], `${path} ${answer.text}`)
  }
})
