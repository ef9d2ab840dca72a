import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runApi } from '../../src/api/index.ts'
import { startEmbeddedBus } from '../../src/bus/index.ts'
import { loadSettings } from '../../src/config/index.ts'
import { StoreRefused, freePort } from '../../src/store/index.ts'
import { askerOf, makeJourney } from '../kit/api-server.ts'
import { withPostgres, type Owner } from '../kit/postgres.ts'
import { openProxy } from '../kit/proxy.ts'
import { until } from '../kit/until.ts'
import { ownFolder } from '../kit/folder.ts'

const settingsWith = (more: Record<string, string>) =>
  loadSettings({
    PULSE_API_PORT: '0',
    PULSE_TELEMETRY: 'off',
    PULSE_DRAIN_SECONDS: '2',
    PULSE_PUBLISH_TIMEOUT_MS: '1000',
    ...more,
  })

const runWith = async (owner: Owner, more: Record<string, string>) => {
  const running = await runApi(settingsWith({ PULSE_DATA_DIR: await ownFolder(owner), ...more }))
  owner.after(() => running.stop())
  const ask = askerOf(`http://127.0.0.1:${running.ports.api}`)
  return { running, ask, checks: async () => (await ask('GET', '/ready')).body['checks'] as Record<string, boolean> }
}
const busFor = async (owner: Owner, port = 0) => {
  const bus = await startEmbeddedBus({ dataDir: await ownFolder(owner), host: '127.0.0.1', port, maxBytes: 1 << 30 })
  owner.after(() => bus.close())
  return bus
}
const EVENT = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } }

test('started while Postgres is away it serves what it can, and everything once Postgres is there', async (t) => {
  const { appUrl } = await withPostgres(t)
  const proxy = await openProxy(t, appUrl)
  const bus = await busFor(t)
  proxy.away(true)
  const api = await runWith(t, { PULSE_DATABASE_URL: proxy.url, PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}` })
  assert.equal((await api.ask('GET', '/health')).status, 200)
  await until('the others to be ready', async () => (await api.checks())['kafka'] && (await api.checks())['minio'])
  assert.equal((await api.checks())['postgres'], false)
  const tenant = '01900000-0000-7000-8000-000000000001'
  for (const [method, path, body] of [
    ['POST', '/v1/tenants', { slug: 'a', name: 'A' }],
    ['POST', '/v1/collect', EVENT],
    ['GET', '/v1/datasets', undefined],
  ] as const) {
    const answer = await api.ask(method, path, { tenant, body })
    assert.deepEqual([answer.status, answer.body['code']], [503, 'dependency_away'], path)
    assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  }
  proxy.away(false)
  await until('ready', async () => (await api.ask('GET', '/ready')).status === 200)
  const place = await makeJourney(api)
  assert.equal((await api.ask('POST', '/v1/collect', { tenant: place.tenant, body: EVENT })).status, 202)
  await until('the canary tenant', async () => (await api.ask('GET', '/v1/tenants?slug=pulse-canary')).body['items'][0])
})

test('while Postgres is away known datasets are served for a while, then it is a 503, never an unknown dataset', async (t) => {
  const { appUrl } = await withPostgres(t)
  const proxy = await openProxy(t, appUrl)
  const bus = await busFor(t)
  const api = await runWith(t, { PULSE_DATABASE_URL: proxy.url, PULSE_KAFKA_BROKERS: `127.0.0.1:${bus.port}` })
  const { tenant } = await makeJourney(api)
  assert.equal((await api.ask('POST', '/v1/collect', { tenant, body: EVENT })).status, 202)
  const awayAt = performance.now()
  proxy.away(true)
  const answers: string[] = []
  await until('the first refusal', async () => {
    const answer = await api.ask('POST', '/v1/collect', { tenant, body: EVENT })
    answers.push(`${answer.status} ${answer.body['code'] ?? ''}`)
    return answer.status !== 202
  })
  assert.ok(performance.now() - awayAt < 15_000)
  assert.equal(answers.at(-1), '503 dependency_away')
  proxy.away(false)
  await until(
    'collect to work again',
    async () => (await api.ask('POST', '/v1/collect', { tenant, body: EVENT })).status === 202,
  )
})

test('started while the bus is away it serves what it can, and finishes the tenants that were begun', async (t) => {
  const { appUrl } = await withPostgres(t)
  const port = await freePort()
  const api = await runWith(t, { PULSE_DATABASE_URL: appUrl, PULSE_KAFKA_BROKERS: `127.0.0.1:${port}` })
  await until('postgres to be ready', async () => (await api.checks())['postgres'])
  assert.equal((await api.checks())['kafka'], false)
  const body = { slug: 'begun', name: 'Begun' }
  const refused = await api.ask('POST', '/v1/tenants', { body })
  assert.deepEqual([refused.status, refused.body['code']], [503, 'dependency_away'])
  await busFor(t, port)
  await until('ready', async () => (await api.ask('GET', '/ready')).status === 200)
  assert.equal((await api.ask('POST', '/v1/tenants', { body })).status, 201)
  assert.equal((await api.ask('POST', '/v1/tenants', { body })).status, 409)
})

test('a role that bypasses row level security is refused at the start', async (t) => {
  const { adminUrl } = await withPostgres(t)
  const settings = settingsWith({
    PULSE_DATA_DIR: await ownFolder(t),
    PULSE_DATABASE_URL: adminUrl,
    PULSE_KAFKA_BROKERS: '127.0.0.1:1',
  })
  await assert.rejects(
    runApi(settings),
    (error) => error instanceof StoreRefused && /superuser|BYPASSRLS/.test(error.message),
  )
})

test('what is missing or taken is said in a sentence', async (t) => {
  const folder = await ownFolder(t)
  await assert.rejects(
    runApi(settingsWith({ PULSE_DATA_DIR: folder, PULSE_KAFKA_BROKERS: '127.0.0.1:1' })),
    /PULSE_DATABASE_URL/,
  )
  await assert.rejects(
    runApi(settingsWith({ PULSE_DATA_DIR: folder, PULSE_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' })),
    /PULSE_KAFKA_BROKERS/,
  )
  const { appUrl } = await withPostgres(t)
  const places = { PULSE_DATABASE_URL: appUrl, PULSE_KAFKA_BROKERS: '127.0.0.1:1' }
  const first = await runWith(t, places)
  await assert.rejects(runWith(t, { ...places, PULSE_API_PORT: String(first.running.ports.api) }), /EADDRINUSE/)
})

test('an open door is refused where more than this machine reaches it, with what to set', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.7', 'pulse.example']) {
    const settings = settingsWith({ PULSE_HOST: host, PULSE_DATABASE_URL: 'postgres://pulse_app@127.0.0.1:1/x' })
    await assert.rejects(runApi(settings), (error: Error) => {
      assert.match(error.message, /PULSE_AUTH is open.*PULSE_AUTH=keys.*PULSE_HOST=127\.0\.0\.1/)
      return true
    })
  }
})
