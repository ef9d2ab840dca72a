import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { announce, listen, type AnnouncementName, type Announcements } from '../../../src/telemetry/announce.ts'
import { ofCommitted } from '../../../src/telemetry/traces/from-worker.ts'
import { SPAN_NAMES } from '../../../src/telemetry/traces/names.ts'
import type { FinishedSpan } from '../../../src/telemetry/traces/span.ts'
import { openTraces, type Traces, type TracesOptions } from '../../../src/telemetry/traces/traces.ts'
import { said } from '../../kit/announcements.ts'
import { startOtlp } from '../../kit/otlp.ts'
import { until } from '../../kit/until.ts'

const RESOURCE = { plane: 'worker', service: 'pulse-worker', version: '1', instance: 'here-1' } as const
const TRACE = 'a'.repeat(32)
const POINT = { traceId: TRACE, spanId: 'b'.repeat(16), sampled: true }
const UNSAMPLED = { ...POINT, sampled: false }
const FLUSH_ID = '01a212bd-80a5-725a-b06b-e40aac9dfe0a'
const FLUSH = { traceId: FLUSH_ID.replaceAll('-', ''), spanId: 'f'.repeat(16), sampled: true }

function open(t: TestContext, some: Partial<TracesOptions> = {}): Traces {
  const traces = openTraces({ resource: RESOURCE, onExported: () => undefined, ...some })
  t.after(() => traces[Symbol.asyncDispose]())
  return traces
}
const say = <N extends AnnouncementName>(name: N, some: Partial<Announcements[N]> = {}): void =>
  announce(name, said(name, some))

const PUBLISHED: Announcements['collect.published'] = {
  tenant: 'acme',
  topic: 'pulse.018f.events.raw',
  records: 3,
  bytes: 300,
  outcome: 'ok',
  startedAtMs: 1_002,
  tookMs: 4,
  span: { ...POINT, spanId: 'c'.repeat(16) },
  parentSpanId: POINT.spanId,
  validatedFromMs: 1_000,
  validateMs: 2,
}
const CARRIED = {
  traceparent: `00-${TRACE}-${'c'.repeat(16)}-01`,
  records: 3,
  deadLetters: 0,
  reason: undefined,
  consumedAtMs: 2_000,
  topic: 'pulse.018f.events.raw',
  partition: 1,
  firstOffset: 40,
}
const COMMITTED: Partial<Announcements['worker.flush.committed']> = {
  flushId: FLUSH_ID,
  span: FLUSH,
  startedAtMs: 3_000,
  committedAtMs: 3_500,
  tookMs: 500,
  snapshotId: '987654321',
  contexts: [CARRIED],
}
const PREVIEW: Announcements['preview.finished'] = {
  tenant: 'acme',
  dataset: 'orders',
  startedAtMs: 500,
  within: POINT,
  outcome: 'ok',
  planMs: 1,
  fetchMs: 2,
  decodeMs: 3,
  totalMs: 6,
  rows: 5,
  bytesRead: 100,
  filesRead: 1,
  filesPruned: 2,
}
const RETURNED: Announcements['canary.returned'] = {
  round: 4,
  events: 5,
  acceptedMs: 10,
  committedMs: 20,
  previewedMs: 30,
  snapshotId: '1',
  startedAtMs: 100,
  span: POINT,
}

const short = ({ name, kind, parentSpanId, startedAtMs, endedAtMs }: FinishedSpan) => [
  name,
  kind,
  parentSpanId,
  startedAtMs,
  endedAtMs,
]

test('a sampled request is a SERVER span, named by its route; its publish is a PRODUCER below it, beside the validation', (t) => {
  const traces = open(t)
  announce('collect.published', PUBLISHED)
  const collected = new Map([
    ['orders', { accepted: 2, rejected: 1, failed: 0, bytes: 200 }],
    ['visits', { accepted: 1, rejected: 0, failed: 0, bytes: 100 }],
  ])
  say('api.request.finished', { ...POINT, tenant: 'acme', startedAtMs: 999, tookMs: 8, collected })
  const [validate, send, server] = traces.find(TRACE) as [FinishedSpan, FinishedSpan, FinishedSpan]
  assert.deepEqual(short(server), ['POST /v1/collect', 'server', undefined, 999, 1_007])
  assert.deepEqual(short(validate), ['validate events', 'internal', POINT.spanId, 1_000, 1_002])
  assert.deepEqual(short(send), ['send pulse.{tenant}.events.raw', 'producer', POINT.spanId, 1_002, 1_006])
  assert.equal(send.spanId, 'c'.repeat(16))
  assert.equal(send.attributes['messaging.destination.name'], 'pulse.018f.events.raw')
  assert.equal(send.attributes['messaging.batch.message_count'], 3)
  assert.deepEqual(
    ['accepted', 'rejected', 'failed'].map((word) => server.attributes[`pulse.events.${word}`]),
    [3, 1, 0],
  )
})

