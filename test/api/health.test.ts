import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { ObjectStore } from '../../src/lake/index.ts'
import { listen } from '../../src/telemetry/index.ts'
import type { Store } from '../../src/store/index.ts'
import { withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** Places that can be away, or hang for ever, on purpose. */
const faults = { postgres: 'none', lake: 'none' } as Record<string, 'none' | 'away' | 'hang'>
const never = new Promise<never>(() => undefined)
const faulty = async (name: string): Promise<void> => {
  if (faults[name] === 'away') throw new Error(`${name} is away on purpose`)
  if (faults[name] === 'hang') await never
}
const api = await withApi(
  { after },
  {
    store: (store): Store => ({
      ...store,
      ping: async (ms) => {
        await faulty('postgres')
        return store.ping(ms)
      },
    }),
    objects: (objects): ObjectStore => ({
      ...objects,
      ping: async (ms) => {
        await faulty('lake')
        return objects.ping(ms)
      },
    }),
  },
)
const ready = async () => {
  const started = performance.now()
  const { status, body, text } = await api.ask('GET', '/ready')
  assert.ok(performance.now() - started < 5_000, 'ready answers whatever hangs')
  return { status, body, text }
}
const isReady = () => until('ready', async () => (await ready()).status === 200)

test('health answers when the process serves', async () => {
  const answer = await api.ask('GET', '/health')
  assert.deepEqual([answer.status, answer.text], [200, '{"status":"ok"}'])
  assert.equal((await api.ask('HEAD', '/health')).status, 200)
})

test("ready is the founding page's answer, letter for letter", async () => {
  await isReady()
  assert.equal((await ready()).text, '{"status":"ready","checks":{"postgres":true,"kafka":true,"minio":true}}')
})

for (const fault of ['away', 'hang'] as const) {
  for (const [place, check] of [
    ['postgres', 'postgres'],
    ['lake', 'minio'],
    ['bus', 'kafka'],
  ] as const) {
    test(`when the ${place} is ${fault === 'away' ? 'away' : 'hanging'}, ready says 503 and which, and recovers`, async () => {
      await isReady()
      const said: string[] = []
      const stops = [
        listen('dependency.away', ({ dependency }) => void said.push(`away ${dependency}`)),
        listen('dependency.back', ({ dependency }) => void said.push(`back ${dependency}`)),
      ]
      const release =
        place !== 'bus'
          ? undefined
          : fault === 'hang'
            ? api.bus.hold()
            : (api.bus.setAway(true), () => api.bus.setAway(false))
      faults[place] = fault
      const answer = await until('not ready', async () => {
        const now = await ready()
        return now.status === 503 ? now : undefined
      })
      assert.deepEqual(answer.body, {
        status: 'not_ready',
        checks: { postgres: true, kafka: true, minio: true, [check]: false },
      })
      assert.equal((await api.ask('GET', '/health')).status, 200)
      faults[place] = 'none'
      release?.()
      await isReady()
      assert.deepEqual(said, [`away ${check}`, `back ${check}`])
      stops.forEach((stop) => stop())
    })
  }
}

test('metrics: /metrics redirects to /metrics/, which is a text exposition', async () => {
  const redirect = await api.ask('GET', '/metrics')
  assert.deepEqual([redirect.status, redirect.headers.get('location')], [308, '/metrics/'])
  const metrics = await api.ask('GET', '/metrics/')
  assert.equal(metrics.status, 200)
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain|openmetrics/)
  assert.match(metrics.text, /# TYPE pulse_api_requests(_total)? counter/)
  assert.match(metrics.text, /# TYPE pulse_api_request_seconds histogram/)
})
