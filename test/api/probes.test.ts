import assert from 'node:assert/strict'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { runApi } from '../../src/api/index.ts'
import { startEmbeddedBus } from '../../src/bus/index.ts'
import { loadSettings } from '../../src/config/index.ts'
import { askerOf, makeJourney, withApi } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import { withPostgres, type Owner } from '../kit/postgres.ts'
import { openProxy } from '../kit/proxy.ts'
import { until } from '../kit/until.ts'

/** A host that takes every connection and every word, and answers nothing. */
async function openHole(owner: Owner): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.resume().on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  owner.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function run(owner: Owner, more: Readonly<Record<string, string>>) {
  const running = await runApi(
    loadSettings({
      PULSE_API_PORT: '0',
      PULSE_TELEMETRY: 'off',
      PULSE_DRAIN_SECONDS: '1',
      PULSE_DATA_DIR: await ownFolder(owner),
      ...more,
    }),
  )
  owner.after(() => running.stop())
  return { running, ask: askerOf(`http://127.0.0.1:${running.ports.api}`) }
}
type Ask = Awaited<ReturnType<typeof run>>['ask']

/** How long each of many asks took. In the middle it is the probe itself; none may take as long as a check may, 900 ms. */
async function isPrompt(ask: Ask, path: string, status: number): Promise<void> {
  // What answers are held to is made once in this process, which is no time of the probe's.
  await ask('GET', '/openapi.json')
  const took: number[] = []
  for (let times = 0; times < 25; times += 1) {
    const from = performance.now()
    assert.equal((await ask('GET', path)).status, status)
    took.push(performance.now() - from)
  }
  took.sort((a, b) => a - b)
  assert.ok(
    (took[12] ?? Infinity) < 50 && (took[24] ?? Infinity) < 800,
    `${path}: ${took.map(Math.round).join(' ')} ms`,
  )
}

test('with Postgres, the bus and the lake black-holed from the start, ready answers at once, and names all three', async (t) => {
  const hole = await openHole(t)
  const { ask } = await run(t, {
    PULSE_DATABASE_URL: `postgres://pulse_app:secret-of-mine@127.0.0.1:${hole}/pulse`,
    PULSE_KAFKA_BROKERS: `127.0.0.1:${hole}`,
    PULSE_WAREHOUSE: 's3://warehouse/pulse',
    PULSE_S3_ENDPOINT: `http://127.0.0.1:${hole}`,
    PULSE_S3_ACCESS_KEY: 'key',
    PULSE_S3_SECRET_KEY: 'secret-of-the-lake',
  })
  await isPrompt(ask, '/ready', 503)
  await isPrompt(ask, '/health', 200)
  const asked = await until('each was asked', async () => {
    const { text, body } = await ask('GET', '/ready?verbose')
    return (
      Object.values(body['details'] as Record<string, { asked: boolean }>).every((one) => one.asked) && { text, body }
    )
  })
  const { status, checks, draining, details } = asked.body
  assert.deepEqual([status, checks, draining], ['not_ready', { postgres: false, kafka: false, minio: false }, false])
  for (const [name, { latency_ms: latencyMs, error }] of Object.entries<Record<string, unknown>>(details)) {
    assert.match(String(error), /within 9\d\d ms|in time|timed? ?out|cannot be reached/i, name)
    assert.ok(Number(latencyMs) < 2_000, `${name}: the check itself is bounded, ${String(latencyMs)} ms`)
  }
  assert.doesNotMatch(asked.text, /secret-of/)
  await isPrompt(ask, '/ready?verbose', 503)
})

test('when Postgres swallows every word in the middle, ready is prompt, says 503 and which, and recovers', async (t) => {
  const { appUrl } = await withPostgres(t)
  const proxy = await openProxy(t, appUrl)
  const bus = await startEmbeddedBus({ dataDir: await ownFolder(t), host: '127.0.0.1', port: 0, maxBytes: 1 << 30 })
  t.after(() => bus.close())
  const { ask } = await run(t, { PULSE_DATABASE_URL: proxy.url, PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}` })
  await until('ready', async () => (await ask('GET', '/ready')).status === 200)
  await isPrompt(ask, '/ready', 200)
  const { body } = await ask('GET', '/ready?verbose')
  assert.deepEqual(Object.keys(body), ['status', 'checks', 'draining', 'event_loop_age_ms', 'details'])
  for (const one of Object.values<Record<string, unknown>>(body['details'])) {
    assert.deepEqual([one['asked'], one['error']], [true, null])
    assert.ok(Number(one['age_ms']) < 10_000 && Number(one['latency_ms']) >= 0)
  }
  proxy.swallow(true)
  await until('not ready', async () => (await ask('GET', '/ready')).status === 503)
  await isPrompt(ask, '/ready', 503)
  await isPrompt(ask, '/health', 200)
  const { text } = await ask('GET', '/ready')
  assert.equal(text, '{"status":"not_ready","checks":{"postgres":false,"kafka":true,"minio":true}}')
  proxy.swallow(false)
  await until('ready again', async () => (await ask('GET', '/ready')).status === 200)
})

test('while it drains it lives and is not ready, on new connections too, and its checks still say what is', async (t) => {
  const api = await withApi(t)
  const { tenant } = await makeJourney(api)
  await until('ready', async () => (await api.ask('GET', '/ready')).status === 200)
  const release = api.bus.hold()
  const event = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } }
  const underWay = api.ask('POST', '/v1/collect', { tenant, body: event })
  await until('the event waits for the bus', () => api.bus.calls.includes('publish'))
  const closing = api.running.close()
  const fresh = { headers: { connection: 'close' } }
  const ready = await api.ask('GET', '/ready', fresh)
  assert.equal(ready.status, 503)
  assert.equal(ready.text, '{"status":"not_ready","checks":{"postgres":true,"kafka":true,"minio":true}}')
  assert.equal((await api.ask('GET', '/ready?verbose', fresh)).body['draining'], true)
  assert.equal((await api.ask('GET', '/health', fresh)).status, 200)
  assert.equal((await api.ask('GET', '/metrics/', fresh)).status, 200)
  assert.equal((await api.ask('POST', '/v1/collect', { tenant, body: event })).body['code'], 'draining')
  release()
  assert.equal((await underWay).status, 202)
  await closing
  await assert.rejects(api.ask('GET', '/health'))
})

test('a question that the probes do not know is answered all the same, and one that is malformed is refused', async (t) => {
  const api = await withApi(t)
  await until('ready', async () => (await api.ask('GET', '/ready')).status === 200)
  assert.equal((await api.ask('GET', '/ready?other=1')).text.includes('details'), false)
  for (const query of ['verbose', 'verbose=', 'verbose=1', 'verbose=false'])
    assert.ok('details' in (await api.ask('GET', `/ready?${query}`)).body, query)
  assert.equal((await api.ask('GET', '/ready?verbose=1&verbose=2')).status, 400)
  const redirect = await api.ask('GET', '/metrics')
  const { status, headers } = redirect
  assert.deepEqual([status, headers.get('location'), headers.get('cache-control')], [308, '/metrics/', 'no-store'])
  assert.equal((await api.ask('GET', '/metrics/')).headers.get('cache-control'), 'no-store')
})
