import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runCanary } from '../../src/canary/index.ts'
import { loadSettings } from '../../src/config/index.ts'
import { readRunFile } from '../../src/start/index.ts'
import { freePort } from '../../src/store/index.ts'
import { readLake } from '../kit/lake-reader.ts'
import { end, pulse } from '../kit/start.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { call } from '../kit/api.ts'
import { until } from '../kit/until.ts'
import { openFakeApi } from './fake-api.ts'

const settings = (port: number, more: Record<string, string> = {}) =>
  loadSettings({ PULSE_CANARY_PORT: String(port), PULSE_LOG_LEVEL: 'fatal', ...more })

const metricsOf = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
const value = (metrics: string, series: string): number =>
  Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')
      .at(-1),
  )
const verified = (metrics: string): Record<string, number> =>
  Object.fromEntries(
    [...metrics.matchAll(/^pulse_canary_verified_total\{outcome="(\w+)"\} (\d+)$/gm)].map(([, name, count]) => [
      name,
      Number(count),
    ]),
  )

test('a canary that shall not run says so, and one whose port is taken names it', async (t) => {
  await assert.rejects(runCanary(settings(0, { PULSE_CANARY_SECONDS: '0' })), /PULSE_CANARY_SECONDS is 0/)
  const api = await openFakeApi(t)
  const taken = Number(new URL(api.url).port)
  await assert.rejects(runCanary(settings(taken)), new RegExp(`Port ${taken} on 127\\.0\\.0\\.1 is taken`))
  const alone = pulse('canary', {})
  assert.equal(await alone.exit, 1)
  assert.match(alone.output(), /^PULSE_CANARY_SECONDS is 0[^\n]*\n$/)
})

test('its series are born at zero, it lives without an API, and stops in the middle of a round', async () => {
  const away = await freePort()
  const canary = await runCanary(settings(0, { PULSE_CANARY_API_URL: `http://127.0.0.1:${away}` }))
  const { metrics } = canary.ports
  assert.equal((await fetch(`http://127.0.0.1:${metrics}/livez`)).status, 200)
  assert.deepEqual(verified(await metricsOf(metrics)), {
    exactly_once: 0,
    missing: 0,
    duplicated: 0,
    corrupted: 0,
    late: 0,
  })
  await canary.stop()
  await canary.stop()
  await assert.rejects(fetch(`http://127.0.0.1:${metrics}/livez`))
})

describe('in the whole system', () => {
  let system: System
  const port = (): number => Number(system.env['PULSE_CANARY_PORT'])
  const rounds = async (more: number): Promise<string> => {
    const counted = async (): Promise<number> =>
      value(await metricsOf(port()).catch(() => ''), 'pulse_canary_roundtrip_seconds_count{stage="previewed"}')
    const from = await until('the canary to answer', async () =>
      (await counted()) >= 0 ? { at: await counted() } : undefined,
    )
    await until(`${more} more rounds`, async () => (await counted()) >= from.at + more, 60_000, 200)
    return metricsOf(port())
  }
  before(async () => {
    system = await bootPulse({ PULSE_CANARY_SECONDS: '0.3', PULSE_FLUSH_SECONDS: '0.2', PULSE_LEASE_SECONDS: '2' })
  })
  after(async () => system[Symbol.asyncDispose]())

  const RIGHT = { missing: 0, duplicated: 0, corrupted: 0, late: 0 }

  test('rounds come back exactly once, and the process is one of the system’s', async () => {
    const { exactly_once: right, ...wrong } = verified(await rounds(7))
    assert.deepEqual(wrong, RIGHT)
    assert.ok((right ?? 0) >= 10)
    const run = await readRunFile(system.dataDir)
    const entry = run?.processes.find(({ name }) => name === 'canary')
    assert.deepEqual(entry?.ports, { metrics: port() })
    assert.match(system.output(), new RegExp(`canary +http://127\\.0\\.0\\.1:${port()}/metrics`))
  })

  test('through kills of worker and API it still comes back exactly once, and what was sent is what is judged', async () => {
    system.kill9('worker')
    await rounds(2)
    system.kill9('api')
    const metrics = await rounds(3)
    const { exactly_once: right = 0, ...wrong } = verified(metrics)
    assert.deepEqual(wrong, RIGHT)
    const sent = value(metrics, 'pulse_canary_sent_total')
    assert.equal(value(metrics, 'pulse_canary_missing_events'), 0)
    assert.ok(sent >= right && sent - right <= 200, `${sent} sent, ${right} judged`)
  })

  test('a canary that was killed starts again under its port and finds its dataset', async () => {
    system.kill9('canary')
    const metrics = await rounds(3)
    assert.deepEqual(verified(metrics)['missing'], 0)
    const { body } = await call(system.baseUrl, 'GET', '/v1/tenants?slug=pulse-canary')
    const [{ id }] = body['items'] as [{ id: string }]
    const datasets = await call(system.baseUrl, 'GET', '/v1/datasets', { tenantId: id })
    assert.deepEqual(
      (datasets.body['items'] as { slug: string }[]).map(({ slug }) => slug),
      ['canary'],
    )
    const { rows } = await readLake(system.baseUrl, id, 'canary')
    assert.equal(new Set(rows.map((row) => row['id'])).size, rows.length)
  })

  test('another canary beside it shares the dataset, and both find their own', async () => {
    const beside = pulse('canary', {
      PULSE_CANARY_SECONDS: '0.3',
      PULSE_CANARY_PORT: String(await freePort()),
      PULSE_CANARY_API_URL: system.baseUrl,
    })
    await until('its first rounds', () => (beside.output().match(/canary\.returned/g) ?? []).length >= 4, 30_000)
    assert.equal(await end(beside), 0)
    assert.doesNotMatch(beside.output(), /"level":"error"/)
    const { exactly_once: _, ...wrong } = verified(await rounds(3))
    assert.deepEqual(wrong, RIGHT)
  })

  test('it is stopped first, and everything ends in order', async () => {
    const { length: before } = system.output()
    assert.equal(await system.stop(), 0)
    assert.equal(system.output().slice(before), '\nDraining …\nStopped.\n')
  })
})
