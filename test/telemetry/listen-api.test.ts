import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce, listenApi, openMetrics, UNMATCHED } from '../../src/telemetry/index.ts'

const request = { method: 'GET', requestId: 'r', traceId: 't' }

test('a request is counted by route and status and timed by route', async (t) => {
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  t.after(listenApi(metrics))
  announce('api.request.finished', { ...request, route: '/v1/tenants', status: 201, tookMs: 20 })
  announce('api.request.finished', { ...request, route: '/v1/tenants', status: 409, tookMs: 2 })
  announce('api.request.finished', { ...request, route: UNMATCHED, status: 404, tookMs: 1 })
  const { body } = await metrics.exposition()
  for (const line of [
    'pulse_api_requests_total{route="/v1/tenants",status="201"} 1',
    'pulse_api_requests_total{route="/v1/tenants",status="409"} 1',
    'pulse_api_requests_total{route="_unmatched",status="404"} 1',
    'pulse_api_request_seconds_bucket{le="0.005",route="/v1/tenants"} 1',
    'pulse_api_request_seconds_bucket{le="0.025",route="/v1/tenants"} 2',
    'pulse_api_request_seconds_count{route="/v1/tenants"} 2',
  ])
    assert.ok(body.includes(`${line}\n`), line)
})

test('known routes are born at zero', async (t) => {
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  t.after(listenApi(metrics, ['/v1/collect', '/health']))
  const { body } = await metrics.exposition()
  for (const route of ['/v1/collect', '/health']) {
    assert.ok(body.includes(`pulse_api_requests_total{route="${route}",status="200"} 0\n`))
    assert.ok(body.includes(`pulse_api_request_seconds_count{route="${route}"} 0\n`))
  }
})
