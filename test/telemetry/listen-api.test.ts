import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { announce, listenApi, openMetrics, UNMATCHED } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'
import { readExposition, valuesOf } from '../kit/exposition.ts'

const OPEN = 'application/openmetrics-text'
const POINT = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true }

function listening(t: TestContext, routes: readonly string[] = []) {
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  t.after(listenApi(metrics, routes))
  return { metrics, values: async () => valuesOf((await metrics.exposition()).body) }
}

test('a request is counted by route and status and timed by route', async (t) => {
  const { values } = listening(t)
  for (const [route, status, tookMs] of [
    ['/v1/tenants', 201, 20],
    ['/v1/tenants', 409, 2],
    [UNMATCHED, 404, 1],
  ] as const)
    announce('api.request.finished', said('api.request.finished', { route, status, tookMs }))
  const now = await values()
  assert.equal(now.get('pulse_api_requests_total{route="/v1/tenants",status="201"}'), 1)
  assert.equal(now.get('pulse_api_requests_total{route="/v1/tenants",status="409"}'), 1)
  assert.equal(now.get('pulse_api_requests_total{route="_unmatched",status="404"}'), 1)
  assert.equal(now.get('pulse_api_request_seconds_bucket{le="0.005",route="/v1/tenants"}'), 1)
  assert.equal(now.get('pulse_api_request_seconds_bucket{le="0.025",route="/v1/tenants"}'), 2)
  assert.equal(now.get('pulse_api_request_seconds_count{route="/v1/tenants"}'), 2)
})

test('a request whose body never arrived whole is counted, and not timed: how long it took was not ours', async (t) => {
  const { values } = listening(t, ['/v1/collect'])
  for (const isIncomplete of [undefined, true] as const)
    announce('api.request.finished', said('api.request.finished', { status: 499, tookMs: 9_000, isIncomplete }))
  const now = await values()
  assert.equal(now.get('pulse_api_requests_total{route="/v1/collect",status="499"}'), 2)
  assert.equal(now.get('pulse_api_request_seconds_count{route="/v1/collect"}'), 1)
})

test('known routes are born at zero', async (t) => {
  const { values } = listening(t, ['/v1/collect', '/health'])
  const now = await values()
  for (const route of ['/v1/collect', '/health']) {
    for (const status of [200, 500, 503])
      assert.equal(now.get(`pulse_api_requests_total{route="${route}",status="${status}"}`), 0)
    assert.equal(now.get(`pulse_api_request_seconds_count{route="${route}"}`), 0)
  }
})

test('scrapes are not among the requests', async (t) => {
  const { values } = listening(t, ['/metrics', '/metrics/', '/health'])
  for (const route of ['/metrics', '/metrics/', '/health'])
    announce('api.request.finished', said('api.request.finished', { route, status: 200 }))
  const requests = [...(await values()).keys()].filter((key) => key.startsWith('pulse_api_request'))
  assert.ok(requests.some((key) => key.includes('/health')))
  assert.deepEqual(
    requests.filter((key) => key.includes('/metrics')),
    [],
  )
})

test('events are counted by what became of them, by reason where refused, and by request', async (t) => {
  const { values } = listening(t)
  const reasons = { schema: 2, too_large: 1 }
  announce('collect.settled', said('collect.settled', { accepted: 5, rejected: 3, failed: 1, bytes: 900, reasons }))
  announce('collect.refused', { tenant: 'acme', reason: 'malformed', code: 'malformed', traceId: '' })
  const collected = new Map(
    ['orders', 'clicks'].map((dataset) => [dataset, { accepted: 4, rejected: 1, failed: 0, bytes: 9 }]),
  )
  announce('api.request.finished', said('api.request.finished', { collected }))
  announce('api.request.finished', said('api.request.finished', { collected: new Map() }))
  const now = await values()
  for (const [outcome, events] of Object.entries({ accepted: 5, rejected: 3, failed: 1 }))
    assert.equal(now.get(`pulse_api_collect_events_total{dataset="orders",outcome="${outcome}",tenant="acme"}`), events)
  for (const [reason, events] of Object.entries({ schema: 2, too_large: 1, malformed: 1, auth: 0 }))
    assert.equal(now.get(`pulse_api_collect_rejected_total{reason="${reason}",tenant="acme"}`), events)
  assert.equal(now.get('pulse_api_collect_bytes_total{tenant="acme"}'), 900)
  assert.equal(now.get('pulse_api_collect_batch_events_sum{}'), 10)
  assert.equal(now.get('pulse_api_collect_batch_events_count{}'), 1)
})

