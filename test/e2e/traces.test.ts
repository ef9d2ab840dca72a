import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Client } from 'pg'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { SPAN_NAMES } from '../../src/telemetry/traces/names.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { startOtlp, type Otlp, type WireSpan } from '../kit/otlp.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { named, treeOf } from '../kit/trace-tree.ts'
import { until } from '../kit/until.ts'

/** The running system, every request sampled, and a receiver of its spans: one trace from the door to the lake, edge by edge. */
const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, n: { type: 'integer' } },
  required: ['timestamp', 'n'],
}
const JOURNEY = [
  'POST /v1/collect (server, pulse-api)',
  '  validate events (internal, pulse-api)',
  '  send pulse.{tenant}.events.raw (producer, pulse-api)',
  '    process pulse.{tenant}.events.raw (consumer, pulse-worker)',
  '      buffer (internal, pulse-worker)',
  '      append (internal, pulse-worker)',
]

const LONG = { timeout: 60_000 }

let system: System
let receiver: Otlp
let place: Place

before(
  async () => {
    receiver = await startOtlp()
    system = await bootPulse({
      PULSE_FLUSH_SECONDS: '0.3',
      PULSE_TRACES_PER_SECOND: '1000',
      PULSE_TOPIC_PARTITIONS: '2',
      PULSE_OTLP_ENDPOINT: `127.0.0.1:${receiver.port}`,
      PULSE_CANARY_SECONDS: '1',
    })
    place = await makePlace(system.baseUrl, DEFINITION)
  },
  { timeout: 90_000 },
)
after(
  async () => {
    await system?.[Symbol.asyncDispose]()
    await receiver?.[Symbol.asyncDispose]()
  },
  { timeout: 60_000 },
)

async function collect(numbers: readonly number[], eventId?: string): Promise<string> {
  const lines = numbers.map((n) => ({
    dataset: place.dataset,
    event_id: eventId ?? randomUUID(),
    data: { timestamp: '2026-11-25T08:00:00Z', n },
  }))
  const response = await fetch(`${system.baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-tenant-id': place.tenantId },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  })
  assert.equal(response.status, 202, await response.text())
  const [, traceId = '', , flags] = (response.headers.get('traceparent') ?? '').split('-')
  assert.equal(flags, '01')
  return traceId
}

const appended = (spans: readonly WireSpan[], records: number): boolean =>
  named(spans, 'append').length > 0 &&
  named(spans, 'process pulse.{tenant}.events.raw').reduce(
    (sum, { attributes }) => sum + Number(attributes['messaging.batch.message_count']),
    0,
  ) === records &&
  named(spans, 'POST /v1/collect').length === 1
const traceOf = (traceId: string, records: number) => receiver.traceWith(traceId, (spans) => appended(spans, records))

test('one event: one trace id from the door to the snapshot, parent to child', LONG, async () => {
  const spans = await traceOf(await collect([1]), 1)
  assert.deepEqual(treeOf(spans), JOURNEY)
  const [send] = named(spans, 'send pulse.{tenant}.events.raw')
  const [process] = named(spans, 'process pulse.{tenant}.events.raw')
  const [append] = named(spans, 'append')
  assert.equal(send?.attributes['messaging.destination.name'], rawTopic(place.tenantId))
  assert.equal(send?.attributes['messaging.batch.message_count'], 1)
  assert.equal(process?.attributes['messaging.destination.name'], rawTopic(place.tenantId))
  assert.deepEqual(
    process?.links.map(({ spanId }) => spanId),
    [send?.spanId],
  )
  const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}`, { tenantId: place.tenantId })
  assert.match(JSON.stringify(body), new RegExp(`"snapshot_id":"${append?.attributes['pulse.iceberg.snapshot_id']}"`))
})

test(
  'the flush has a trace of its own, named by its id: linked both ways, its steps and calls below it',
  LONG,
  async () => {
    const spans = await traceOf(await collect([2]), 1)
    const [append] = named(spans, 'append')
    const [send] = named(spans, 'send pulse.{tenant}.events.raw')
    const flushId = String(append?.attributes['pulse.flush.id'])
    const [link] = append?.links ?? []
    assert.equal(link?.traceId, flushId.replaceAll('-', ''))
    const flush = await receiver.traceWith(link?.traceId ?? '', (all) => named(all, 'commit table').length > 0)
    const root = flush.find(({ spanId }) => spanId === link?.spanId)
    assert.equal(root?.name, 'flush dataset')
    assert.equal(root?.parentSpanId, '')
    assert.ok(root?.links.some(({ spanId }) => spanId === send?.spanId))
    const children = new Set(
      flush.filter(({ parentSpanId }) => parentSpanId === root?.spanId).map(({ name, kind }) => `${name} (${kind})`),
    )
    for (const wanted of [
      'dedup (internal)',
      'open table (internal)',
      'open intent (internal)',
      'encode parquet (internal)',
      'stage snapshot (internal)',
      'commit table (internal)',
      'put object (client)',
      'postgres commit (client)',
    ])
      assert.ok(children.has(wanted), `${wanted} is missing from ${[...children].join(', ')}`)
  },
)

