import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'

const api = await withApi({ after })
const { tenant } = await makeJourney(api)
const AT = '2026-11-25T08:00:00Z'
const DATA = join(import.meta.dirname, '../../node_modules/vega-datasets/data')
let count = 0

const infer = (
  body: string | Uint8Array,
  type = 'application/json',
  more: Record<string, string> = {},
  query = '',
): Promise<Answer> =>
  api.ask('POST', `/v1/schemas/infer${query}`, { tenant, body, headers: { 'content-type': type, ...more } })

/** Registers the proposal as it came, binds a dataset to it, and sends the samples. Answers collect's counts. */
async function adopt({ status, body, text }: Answer, samples: readonly unknown[]): Promise<Answer> {
  assert.equal(status, 200, text)
  const name = `inferred-${++count}`
  const uri = `https://test.example/${name}`
  const schema = await api.ask('POST', '/v1/schemas', {
    tenant,
    body: { uri, title: name, definition: body['definition'] },
  })
  assert.equal(schema.status, 201, schema.text)
  const id = String(schema.body['id'])
  const published = await api.ask('PATCH', `/v1/schemas/${id}`, { tenant, body: { status: 'published' } })
  assert.equal(published.status, 200, published.text)
  const dataset = await api.ask('POST', '/v1/datasets', { tenant, body: { slug: name, name, schema_uri: uri } })
  assert.equal(dataset.status, 201, dataset.text)
  return api.ask('POST', '/v1/collect', { tenant, body: { events: samples.map((data) => ({ dataset: name, data })) } })
}

test('a proposal is registered, published and bound as it came, and every sample is then accepted', async () => {
  const samples = Array.from({ length: 40 }, (_, at) => ({
    timestamp: AT,
    plan: ['free', 'pro'][at % 2],
    cart: { total: at / 4, items: Array.from({ length: at % 3 }, () => ({ sku: `s${at}`, 'unit price': '9.90' })) },
    visitor: at % 5 === 0 ? null : `v${at}@example.com`,
    _internal: at,
    anything: [1, 'a', null, { x: [] }][at % 4],
  }))
  const proposals = [
    await infer(JSON.stringify(samples)),
    await infer(JSON.stringify({ events: samples.map((data) => ({ dataset: 'x', data })) })),
    await infer(samples.map((one) => `${JSON.stringify(one)}\r\n`).join('\n'), 'application/x-ndjson; charset=utf-8'),
    await infer(`\uFEFF${JSON.stringify(samples)}`),
    await infer(gzipSync(JSON.stringify(samples)), 'application/json', { 'content-encoding': 'gzip' }),
  ]
  for (const proposal of proposals) assert.deepEqual(proposal.body, proposals[0]?.body)
  const [proposal] = proposals as [Answer]
  assert.deepEqual([proposal.body['samples'], proposal.body['accepted'], proposal.body['refused']], [40, 40, []])
  const sent = await adopt(proposal, samples)
  assert.deepEqual([sent.status, sent.body['accepted']], [202, 40], sent.text)
})

test('a file whose proposal was adopted as it came is uploaded by the day that its note names, and by a constant too', async () => {
  const file = readFileSync(join(DATA, 'birdstrikes.csv'), 'utf8').split('\n').slice(0, 2_001).join('\n')
  const proposal = await infer(file, 'text/csv')
  assert.match(proposal.text, /\\"Flight Date\\" may be it/)
  const sent = await adopt(proposal, [])
  assert.equal(sent.body['code'], 'empty_events')
  for (const query of ['map=timestamp=Flight%20Date', 'set=timestamp=2020-01-01']) {
    const answer = await api.ask('POST', `/v1/datasets/inferred-${count}/batch?${query}`, {
      tenant,
      body: file,
      headers: { 'content-type': 'text/csv' },
    })
    assert.deepEqual([answer.body['accepted'], answer.body['rejected']], [2_000, 0], `${query} ${answer.text}`)
  }
})

test('a file of real flights: types as they are, and what lacks a timestamp says so and is a dataset all the same', async () => {
  const path = join(DATA, 'flights-200k.json')
  const flights = (JSON.parse(readFileSync(path, 'utf8')) as object[]).slice(0, 2_000)
  const proposal = await infer(JSON.stringify(flights))
  assert.deepEqual(proposal.body['definition'].properties, {
    delay: { type: 'integer' },
    distance: { type: 'integer' },
    time: { type: 'number' },
  })
  assert.equal(proposal.body['accepted'], 0)
  assert.match(proposal.text, /an event needs \\"timestamp\\"/)
  const sent = await adopt(
    proposal,
    flights.map((flight) => ({ ...flight, timestamp: AT })),
  )
  assert.deepEqual([sent.status, sent.body['accepted']], [202, 2_000], sent.text.slice(0, 500))
})