test('the wait for the bus, clients’ clocks, previews, refusals and changes have their series', async (t) => {
  const { values } = listening(t)
  const published = { outcome: 'timeout', tookMs: 300, span: { ...POINT, sampled: false } } as const
  announce('collect.published', said('collect.published', published))
  announce('collect.clock.compared', { tenant: 'acme', skewMs: -7_200_000 })
  announce('collect.clock.compared', { tenant: 'acme', skewMs: 2_000 })
  const times = { startedAtMs: 0, planMs: 10, fetchMs: 200, decodeMs: 30, totalMs: 245 }
  const read = { rows: 100, bytesRead: 5000, filesRead: 2, filesPruned: 40 }
  announce('preview.finished', { tenant: 'acme', dataset: 'orders', outcome: 'ok', ...times, ...read })
  announce('api.request.shed', { reason: 'producer_queue', route: '/v1/collect' })
  announce('api.auth.failed', { reason: 'unknown', route: '/v1/collect', traceId: '' })
  announce('registry.changed', { entity: 'schema', action: 'published', tenant: 'acme', id: 'i' })
  const now = await values()
  for (const [series, value] of Object.entries({
    'pulse_api_collect_publish_seconds_count{outcome="timeout"}': 1,
    'pulse_api_collect_clock_skew_seconds_sum{direction="past"}': 7200,
    'pulse_api_collect_clock_skew_seconds_bucket{direction="future",le="2.5"}': 1,
    'pulse_api_dataset_preview_total{outcome="ok",tenant="acme"}': 1,
    'pulse_api_dataset_preview_seconds_sum{phase="fetch"}': 0.2,
    'pulse_api_dataset_preview_seconds_sum{phase="total"}': 0.245,
    'pulse_api_dataset_preview_rows_total{}': 100,
    'pulse_api_dataset_preview_bytes_read_total{}': 5000,
    'pulse_api_dataset_preview_files_read_total{}': 2,
    'pulse_api_dataset_preview_files_pruned_total{}': 40,
    'pulse_api_shed_total{reason="producer_queue"}': 1,
    'pulse_api_auth_failures_total{reason="unknown"}': 1,
    'pulse_api_config_changes_total{action="published",entity="schema"}': 1,
  }))
    assert.equal(now.get(series), value, series)
})

test('a sampled request leaves its trace in its bucket, in OpenMetrics only; an unsampled one leaves none', async (t) => {
  const { metrics } = listening(t)
  announce('api.request.finished', said('api.request.finished', { route: '/quiet', tookMs: 3 }))
  announce('api.request.finished', said('api.request.finished', { route: '/kept', tookMs: 80, ...POINT }))
  announce('collect.published', said('collect.published', { outcome: 'ok', tookMs: 20_000, span: POINT }))
  const families = readExposition((await metrics.exposition(OPEN)).body, 'openmetrics')
  const told = ['pulse_api_request_seconds', 'pulse_api_collect_publish_seconds'].flatMap((name) =>
    (families.get(name)?.samples ?? []).flatMap(({ labels, exemplar }) =>
      exemplar === undefined ? [] : [[labels, exemplar]],
    ),
  )
  const labels = { trace_id: POINT.traceId, span_id: POINT.spanId }
  assert.deepEqual(told, [
    [
      { le: '0.1', route: '/kept' },
      { labels, value: 0.08 },
    ],
    [
      { le: '+Inf', outcome: 'ok' },
      { labels, value: 20 },
    ],
  ])
  assert.doesNotMatch((await metrics.exposition('text/plain')).body, /trace_id/)
})
