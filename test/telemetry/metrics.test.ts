import assert from 'node:assert/strict'
import { test } from 'node:test'
import { METRICS, openMetrics } from '../../src/telemetry/index.ts'

const PROMETHEUS_ACCEPT =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'

const pulseOnly = (plane: 'api' | 'worker') => openMetrics({ plane, processMetrics: false })

test('an OpenMetrics scrape between two text scrapes changes nothing in the second', async () => {
  const metrics = pulseOnly('worker')
  metrics.counter('pulse_worker_duplicates_dropped_total').inc({ tenant: 'acme' }, 3)
  const before = await metrics.exposition('text/plain')
  const open = await metrics.exposition(PROMETHEUS_ACCEPT)
  const after = await metrics.exposition('text/plain')
  assert.equal(after.body, before.body)
  assert.match(before.body, /^pulse_worker_duplicates_dropped_total\{tenant="acme"\} 3$/m)
  assert.match(open.body, /^# TYPE pulse_worker_duplicates_dropped counter$/m)
  assert.match(open.body, /^pulse_worker_duplicates_dropped_total\{tenant="acme"\} 3$/m)
  assert.ok(open.body.endsWith('# EOF\n'))
  assert.match(open.contentType, /^application\/openmetrics-text; version=1\.0\.0/)
  assert.match(before.contentType, /^text\/plain; version=0\.0\.4/)
})

test('a hundred scrapers of both formats at once each get their own format whole', async () => {
  const metrics = pulseOnly('api')
  metrics.counter('pulse_api_requests_total').inc({ route: '/health', status: '200' })
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => metrics.exposition(at % 2 === 0 ? PROMETHEUS_ACCEPT : undefined)),
  )
  for (const [at, { body, contentType }] of answers.entries()) {
    assert.match(body, /pulse_api_requests_total\{route="\/health",status="200"\} 1/)
    assert.equal(body.includes('# EOF'), at % 2 === 0)
    assert.equal(contentType.startsWith('application/openmetrics-text'), at % 2 === 0)
  }
})

test('a plane exports the metrics of its own in the catalogue and refuses the other plane’s', async () => {
  for (const plane of ['api', 'worker'] as const) {
    const { body } = await pulseOnly(plane).exposition()
    const typed = new Set([...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, kind]) => `${name} ${kind}`))
    const expected = Object.entries(METRICS)
      .filter(([, entry]) => entry.planes.includes(plane))
      .map(([name, entry]) => `${name} ${entry.kind}`)
    assert.deepEqual([...typed].sort(), expected.sort())
  }
  assert.throws(() => pulseOnly('api').gauge('pulse_worker_buffer_rows'), /not a metric of the api plane/)
})

test('process and event-loop series keep the names that dashboards know', async () => {
  const { body } = await openMetrics({ plane: 'api' }).exposition()
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
    assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'))
  }
})

test('no name breaks the rules that promtool checks: only counters end in _total, no type is a suffix', async () => {
  for (const plane of ['api', 'worker'] as const) {
    const { body } = await openMetrics({ plane }).exposition()
    const typed = [...body.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', kind = '']) => ({ name, kind }))
    assert.ok(typed.length > 20)
    for (const { name, kind } of typed) {
      assert.equal(name.endsWith('_total'), kind === 'counter', `${name} is a ${kind}`)
      assert.doesNotMatch(name, /_(counter|gauge|histogram|summary)(_|$)/)
    }
  }
})
