import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { runWith } from '../../src/tenancy/index.ts'
import { announce, LOG, openLog, type AnnouncementName, type LogSettings } from '../../src/telemetry/index.ts'

function logging(t: TestContext, settings: Partial<LogSettings> = {}) {
  const text: string[] = []
  const log = openLog({
    level: 'info',
    plane: 'api',
    service: 'pulse-api',
    to: { write: (line) => text.push(line) },
    ...settings,
  })
  t.after(() => log[Symbol.asyncDispose]())
  return { text, log, lines: () => text.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

const request = {
  method: 'POST',
  route: '/v1/tenants',
  status: 201,
  tookMs: 12.3456,
  requestId: 'req-1',
  traceId: 'a'.repeat(32),
  tenant: 'acme',
}

test('a control-plane request is one canonical line', (t) => {
  const { lines } = logging(t)
  announce('api.request.finished', request)
  const [line, ...more] = lines()
  assert.equal(more.length, 0)
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  const { time: _time, pid: _pid, ...rest } = line ?? {}
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
    msg: 'POST /v1/tenants answered 201',
  })
})

test('a worker that claims thousands of partitions says so in a line of a bounded length', (t) => {
  const { text, lines } = logging(t, { plane: 'worker' })
  const claimed = Array.from(
    { length: 2_000 },
    (_, at) => `pulse.01900000-0000-7000-8000-0000000000ff.events.raw/${at}`,
  )
  announce('worker.share.changed', { worker: 'w', owned: 2_000, claimed, released: [], members: 1 })
  assert.ok((text[0] ?? '').length < 2_000)
  assert.deepEqual(lines()[0]?.['claimed'], claimed.slice(0, 20))
  assert.match(String(lines()[0]?.['msg']), /2000 claimed/)
})

test('a flush is one canonical line with tenant, dataset, snapshot and offsets', (t) => {
  const { lines } = logging(t, { plane: 'worker' })
  announce('worker.flush.committed', {
    flushId: 'f-1',
    tenant: 'acme',
    dataset: 'clicks',
    table: 'pulse_x.clicks',
    snapshotId: '42',
    records: 3,
    rows: 2,
    duplicates: 1,
    deadLetters: 0,
    files: 1,
    bytes: 900,
    tookMs: 40,
    offsets: ['topic/0:5-7'],
    attempts: 1,
  })
  const [line] = lines()
  for (const [name, value] of Object.entries({
    tenant: 'acme',
    dataset: 'clicks',
    snapshot_id: '42',
    rows: 2,
    duplicates: 1,
    offsets: ['topic/0:5-7'],
  })) {
    assert.deepEqual(line?.[name], value, name)
  }
})

test('a collect that succeeds writes no line, one that is rejected does', (t) => {
  const { lines } = logging(t)
  announce('api.request.finished', { ...request, route: '/v1/collect', status: 202 })
  announce('collect.settled', {
    tenant: 'acme',
    dataset: 'clicks',
    accepted: 1,
    rejected: 0,
    failed: 0,
    bytes: 1,
    traceId: 't',
  })
  announce('api.request.finished', { ...request, route: '/health', status: 200 })
  assert.deepEqual(lines(), [])
  announce('api.request.finished', { ...request, route: '/v1/collect', status: 422, code: 'all_rejected' })
  assert.deepEqual(
    lines().map((line) => [line['level'], line['error']]),
    [['warn', { code: 'all_rejected' }]],
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
  announce('worker.records.consumed', { tenant: 'acme', dataset: 'clicks', records: 1, bytes: 1 })
  assert.equal(quiet.text.length, 0)
  assert.equal(loud.text.length, 1)
  await loud.log[Symbol.asyncDispose]()
  announce('worker.records.consumed', { tenant: 'acme', dataset: 'clicks', records: 1, bytes: 1 })
  assert.equal(loud.text.length, 1)
})

test('secrets poured into every announcement are in no line', (t) => {
  const { text } = logging(t, { level: 'debug' })
  const poison = 'postgresql://pulse:hunter2@db/pulse Authorization: Bearer hunter2 password=hunter2 secret: "hunter2"'
  for (const event of Object.keys(LOG) as AnnouncementName[]) {
    // Every member that any announcement has, so that each finds its own.
    const said = {
      detail: poison,
      stack: poison,
      where: poison,
      code: poison,
      route: '/x',
      status: 500,
      tookMs: 1,
      tenant: 'acme',
      dataset: 'clicks',
      claimed: [],
      released: [],
      partitions: [],
      offsets: [poison],
      password: 'hunter2',
      apiKey: 'hunter2',
      dependency: 'postgres',
      reason: 'invalid',
    }
    announce(event, said as never)
  }
  assert.ok(text.length >= Object.keys(LOG).length - 1, `${text.length} lines`)
  assert.deepEqual(
    text.filter((line) => line.includes('hunter2')),
    [],
  )
})

test('a line that is written inside a request names its tenant, request and trace without being told', (t) => {
  const { lines } = logging(t)
  runWith(
    {
      tenantId: '0193a000-0000-7000-8000-000000000001',
      tenantSlug: 'acme',
      requestId: 'req-9',
      traceId: 'b'.repeat(32),
    },
    () => announce('process.defect', { where: 'a route', detail: 'broken' }),
  )
  const [line] = lines()
  assert.deepEqual([line?.['tenant'], line?.['request_id'], line?.['trace_id']], ['acme', 'req-9', 'b'.repeat(32)])
})