test('a batch: one send span for all of it, and a process span for each flush that carried of it', LONG, async () => {
  const spans = await traceOf(await collect(Array.from({ length: 50 }, (_, n) => n)), 50)
  assert.equal(named(spans, 'send pulse.{tenant}.events.raw').length, 1)
  const processed = named(spans, 'process pulse.{tenant}.events.raw')
  for (const one of processed) {
    const inside = spans.filter(({ parentSpanId }) => parentSpanId === one.spanId).map(({ name }) => name)
    assert.deepEqual(inside.toSorted(), ['append', 'buffer'])
  }
  const flushes = named(spans, 'append').map(({ attributes }) => attributes['pulse.flush.id'])
  assert.equal(new Set(flushes).size, processed.length)
})

test(
  'a batch whose parts are committed apart: each part is a process span of its own below the one send span',
  LONG,
  async () => {
    const traceId = await collect([7])
    await traceOf(traceId, 1)
    // The same context again, as a client's retry or a replayed dead letter would carry it, in a later flush.
    const [send] = named(receiver.trace(traceId), 'send pulse.{tenant}.events.raw')
    await publish(`00-${traceId}-${send?.spanId}-01`, place.datasetId)
    const spans = await traceOf(traceId, 2)
    const processed = named(spans, 'process pulse.{tenant}.events.raw')
    assert.equal(processed.length, 2)
    assert.deepEqual(new Set(processed.map(({ parentSpanId }) => parentSpanId)), new Set([send?.spanId]))
    const flushes = named(spans, 'append').map(({ attributes }) => attributes['pulse.flush.id'])
    assert.equal(new Set(flushes).size, 2)
  },
)

test(
  'a dead letter: its process span is an error, with the reason as an event, in the trace of who sent it',
  LONG,
  async () => {
    const traceId = randomUUID().replaceAll('-', '')
    await publish(`00-${traceId}-${'9'.repeat(16)}-01`, randomUUID())
    const spans = await receiver.traceWith(traceId, (all) => all.length === 3)
    assert.deepEqual(treeOf(spans), [
      '?process pulse.{tenant}.events.raw (consumer, pulse-worker) ERROR',
      '  buffer (internal, pulse-worker)',
      '  append (internal, pulse-worker)',
    ])
    const [process] = named(spans, 'process pulse.{tenant}.events.raw')
    assert.equal(process?.parentSpanId, '9'.repeat(16))
    assert.deepEqual(process?.events, [{ name: 'dlq', attributes: { reason: 'unknown_dataset' } }])
  },
)

test('from an event’s id to its flush, by the query on the page about traces', LONG, async () => {
  const page = await readFile(join(import.meta.dirname, '../../docs/concepts/traces.md'), 'utf8')
  const [, sql = ''] = /```sql\n([\s\S]*?)```/.exec(page) ?? []
  const eventId = randomUUID()
  const spans = await traceOf(await collect([6], eventId), 1)
  const postgres = new Client({ connectionString: system.adminUrl() })
  await postgres.connect()
  const given: Record<string, string> = { tenant: place.tenantSlug, dataset: place.dataset, event_id: eventId }
  const { rows } = await postgres
    .query<Record<string, unknown>>(sql.replaceAll(/:'(\w+)'/g, (_, name: string) => `'${given[name]}'`))
    .finally(() => postgres.end())
  const [append] = named(spans, 'append')
  assert.deepEqual(
    rows.map((row) => [row['flush_id'], row['trace_id']]),
    [[append?.attributes['pulse.flush.id'], append?.links[0]?.traceId]],
  )
})