test('a file of real bird strikes, as CSV: columns of numbers, of few words, and a date that may be the timestamp', async () => {
  const path = join(DATA, 'birdstrikes.csv')
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, 1_001).join('\n')
  const { body, status, text } = await infer(lines, 'text/csv')
  assert.equal(status, 200, text)
  const { properties } = body['definition']
  assert.equal(body['samples'], 1_000)
  assert.deepEqual(properties['Wildlife Size'], { type: 'string', enum: ['Large', 'Medium', 'Small'] })
  assert.deepEqual(properties['Cost Total $'], { type: 'integer' })
  assert.deepEqual(properties['Flight Date'], { type: 'string', format: 'date' })
  assert.match(text, /\\"Flight Date\\" may be it/)
})

test('cells may be parted by something else than a comma', async () => {
  const { body, text } = await infer('timestamp;n\n2026-11-25T08:00:00Z;1,5\n', 'text/csv', {}, '?delimiter=%3B')
  assert.deepEqual(Object.keys(body['definition'].properties), ['timestamp', 'n'], text)
})

test('what cannot be read says which sample or line, and what to do', async () => {
  const cases: readonly (readonly [string, string, number, string, RegExp])[] = [
    ['[{"a":1},{"a":1,"a":2}]', 'application/json', 400, 'malformed', /Sample 2: a name stands twice/],
    ['[{"a":1},7]', 'application/json', 422, 'invalid', /Sample 2: it is not an object/],
    ['{"a":1}\n{"a":', 'application/x-ndjson', 400, 'malformed', /Sample 2: it is not JSON/],
    ['[1', 'application/json', 400, 'malformed', /list does not end/],
    ['[]', 'application/json', 422, 'empty_events', /at least one/],
    ['a,b\n', 'text/csv', 422, 'empty_events', /at least one/],
    ['a,a\n1,2\n', 'text/csv', 400, 'malformed', /The name "a" stands twice/],
    ['a,b\n1,2,3\n', 'text/csv', 400, 'malformed', /Line 2: The line has 3 cells; the first line names 2/],
    ['a,b\n1,"2\n', 'text/csv', 400, 'malformed', /Line 2: A quote is not closed/],
    ['<a/>', 'application/xml', 415, 'unsupported_media_type', /text\/csv/],
    [`[${'{},'.repeat(10_001)}{}]`, 'application/json', 413, 'too_large', /at most 10000/],
    [`[{"a":"${'x'.repeat(4 * 1024 * 1024)}"}]`, 'application/json', 413, 'too_large', /4194304 bytes: a part/],
    [`[${'{"a":'.repeat(70)}1${'}'.repeat(70)}]`, 'application/json', 400, 'malformed', /deeper than 64/],
  ]
  for (const [sent, type, status, code, sentence] of cases) {
    const answer = await infer(sent, type)
    assert.deepEqual([answer.status, answer.body['code']], [status, code], `${sent.slice(0, 60)}: ${answer.text}`)
    assert.match(answer.body['detail'], sentence)
  }
  for (const [query, message] of [
    ['delimiter=x', /\/delimiter must be/],
    ['delimiters=%3B', /\/delimiters is not known/],
  ] as const) {
    const answer = await infer('a;b\n1;2\n', 'text/csv', {}, `?${query}`)
    assert.deepEqual([answer.status, answer.body['code']], [400, 'invalid_parameter'], answer.text)
    assert.match(answer.body['detail'], message)
  }
  assert.equal((await infer(Buffer.from([0x7b, 0xff, 0x7d]))).body['code'], 'malformed')
  assert.equal((await api.ask('POST', '/v1/schemas/infer', { tenant })).body['code'], 'unsupported_media_type')
  assert.equal((await infer('')).body['code'], 'empty_events')
  const broken = await infer(Buffer.from('not gzip'), 'application/json', { 'content-encoding': 'gzip' })
  assert.equal(broken.body['code'], 'malformed')
})

test('the path is its own, not a schema of that id: Allow names what applies to it', async () => {
  const answer = await api.ask('OPTIONS', '/v1/schemas/infer', { tenant })
  assert.deepEqual([answer.status, answer.headers.get('allow')], [405, 'POST'])
})
