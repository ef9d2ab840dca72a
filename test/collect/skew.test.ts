import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareClocks, timestampOf } from '../../src/collect/skew.ts'
import { listen, type Announcements } from '../../src/telemetry/index.ts'
import { collectInto } from '../kit/collect.ts'

const event = (timestamp: unknown): string => JSON.stringify({ dataset: 'a', data: { timestamp } })

test('only the first event of a request is held against the clock, and only one that its schema takes', async (t) => {
  const said: Announcements['collect.clock.compared'][] = []
  t.after(listen('collect.clock.compared', (one) => void said.push(one)))
  const { collect } = collectInto({ a: { properties: {} } })
  const send = (...times: unknown[]) =>
    collect({ body: times.map(event).join('\n'), contentType: 'application/x-ndjson' })
  const hour = 3_600_000
  const at = (ms: number): string => new Date(Date.now() + ms).toISOString()
  await send(at(-hour), at(hour))
  await send(at(2 * hour))
  await send('yesterday', at(hour))
  await send(7)
  assert.deepEqual(
    said.map(({ tenant, skewMs }) => [tenant, Math.round(skewMs / 60_000)]),
    [
      ['acme', -60],
      ['acme', 120],
    ],
  )
})

test('whatever form a time has that the lake takes, it is read as the instant it is', (t) => {
  const said: number[] = []
  t.after(listen('collect.clock.compared', ({ skewMs }) => void said.push(skewMs)))
  const request = { tenantSlug: 'acme' }
  const now = Date.parse('2026-11-25T08:00:00Z')
  for (const firstAt of [
    '2026-11-25T08:00:00Z',
    '2026-11-25T10:30:00.250+02:30',
    '2026-11-25T07:59:59.123456789012Z',
    undefined,
    'no time',
  ])
    compareClocks({ firstAt, request }, now)
  assert.deepEqual(said, [0, 250, -877])
  assert.equal(timestampOf({ timestamp: 7 }), undefined)
})