test('a flush that carried a sampled request goes on in its trace: process below send, the wait, the append to its snapshot', (t) => {
  const traces = open(t)
  const steps = [{ name: 'encode' as const, startedAtMs: 3_100, tookMs: 50 }]
  say('worker.flush.committed', { ...COMMITTED, steps })
  const [process, buffer, append] = traces.find(TRACE) as [FinishedSpan, FinishedSpan, FinishedSpan]
  assert.deepEqual(short(process), ['process pulse.{tenant}.events.raw', 'consumer', 'c'.repeat(16), 2_000, 3_500])
  assert.deepEqual(process.links, [{ traceId: TRACE, spanId: 'c'.repeat(16) }])
  assert.deepEqual(short(buffer), ['buffer', 'internal', process.spanId, 2_000, 3_000])
  assert.deepEqual(short(append), ['append', 'internal', process.spanId, 3_000, 3_500])
  assert.equal(append.attributes['pulse.iceberg.snapshot_id'], '987654321')
  assert.deepEqual(
    append.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [[FLUSH.traceId, FLUSH.spanId]],
  )
  const [root, encode] = traces.find(FLUSH.traceId) as [FinishedSpan, FinishedSpan]
  assert.deepEqual(short(root), ['flush dataset', 'internal', undefined, 3_000, 3_500])
  assert.deepEqual(
    root.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [[TRACE, 'c'.repeat(16)]],
  )
  assert.deepEqual(short(encode), ['encode parquet', 'internal', FLUSH.spanId, 3_100, 3_150])
})

test('dead letters are the fault of their process span, with their reason; no payload is', (t) => {
  const traces = open(t)
  const contexts = [{ ...CARRIED, deadLetters: 1, reason: 'invalid' as const }]
  say('worker.flush.committed', { ...COMMITTED, contexts })
  const [process] = traces.find(TRACE) as [FinishedSpan]
  assert.equal(process.error, '1 of 3 became dead letters: invalid')
  assert.deepEqual(process.events, [{ name: 'dlq', atMs: 3_500, attributes: { reason: 'invalid' } }])
})

test('5,000 contexts in one flush: 128 links, one for each trace, faults first, and how many were left out', () => {
  const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')
  const contexts = Array.from({ length: 5_000 }, (_, n) => ({
    ...CARRIED,
    traceparent: `00-${hex(n + 1, 32)}-${hex(n + 1, 16)}-01`,
    ...(n >= 4_990 ? { deadLetters: 1, reason: 'invalid' as const } : {}),
  }))
  // The first trace twice: it is linked once, and left out once.
  contexts[1] = { ...CARRIED, traceparent: `00-${hex(1, 32)}-${hex(9_999, 16)}-01` }
  const [flush] = ofCommitted(said('worker.flush.committed', { ...COMMITTED, contexts, contextsLeftOut: 7 })) as [
    FinishedSpan,
  ]
  assert.equal(flush.links?.length, 128)
  assert.equal(new Set(flush.links?.map(({ traceId }) => traceId)).size, 128)
  assert.equal(flush.attributes['pulse.links.dropped'], 5_007 - 128)
  assert.equal(flush.linksDropped, 5_007 - 128)
  assert.deepEqual(
    flush.links?.slice(0, 10).map(({ traceId }) => Number.parseInt(traceId, 16)),
    Array.from({ length: 10 }, (_, n) => 4_991 + n),
  )
})

test('an attempt that failed is a span with its fault, without secrets', (t) => {
  const traces = open(t, { secrets: ['s3cr3t-value'] })
  say('worker.flush.failed', {
    span: FLUSH,
    detail: 'no s3cr3t-value for http://a:b@c',
    code: 'lake_away',
    retryInMs: 9,
  })
  const [failed] = traces.find(FLUSH.traceId) as [FinishedSpan]
  assert.equal(failed.error, 'no *** for http://a:***@c')
  assert.equal(failed.attributes['error.type'], 'lake_away')
  assert.equal(failed.attributes['pulse.flush.retry_ms'], 9)
})

test('what the places were asked for in a sampled trace is a CLIENT span below who asked; a preview has its phases', (t) => {
  const traces = open(t)
  announce('store.transaction.finished', { query: 'binding', outcome: 'ok', startedAtMs: 1, tookMs: 2, within: POINT })
  const call = { operation: 'get', outcome: 'error', startedAtMs: 3, tookMs: 4, bytes: 5, within: POINT } as const
  announce('lake.call.finished', call)
  announce('preview.finished', PREVIEW)
  announce('canary.returned', RETURNED)
  const below = POINT.spanId
  assert.deepEqual(traces.find(TRACE).map(short), [
    ['postgres binding', 'client', below, 1, 3],
    ['get object', 'client', below, 3, 7],
    ['plan preview', 'internal', below, 500, 501],
    ['fetch preview', 'internal', below, 501, 503],
    ['decode preview', 'internal', below, 503, 506],
    ['canary round', 'client', undefined, 100, 130],
  ])
  assert.equal(traces.find(TRACE)[1]?.error, 'error')
})

