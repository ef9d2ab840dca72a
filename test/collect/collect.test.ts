import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { isUuid } from '../../src/event/index.ts'
import { collectInto, TENANT, TRACE } from '../kit/collect.ts'

const DEFINITION = { type: 'object', properties: { name: { type: 'string' }, n: { type: 'integer' } } }
const ID = '018f4c6e-0000-7000-8000-000000000001'
const event = (members = '', more = '') =>
  `{"dataset":"orders"${more},"data":{"timestamp":"2026-11-25T08:00:00Z"${members}}}`

test('an accepted event is on the bus in the client’s own bytes, with its id as the key', async () => {
  const { collect, records } = collectInto({ orders: DEFINITION })
  const body = `  ${event(',"n": 9007199254740993, "name":"\\u0061\\/ü"', `,"event_id":"${ID.toUpperCase()}"`)} \n`
  const answer = await collect({ body })
  assert.deepEqual(
    [answer.status, answer.counts, answer.results],
    [202, [1, 0, 0], [{ event_id: ID, status: 'accepted' }]],
  )
  const [record] = records
  assert.ok(record !== undefined)
  assert.equal(record.topic, `pulse.${TENANT}.events.raw`)
  assert.equal(record.key.toString(), ID)
  assert.equal(record.value.toString(), body.trim())
  const headers = Object.fromEntries(record.headers.entries.map(([name, value]) => [name.toString(), value.toString()]))
  assert.deepEqual(Object.keys(headers), ['pulse-dataset', 'pulse-schema', 'pulse-received-at', 'traceparent'])
  assert.equal(headers['traceparent'], TRACE.header)
  assert.match(String(headers['pulse-received-at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
})

test('an event on several lines is put on one, and nothing else about it changes', async () => {
  const { collect, records } = collectInto({ orders: DEFINITION })
  const pretty =
    '{\n  "dataset": "orders",\r\n  "data": {\n    "timestamp": "2026-11-25T08:00:00Z",\n    "n": 1.0, "name": "a  \\n b"\n  }\n}'
  await collect({ body: pretty })
  await collect({ body: `{"events": [\n${pretty},\n ${event()} ]}` })
  const flat = '{"dataset":"orders","data":{"timestamp":"2026-11-25T08:00:00Z","n":1.0,"name":"a  \\n b"}}'
  assert.deepEqual(
    records.map((record) => record.value.toString()),
    [flat, flat, event()],
  )
})

test('every form of body and every packing says the same', async () => {
  const { collect, records } = collectInto({ orders: DEFINITION })
  const three = [event(',"n":1'), event(',"n":2'), event(',"name":"ü"')]
  const wrapped = `{"events":[${three.join(' , ')}]}`
  const ndjson = `${three.join('\n')}\r\n\n`
  const bodies: Parameters<typeof collect>[0][] = [
    { body: wrapped },
    { body: ndjson, contentType: 'application/x-ndjson; charset=UTF-8' },
    { body: gzipSync(wrapped), contentEncoding: 'gzip' },
    { body: zstdCompressSync(ndjson), contentEncoding: 'ZSTD', contentType: 'application/x-ndjson' },
    { body: wrapped, contentEncoding: 'identity' },
  ]
  for (const body of bodies) {
    const answer = await collect(body)
    assert.deepEqual([answer.status, answer.counts], [202, [3, 0, 0]])
    assert.deepEqual(
      records.splice(0).map((record) => record.value.toString()),
      three,
    )
  }
})

test('events without an id get one each; with an Idempotency-Key the same again', async () => {
  const { collect } = collectInto({ orders: DEFINITION })
  const body = [event(), event('', `,"event_id":"${ID}"`), event()].join('\n')
  const send = async (idempotencyKey?: string) =>
    (await collect({ body, contentType: 'application/x-ndjson', idempotencyKey })).results.map((one) => one.event_id)
  const [first, second] = [await send(), await send()]
  assert.ok(first.every(isUuid) && first[1] === ID)
  assert.notEqual(first[0], second[0])
  const key = '018f4c6e-0000-7000-8000-0000000000aa'
  const [once, again] = [await send(key), await send(key.toUpperCase())]
  assert.deepEqual(once, again)
  assert.equal(new Set(once).size, 3)
})

test('verdicts come one per event, in order, and one bad event never poisons its neighbours', async () => {
  const { collect, records } = collectInto({ orders: DEFINITION })
  const body = [
    event(),
    event(',"zz":1', `,"event_id":"${ID}"`),
    'nonsense',
    event(),
    event().replace('orders', 'none'),
  ].join('\n')
  const answer = await collect({ body, contentType: 'application/x-ndjson' })
  assert.equal(answer.status, 202)
  assert.deepEqual(answer.counts, [2, 3, 0])
  assert.deepEqual(
    answer.results.map((one) => one.code ?? one.status),
    ['accepted', 'invalid', 'malformed', 'accepted', 'unknown_dataset'],
  )
  assert.deepEqual([answer.results[1]?.event_id, answer.results[2]?.event_id], [ID, null])
  assert.equal(answer.results[1]?.errors?.[0]?.pointer, '/data/zz')
  assert.equal(records.length, 2)
})

test('a dataset that is not known yet is asked for once, and the order of records stays', async () => {
  const { collect, records, asked } = collectInto({ orders: DEFINITION, more: DEFINITION }, { cold: true })
  const events = Array.from({ length: 200 }, (_, at) =>
    event(`,"n":${at}`).replace('orders', at % 2 === 0 ? 'orders' : 'more'),
  )
  const answer = await collect({ body: events.join('\n'), contentType: 'application/x-ndjson' })
  assert.equal(answer.counts?.[0], 200)
  assert.deepEqual(asked.toSorted(), ['more', 'orders'])
  assert.deepEqual(
    records.map((record) => record.value.toString()),
    events,
  )
})

test('when nobody can tell whether a dataset exists the request fails whole, and nothing is published', async () => {
  const { collect, records } = collectInto({ orders: DEFINITION }, { cold: true, lookUpFails: true })
  const answer = await collect({ body: event() })
  assert.deepEqual([answer.status, answer.code, records.length], [503, 'dependency_away', 0])
})

test('what the bus did not acknowledge is failed, to be sent again with the same id', async () => {
  const { collect, answerWith } = collectInto({ orders: DEFINITION })
  answerWith((_record, index) => (index === 1 ? { code: 'timeout', detail: 'no answer within 10000 ms' } : null))
  const answer = await collect({
    body: [event(), event(), event(',"zz":1')].join('\n'),
    contentType: 'application/x-ndjson',
  })
  assert.deepEqual([answer.status, answer.code, answer.counts], [503, 'publish_failed', [1, 1, 1]])
  assert.ok((answer.retryAfterSeconds ?? 0) > 0)
  assert.deepEqual(
    answer.results.map((one) => one.status),
    ['accepted', 'failed', 'rejected'],
  )
  assert.ok(isUuid(answer.results[1]?.event_id))
})

test('an event that the bus will never take is rejected, not failed', async () => {
  const { collect, answerWith } = collectInto({ orders: DEFINITION })
  answerWith(() => ({ code: 'too_large', detail: 'at most 900 KiB' }))
  const answer = await collect({ body: event() })
  assert.deepEqual([answer.status, answer.code, answer.results[0]?.code], [413, 'too_large', 'too_large'])
})

test('beyond the bound of unacknowledged bytes requests are refused before anything is read', async () => {
  const { collect, records, setPending } = collectInto({ orders: DEFINITION }, { limits: { maxPendingBytes: 1000 } })
  setPending(1001)
  const answer = await collect({ body: event() })
  assert.deepEqual([answer.status, answer.code, answer.retryAfterSeconds, records.length], [503, 'overloaded', 1, 0])
  assert.equal(answer.shed, 'producer_queue')
  setPending(0)
  assert.equal((await collect({ body: event() })).status, 202)
})

test('a large request gives way to others while it is read', async () => {
  const { collect } = collectInto({ orders: DEFINITION })
  const big = Array.from({ length: 10_000 }, () => event(`,"name":"${'x'.repeat(400)}"`)).join('\n')
  let turns = 0
  const counting = setInterval(() => turns++, 1)
  const answer = await collect({ body: big, contentType: 'application/x-ndjson' })
  clearInterval(counting)
  assert.equal(answer.counts?.[0], 10_000)
  assert.ok(turns > 1, `${turns} turns of the event loop`)
})
