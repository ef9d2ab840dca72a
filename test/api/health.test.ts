import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
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

const CHECKS = { postgres: 'postgres', lake: 'minio', bus: 'kafka' } as const
type Place = keyof typeof CHECKS

/** Makes the places away, or hang, together; asserts that ready and the announcements name them; and mends them. */
async function goneAndBack(places: readonly Place[], fault: 'away' | 'hang'): Promise<void> {
  await isReady()
  const said: string[] = []
  const stops = [
    listen('dependency.away', ({ dependency }) => void said.push(`away ${dependency}`)),
    listen('dependency.back', ({ dependency }) => void said.push(`back ${dependency}`)),
  ]
  const away = places.map((place) => CHECKS[place])
  let release = (): void => {}
  for (const place of places) {
    faults[place] = fault
    if (place === 'bus' && fault === 'hang') release = api.bus.hold()
    else if (place === 'bus') api.bus.setAway(true)
  }
  const checks = Object.fromEntries(Object.values(CHECKS).map((check) => [check, !away.includes(check)]))
  await until('not ready', async () => {
    const { status, body } = await ready()
    return status === 503 && isDeepStrictEqual(body, { status: 'not_ready', checks })
  })
  assert.equal((await api.ask('GET', '/health')).status, 200)
  for (const place of places) faults[place] = 'none'
  release()
  api.bus.setAway(false)
  await isReady()
  for (const check of away) {
    assert.deepEqual(
      said.filter((words) => words.endsWith(check)),
      [`away ${check}`, `back ${check}`],
    )
  }
  assert.equal(said.length, 2 * away.length)
  stops.forEach((stop) => stop())
}

for (const place of ['postgres', 'lake', 'bus'] as const) {
  test(`when the ${place} is away, ready says 503 and which, and recovers`, () => goneAndBack([place], 'away'))
}

test('when all hang at once, ready answers all the same, says 503 and which, and recovers', () =>
  goneAndBack(['postgres', 'lake', 'bus'], 'hang'))

test('metrics: /metrics redirects to /metrics/, which is a text exposition', async () => {
  const redirect = await api.ask('GET', '/metrics')
  assert.deepEqual([redirect.status, redirect.headers.get('location')], [308, '/metrics/'])
  const metrics = await api.ask('GET', '/metrics/')
  assert.equal(metrics.status, 200)
  assert.match(metrics.headers.get('content-type') ?? '', /^text\/plain|openmetrics/)
  assert.match(metrics.text, /# TYPE pulse_api_requests(_total)? counter/)
  assert.match(metrics.text, /# TYPE pulse_api_request_seconds histogram/)
})