test('what is not sampled makes no span, whatever is announced', (t) => {
  const traces = open(t)
  announce('collect.published', { ...PUBLISHED, span: UNSAMPLED })
  say('api.request.finished', UNSAMPLED)
  say('worker.flush.committed', { ...COMMITTED, span: UNSAMPLED, contexts: [] })
  say('worker.flush.failed', { span: UNSAMPLED })
  announce('preview.finished', { ...PREVIEW, within: undefined })
  announce('store.transaction.finished', { query: 'binding', outcome: 'ok', startedAtMs: 1, tookMs: 2 })
  announce('lake.call.finished', { operation: 'get', outcome: 'ok', startedAtMs: 1, tookMs: 2, bytes: 3 })
  announce('canary.returned', { ...RETURNED, span: UNSAMPLED })
  assert.deepEqual(traces.find(TRACE), [])
  assert.deepEqual(traces.find(FLUSH.traceId), [])
})

test('an untrusted caller is linked and no parent; a trusted one is the parent and not linked', (t) => {
  const traces = open(t)
  const caller = { traceId: 'd'.repeat(32), spanId: 'e'.repeat(16), sampled: true }
  say('api.request.finished', { ...POINT, caller })
  say('api.request.finished', { ...POINT, caller: { ...caller, traceId: TRACE }, trusted: true })
  const [linked, child] = traces.find(TRACE) as [FinishedSpan, FinishedSpan]
  assert.equal(linked.parentSpanId, undefined)
  assert.deepEqual(
    linked.links?.map(({ traceId, spanId }) => [traceId, spanId]),
    [[caller.traceId, caller.spanId]],
  )
  assert.equal(child.parentSpanId, caller.spanId)
  assert.equal(child.links, undefined)
})

test('clients cannot mint names: an unknown method is HTTP, and what matched no route is its method alone', (t) => {
  const traces = open(t)
  say('api.request.finished', { ...POINT, method: 'BREW', route: '_unmatched', status: 500 })
  say('api.request.finished', { ...POINT, method: 'GET', route: '_unmatched', status: 404 })
  const [brew, get] = traces.find(TRACE) as [FinishedSpan, FinishedSpan]
  assert.deepEqual([brew.name, brew.error], ['HTTP', '500'])
  assert.deepEqual([get.name, get.error, get.attributes['http.route']], ['GET', undefined, undefined])
})

test('a receiver that is away is told of once a while, with how many spans it cost; what arrives is counted', async (t) => {
  await using receiver = await startOtlp()
  const lost: Announcements['telemetry.spans.lost'][] = []
  t.after(listen('telemetry.spans.lost', (one) => void lost.push(one)))
  let exported = 0
  const traces = open(t, {
    endpoint: receiver.url,
    queue: 4,
    gatherMs: 10,
    tellMs: 50,
    closeMs: 200,
    onExported: (n) => void (exported += n),
  })
  announce('canary.returned', RETURNED)
  await until('a span arrives', () => exported === 1)
  receiver.be('hang')
  for (let n = 0; n < 10; n += 1) announce('canary.returned', RETURNED)
  // Four are being sent and four wait.
  await until('two are told', () => lost.reduce((sum, { spans }) => sum + spans, 0) === 2)
  assert.ok(lost.length <= 2, `${lost.length} lines for one trouble`)
  assert.equal(lost[0]?.reason, 'dropped_queue')
  await traces[Symbol.asyncDispose]()
  assert.equal(
    lost.reduce((sum, { spans }) => sum + spans, 0),
    10,
  )
})

test('every kind of span that is wanted is made: a name that nothing produces is a promise that nobody keeps', (t) => {
  const traces = open(t)
  announce('collect.published', PUBLISHED)
  const steps = (['dedup', 'open_table', 'intent', 'encode', 'stage', 'commit'] as const).map((name) => ({
    name,
    startedAtMs: 0,
    tookMs: 1,
  }))
  say('worker.flush.committed', { ...COMMITTED, steps })
  announce('preview.finished', PREVIEW)
  announce('canary.returned', RETURNED)
  for (const operation of ['put', 'get', 'list', 'delete'] as const)
    announce('lake.call.finished', { operation, outcome: 'ok', startedAtMs: 1, tookMs: 2, bytes: 3, within: POINT })
  const made = new Set([...traces.find(TRACE), ...traces.find(FLUSH.traceId)].map(({ name }) => String(name)))
  const wanted = SPAN_NAMES.filter((name) => !name.startsWith('postgres '))
  assert.deepEqual([...made].toSorted(), wanted.toSorted())
})
