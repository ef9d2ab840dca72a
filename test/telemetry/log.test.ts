import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { runWith } from '../../src/tenancy/index.ts'
import { announce, openLog, resourceOf, type LogSettings } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'

function logging(t: TestContext, settings: Partial<LogSettings> = {}) {
  const text: string[] = []
  const log = openLog({
    level: 'info',
    resource: resourceOf('api'),
    to: { write: (line) => text.push(line) },
    ...settings,
  })
  t.after(() => log[Symbol.asyncDispose]())
  return { text, log, lines: () => text.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const TRACE = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: false }
const request = said('api.request.finished', {
  method: 'POST',
  route: '/v1/tenants',
  status: 201,
  tookMs: 12.3456,
  requestId: 'req-1',
  tenant: 'acme',
  startedAtMs: 5,
  ...TRACE,
})
const collect = { ...request, route: '/v1/collect', status: 202 }

test('a control-plane request is one canonical line', (t) => {
  const { lines } = logging(t)
  announce('api.request.finished', request)
  const [line, ...more] = lines()
  assert.equal(more.length, 0)
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.match(String(line?.['version']), /^\d+\.\d+\.\d+/)
  assert.match(String(line?.['instance']), new RegExp(`.-${process.pid}$`))
  const { time: _time, version: _version, instance: _instance, ...rest } = line ?? {}
  assert.deepEqual(rest, {
    level: 'info',
    plane: 'api',
    service: 'pulse-api',
    event: 'api.request.finished',
    method: 'POST',
    route: '/v1/tenants',
    status: 201,
    duration_ms: 12.346,
    tenant: 'acme',
    request_id: 'req-1',
    trace_id: 'a'.repeat(32),
    span_id: 'b'.repeat(16),
    sampled: false,
    msg: 'POST /v1/tenants answered 201',
  })
})

test('a worker that claims thousands of partitions says so in a line of a bounded length', (t) => {
  const { text, lines } = logging(t)
  const claimed = Array.from(
    { length: 2_000 },
    (_, at) => `pulse.01900000-0000-7000-8000-0000000000ff.events.raw/${at}`,
  )
  announce('worker.share.changed', said('worker.share.changed', { owned: 2_000, claimed }))
  assert.ok((text[0] ?? '').length < 2_000)
  assert.deepEqual(lines()[0]?.['claimed'], claimed.slice(0, 20))
  assert.match(String(lines()[0]?.['msg']), /2000 claimed/)
})

test('a flush is one canonical line with tenant, dataset, trace, snapshot and every offset', (t) => {
  const { lines } = logging(t)
  const offsets = Array.from({ length: 25 }, (_, at) => `topic/${at}:5-7`)
  announce(
    'worker.flush.committed',
    said('worker.flush.committed', {
      flushId: '0193a000-0000-7000-8000-000000000001',
      rows: 2,
      duplicates: 1,
      offsets,
    }),
  )
  const [line] = lines()
  for (const [name, value] of Object.entries({
    tenant: 'acme',
    dataset: 'orders',
    flush_id: '0193a000-0000-7000-8000-000000000001',
    trace_id: '1'.repeat(32),
    span_id: '2'.repeat(16),
    snapshot_id: '1',
    trigger: 'age',
    rows: 2,
    duplicates: 1,
    offsets,
  })) {
    assert.deepEqual(line?.[name], value, name)
  }
  for (const name of ['contexts', 'steps', 'freshness', 'span', 'started_at_ms']) assert.ok(!(name in line!), name)
})

test('what concerns a flush has its trace, also where only the flush is named', (t) => {
  const { lines } = logging(t)
  announce('worker.flush.fenced', {
    flushId: '0193a000-0000-7000-8000-0000000000ff',
    tenant: 'acme',
    partitions: ['t/0'],
  })
  assert.equal(lines()[0]?.['trace_id'], '0193a0000000700080000000000000ff')
})

test('a collect that succeeds has a line where it is sampled, and where some of its events were refused', (t) => {
  const { lines } = logging(t)
  announce('api.request.finished', collect)
  announce('api.request.finished', { ...request, route: '/health', status: 200 })
  assert.deepEqual(lines(), [], 'not sampled: nothing at info')
  const counts = { accepted: 2, rejected: 0, failed: 0, bytes: 90 }
  const collected = new Map([['clicks', counts]])
  announce('api.request.finished', { ...collect, sampled: true, collected })
  const partial = new Map([...collected, ['orders', { ...counts, rejected: 3 }]])
  for (let at = 0; at < 3; at += 1) announce('api.request.finished', { ...collect, collected: partial })
  assert.deepEqual(
    lines().map(({ level, dataset, datasets, accepted, rejected, bytes }) => [
      level,
      dataset,
      datasets,
      accepted,
      rejected,
      bytes,
    ]),
    [
      ['info', 'clicks', undefined, 2, 0, 90],
      ['info', '_unknown', ['clicks', 'orders'], 4, 3, 180],
    ],
    'those that were refused in part are collapsed',
  )
})

test('a collect that fails always has its line, with code, tenant and trace', (t) => {
  const { lines } = logging(t)
  announce('api.request.finished', { ...collect, status: 422, code: 'all_rejected', detail: 'quotes an event' })
  announce('api.request.finished', { ...collect, status: 503, code: 'publish_failed', detail: 'the bus is slow' })
  assert.deepEqual(
    lines().map(({ level, tenant, dataset, trace_id, error, detail }) => ({
      level,
      tenant,
      dataset,
      trace_id,
      error,
      detail,
    })),
    [
      {
        level: 'warn',
        tenant: 'acme',
        dataset: '_unknown',
        trace_id: 'a'.repeat(32),
        error: { code: 'all_rejected', retryable: false },
        detail: undefined,
      },
      {
        level: 'error',
        tenant: 'acme',
        dataset: '_unknown',
        trace_id: 'a'.repeat(32),
        error: { code: 'publish_failed', retryable: true },
        detail: 'the bus is slow',
      },
    ],
  )
})

test('a trouble that repeats is said at once and then once per interval with its count', async (t) => {
  const { lines, log } = logging(t, { repeatMs: 50 })
  for (let at = 0; at < 100; at += 1) announce('dependency.away', { dependency: 'postgres', detail: `attempt ${at}` })
  announce('dependency.away', { dependency: 'kafka', detail: 'another trouble' })
  assert.deepEqual(
    lines().map((line) => [line['dependency'], line['repeat']]),
    [
      ['postgres', undefined],
      ['kafka', undefined],
    ],
  )
  for (let waited = 0; lines().length < 3 && waited < 5_000; waited += 10) await sleep(10)
  assert.deepEqual([lines()[2]?.['repeat'], lines()[2]?.['detail']], [99, 'attempt 99'])
  announce('dependency.away', { dependency: 'postgres', detail: 'still' })
  await log[Symbol.asyncDispose]()
  assert.equal(lines().length, 4, 'the last trouble is said before the log closes')
})

test('the level decides, and a log that is closed hears nothing', async (t) => {
  const quiet = logging(t, { level: 'error' })
  const loud = logging(t, { level: 'debug' })
  announce('worker.records.consumed', said('worker.records.consumed'))
  assert.equal(quiet.text.length, 0)
  assert.equal(loud.text.length, 1)
  await loud.log[Symbol.asyncDispose]()
  announce('worker.records.consumed', said('worker.records.consumed'))
  assert.equal(loud.text.length, 1)
})

test('every line that is written is counted by its level, and none that is not', (t) => {
  const levels: string[] = []
  const { text } = logging(t, { onLine: (level) => levels.push(level) })
  announce('dependency.back', { dependency: 'kafka' })
  for (let at = 0; at < 3; at += 1) announce('dependency.away', { dependency: 'kafka', detail: 'refused' })
  announce('worker.records.consumed', said('worker.records.consumed'))
  assert.deepEqual(levels, ['info', 'error'])
  assert.equal(text.length, 2)
})

test('a line that is written inside a request names its tenant, request and trace without being told', (t) => {
  const { lines } = logging(t)
  runWith(
    {
      tenantId: '0193a000-0000-7000-8000-000000000001',
      tenantSlug: 'acme',
      requestId: 'req-9',
      trace: { traceId: 'b'.repeat(32), spanId: 'c'.repeat(16), sampled: false },
    },
    () => {
      announce('process.defect', { where: 'a route', detail: 'broken', stack: 'TypeError: broken\n    at x' })
      announce('upkeep.swept', { flushId: '0193a000-0000-7000-8000-0000000000ff', files: 1 })
    },
  )
  const [line, other] = lines()
  assert.deepEqual(
    [line?.['tenant'], line?.['request_id'], line?.['trace_id'], line?.['span_id'], line?.['error']],
    [
      'acme',
      'req-9',
      'b'.repeat(32),
      'c'.repeat(16),
      { code: 'internal', type: 'TypeError', retryable: false, stack: 'TypeError: broken\n    at x' },
    ],
  )
  assert.deepEqual(
    [other?.['trace_id'], other?.['span_id']],
    ['0193a0000000700080000000000000ff', undefined],
    "another trace's line does not get this one's span",
  )
})