test('a preview: what it asks of Postgres and the lake, and its phases, below the request', LONG, async () => {
  const response = await fetch(`${system.baseUrl}/v1/datasets/${place.dataset}/preview?limit=5`, {
    headers: { 'x-tenant-id': place.tenantId },
  })
  assert.equal(response.status, 200)
  const traceId = response.headers.get('traceparent')?.split('-')[1] ?? ''
  const spans = await receiver.traceWith(traceId, (all) => named(all, 'decode preview').length > 0)
  const tree = await until('the request', () => {
    const lines = treeOf(receiver.trace(traceId))
    return lines[0] === 'GET /v1/datasets/:dataset/preview (server, pulse-api)' && lines
  })
  for (const child of ['plan preview (internal', 'fetch preview (internal', 'decode preview (internal', 'postgres '])
    assert.ok(
      tree.slice(1).some((line) => line.startsWith(`  ${child}`)),
      `${child} in ${tree.join('\n')}`,
    )
  assert.ok(spans.length > 3)
})

test('the canary is always kept: its round is the root of a trace that ends at its snapshot', LONG, async () => {
  const round = await until('a round', () => named(receiver.spans(), 'canary round')[0])
  const spans = await receiver.traceWith(round.traceId, (all) =>
    appended(all, Number(round.attributes['pulse.batch.records'])),
  )
  assert.equal(treeOf(spans)[0], 'canary round (client, pulse-canary)')
  assert.equal(named(spans, 'POST /v1/collect')[0]?.parentSpanId, round.spanId)
})

test('the worker shows the trace by its id, beside its probes', LONG, async () => {
  const traceId = await collect([8])
  await traceOf(traceId, 1)
  const response = await fetch(`http://127.0.0.1:${system.env['PULSE_WORKER_HEALTH_PORT']}/traces/${traceId}`)
  const { spans } = (await response.json()) as { spans: { name: string; trace_id: string }[] }
  assert.deepEqual(spans.map(({ name }) => name).toSorted(), ['append', 'buffer', 'process pulse.{tenant}.events.raw'])
})

test('every name that was sent is on the list, and no span says what an event says', LONG, async () => {
  const names = new Set(receiver.spans().map(({ name }) => name))
  const odd = [...names].filter(
    (name) => !SPAN_NAMES.includes(name as never) && !/^(GET|POST|PATCH|PUT|DELETE) \/v1\/[a-z_/:-]+$/.test(name),
  )
  assert.deepEqual(odd, [])
  assert.doesNotMatch(JSON.stringify(receiver.spans()), /2026-11-25T08:00:00Z/)
})

test('stopping sends what waits', LONG, async () => {
  const traceId = await collect([9])
  assert.equal(await system.stop(), 0)
  assert.deepEqual(treeOf(receiver.trace(traceId)), JOURNEY)
})

// A batch is tried for half a minute: whatever waited for it would take longer than these bounds, which a busy machine keeps.
test('a receiver that never answers delays neither events nor the end', { timeout: 180_000 }, async () => {
  receiver.be('hang')
  await system.start()
  await until('everything to be up', () => system.output().includes('Ctrl-C'), 60_000)
  const from = performance.now()
  await collect([10])
  const tookMs = performance.now() - from
  assert.ok(tookMs < 9_000, `${tookMs} ms`)
  const rows = () =>
    call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}/preview?limit=50`, { tenantId: place.tenantId })
  await until('the row', async () => JSON.stringify((await rows()).body).includes('"n":10'), 60_000)
  const stopping = performance.now()
  assert.equal(await system.stop(), 0)
  const stoppedMs = performance.now() - stopping
  assert.ok(stoppedMs < 20_000, `${stoppedMs} ms`)
})

/** A record with this context, as it comes from the bus. */
async function publish(traceparent: string, datasetId: string): Promise<void> {
  await using bus = openBus({
    brokers: [`127.0.0.1:${system.port('bus')}`],
    clientId: 'somebody',
    publishTimeoutMs: 5_000,
  })
  await using publisher = bus.publisher()
  const event = { dataset: place.dataset, data: { timestamp: '2026-11-25T08:00:00Z', n: 1 } }
  const header = (name: string, value: string): [Buffer, Buffer] => [Buffer.from(name), Buffer.from(value)]
  const { body } = await call(system.baseUrl, 'GET', `/v1/datasets/${place.dataset}`, { tenantId: place.tenantId })
  const [verdict] = await publisher.publish([
    {
      topic: rawTopic(place.tenantId),
      key: Buffer.from(randomUUID()),
      value: Buffer.from(JSON.stringify(event)),
      headers: {
        entries: [
          header('pulse-dataset', datasetId),
          header('pulse-schema', String(body['schema_id'])),
          header('pulse-received-at', new Date().toISOString().replace('Z', '000Z')),
          header('traceparent', traceparent),
        ],
      },
    },
  ])
  assert.equal(verdict, null)
}
