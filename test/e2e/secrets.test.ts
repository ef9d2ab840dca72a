import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic, RECORD_HEADERS, uuidv7 } from '../../src/event/index.ts'
import { LOG } from '../../src/telemetry/index.ts'
import { makePlace, type Place } from '../kit/api.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * Proof that no secret and no payload leaves by the window: each door gets a word of its own, and
 * afterwards no log line, span, metric or error body of the whole system has any of them.
 */
const poured = new Map<string, string>()
let made = 0
/** A word that is nowhere else, for one door. */
function secret(door: string): string {
  const word = `hush${(made += 1).toString(36).padStart(3, '0')}${'abcdefgh'}`
  poured.set(word, door)
  return word
}

const DEFINITION = {
  type: 'object',
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    n: { type: 'integer' },
    card: { type: 'string', maxLength: 40 },
    born: { type: 'string', format: 'date' },
    who: { type: 'string', format: 'uuid' },
    kind: { type: 'string', enum: ['a', 'b'] },
    nested: { type: 'object', properties: { pin: { type: 'integer' } } },
  },
  required: ['timestamp', 'n'],
}
const TIMESTAMP = '2026-11-25T08:00:00Z'

/** Whatever is exported as spans, as the bytes that were sent: protobuf keeps text as it is. */
async function spanSink(t: TestContext): Promise<{ url: string; bytes: () => Buffer }> {
  const chunks: Buffer[] = []
  const server = createServer()
  server.on('stream', (stream) => {
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('end', () => stream.end(Buffer.alloc(5))) // an empty message
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes: () => Buffer.concat(chunks) }
}

/** Asks with a secret in every header that carries one, and in the query; answers the body where it is an error. */
async function ask(system: System, method: string, path: string, tenantId: string, body?: string): Promise<string> {
  const query = `?api_key=${secret('query')}&token=${secret('query')}&x=${secret('query')}`
  const response = await fetch(`${system.baseUrl}${path}${path.includes('?') ? query.replace('?', '&') : query}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      'x-tenant-id': tenantId,
      authorization: `Bearer ${secret('authorization')}`,
      cookie: `session=${secret('cookie')}`,
      'x-api-key': secret('x-api-key'),
      'proxy-authorization': `Basic ${Buffer.from(`u:${secret('basic')}`).toString('base64')}`,
      tracestate: `vendor=${secret('tracestate')}`,
      baggage: `card=${secret('baggage')}`,
      'user-agent': secret('user-agent'),
      referer: `https://user:${secret('referer')}@example.com/`,
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  return response.status >= 400 ? text : ''
}

/** Events that are fine, that are wrong in every way that has a sentence, and bodies that are no JSON. */
function bodies(place: Place): string[] {
  const event = (data: Record<string, unknown>, more: Record<string, unknown> = {}): string =>
    JSON.stringify({ dataset: place.dataset, data: { timestamp: TIMESTAMP, n: 1, ...data }, ...more })
  return [
    event({ card: secret('accepted') }),
    event({ n: secret('wrong type') }),
    event({ card: `${secret('too long')}${'x'.repeat(50)}` }),
    event({ born: secret('no date') }),
    event({ who: secret('no uuid') }),
    event({ kind: secret('no enum') }),
    event({ nested: { pin: secret('nested') } }),
    event({ unknown: secret('unknown property') }),
    event({ timestamp: secret('no timestamp') }),
    event({}, { event_id: secret('no event id') }),
    // A slug is an address: the answer to whoever sent it repeats it. What is no slug is not repeated.
    event({}, { dataset: `No slug: ${secret('no dataset')}` }),
    `{"dataset": "events", "data": {"card": "${secret('broken JSON')}"`,
    `${secret('no JSON at all')} is not JSON`,
    `[${event({ card: secret('batch') })}, ${event({ n: secret('batch') })}]`,
    `{"data": "${secret('no object')}"}`,
  ]
}

/** Records that nobody validated: what the worker makes of them. */
async function poison(system: System, place: Place): Promise<void> {
  await using bus = openBus({
    brokers: [`127.0.0.1:${system.port('bus')}`],
    clientId: 'secrets',
    publishTimeoutMs: 10_000,
  })
  await using publisher = bus.publisher()
  const header = (name: string, value: string) => [Buffer.from(name), Buffer.from(value)] as const
  const record = (value: string, dataset: string, ...more: (readonly [Buffer, Buffer])[]) => ({
    topic: rawTopic(place.tenantId),
    key: Buffer.from(uuidv7()),
    value: Buffer.from(value),
    headers: {
      entries: [
        header(RECORD_HEADERS.dataset, dataset),
        header(RECORD_HEADERS.receivedAt, '2026-11-25T08:00:00.000000Z'),
        header('authorization', `Bearer ${secret('record header')}`),
        ...more,
      ],
    },
  })
  await publisher.publish([
    record(
      JSON.stringify({ dataset: place.dataset, data: { timestamp: TIMESTAMP, n: secret('unconvertible') } }),
      place.datasetId,
    ),
    record(JSON.stringify({ dataset: place.dataset, data: { timestamp: secret('no time'), n: 1 } }), place.datasetId),
    record(`{"card":"${secret('malformed')}"`, place.datasetId),
    record(`{"card":"${secret('unresolved')}"}`, '01900000-0000-7000-8000-00000000ffff'),
    record(secret('no JSON'), secret('dataset header')),
    record('{}', place.datasetId, header(RECORD_HEADERS.traceparent, secret('traceparent'))),
  ])
}

test(
  'what is poured in at every door is in no log line, no span, no metric and no error body',
  { timeout: 180_000 },
  async (t) => {
    const sink = await spanSink(t)
    await using system = await bootPulse({
      PULSE_FLUSH_SECONDS: '0.3',
      PULSE_LOG_LEVEL: 'debug',
      PULSE_OTLP_ENDPOINT: sink.url,
      PULSE_TRACES_PER_SECOND: '1000',
    })
    const secrets = JSON.parse(await readFile(join(system.dataDir, 'secrets.json'), 'utf8')) as Record<string, string>
    for (const [name, value] of Object.entries(secrets)) poured.set(value, `the embedded Postgres' ${name}`)
    const place = await makePlace(system.baseUrl, DEFINITION)
    const { tenantId } = place

    const errors: string[] = []
    for (const body of bodies(place)) errors.push(await ask(system, 'POST', '/v1/collect', tenantId, body))
    for (const path of [
      '/v1/datasets',
      `/v1/datasets/${place.dataset}/preview`,
      '/v1/schemas',
      '/v1/tenants',
      '/nowhere',
      '/v1/datasets/none',
    ])
      errors.push(await ask(system, 'GET', path, tenantId))
    errors.push(
      await ask(
        system,
        'POST',
        '/v1/tenants',
        tenantId,
        `{"slug": 7, "name": "${secret('tenant')}", "password": "${secret('tenant')}"}`,
      ),
    )
    errors.push(
      await ask(system, 'POST', '/v1/schemas', tenantId, `{"definition": {"const": "${secret('definition')}"`),
    )
    errors.push(
      await ask(system, 'PATCH', `/v1/datasets/${place.dataset}`, tenantId, `{"token": "${secret('patch')}"}`),
    )
    errors.push(await ask(system, 'GET', '/v1/datasets', `not-a-tenant-${secret('tenant id')}`))
    await poison(system, place)

    const logs = join(system.dataDir, 'logs')
    const lines = async (): Promise<string[]> => {
      const files = (await readdir(logs)).filter((name) => /^(api|worker|bus|canary)\.log/.test(name))
      return (await Promise.all(files.map((name) => readFile(join(logs, name), 'utf8')))).flatMap((text) =>
        text.split('\n'),
      )
    }
    await until(
      'dead letters to be told',
      async () => (await lines()).filter((line) => line.includes('dead_lettered')).length >= 2,
      60_000,
    )
    // A place that goes away is told with what the client was given as its address.
    system.kill9('postgres')
    await until(
      'Postgres to be missed',
      async () => (await lines()).some((line) => line.includes('dependency.away')),
      60_000,
    )
    errors.push(await ask(system, 'GET', '/v1/datasets', tenantId))
    const metrics = await Promise.all(
      [`${system.baseUrl}/metrics/`, `http://127.0.0.1:${system.env['PULSE_WORKER_METRICS_PORT']}/metrics`].map(
        async (url) => (await fetch(url)).text(),
      ),
    )
    await system.stop()

    const written = (await lines()).filter((line) => line !== '')
    assert.ok(written.length > 50, `${written.length} lines`)
    for (const line of written.filter((line) => line.startsWith('{')))
      assert.ok((JSON.parse(line) as { event: string }).event in LOG, `not an event of the log: ${line}`)
    assert.ok(errors.filter((text) => text !== '').length >= 15, 'most of these are errors')
    assert.ok(poured.size > 200, `${poured.size} secrets`)
    const outlets: readonly (readonly [string, string])[] = [
      ...written.map((line) => ['a log line', line] as const),
      ...errors.map((text) => ['an error body', text] as const),
      ...metrics.map((text) => ['the metrics', text] as const),
      ['the screen', system.output()],
      ['the spans', sink.bytes().toString('latin1')],
    ]
    const leaks = outlets.flatMap(([outlet, text]) =>
      [...poured]
        .filter(([word]) => text.includes(word))
        .map(([word, door]) => `${door} is in ${outlet}: ${excerpt(text, word)}`),
    )
    assert.deepEqual(leaks, [])
  },
)

const excerpt = (text: string, word: string): string => {
  const at = text.indexOf(word)
  return text.slice(Math.max(0, at - 200), at + 100)
}
