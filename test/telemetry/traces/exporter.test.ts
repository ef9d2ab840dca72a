import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { openExporter, type Exporter, type ExporterOptions } from '../../../src/telemetry/traces/exporter.ts'
import type { FinishedSpan } from '../../../src/telemetry/traces/span.ts'
import { startOtlp } from '../../kit/otlp.ts'
import { until } from '../../kit/until.ts'

const run = promisify(execFile)
const RESOURCE = { plane: 'api', service: 'pulse-api', version: '1.2.3', instance: 'here-1' } as const
let next = 0
function spanNow(some: Partial<FinishedSpan> = {}): FinishedSpan {
  next += 1
  return {
    traceId: 'a'.repeat(32),
    spanId: next.toString(16).padStart(16, '0'),
    name: 'append',
    kind: 'internal',
    startedAtMs: 1_700_000_000_000.25,
    endedAtMs: 1_700_000_000_001.5,
    attributes: {},
    ...some,
  }
}

type Counts = Record<Parameters<ExporterOptions['onOutcome']>[0], number>
function counted(
  t: TestContext,
  endpoint: string,
  some: Partial<ExporterOptions> = {},
): { exporter: Exporter; counts: Counts } {
  const counts: Counts = { exported: 0, dropped_queue: 0, failed: 0 }
  const exporter = openExporter({
    endpoint,
    resource: RESOURCE,
    gatherMs: 20,
    onOutcome: (outcome, spans) => void (counts[outcome] += spans),
    ...some,
  })
  t.after(() => exporter[Symbol.asyncDispose]())
  return { exporter, counts }
}

test('a span arrives as it was made: ids, times to the microsecond, kind, attributes, links, events, error, resource', async (t) => {
  await using receiver = await startOtlp()
  const { exporter, counts } = counted(t, receiver.url)
  exporter.take(
    spanNow({
      spanId: '00f067aa0ba902b7',
      parentSpanId: '1'.repeat(16),
      kind: 'consumer',
      name: 'process pulse.{tenant}.events.raw',
      attributes: { 'pulse.tenant.id': 'acme', 'pulse.batch.rows': 7, absent: undefined, list: ['a', 'b'], ok: true },
      links: [{ traceId: 'b'.repeat(32), spanId: 'c'.repeat(16), attributes: { 'pulse.link': 'flush' } }],
      linksDropped: 9,
      events: [{ name: 'dlq', atMs: 1_700_000_000_001, attributes: { reason: 'invalid' } }],
      error: 'it failed',
    }),
  )
  await until('it arrives', () => counts.exported === 1)
  assert.deepEqual(receiver.spans(), [
    {
      service: 'pulse-api',
      resource: {
        'service.name': 'pulse-api',
        'service.namespace': 'pulse',
        'service.version': '1.2.3',
        'service.instance.id': 'here-1',
      },
      traceId: 'a'.repeat(32),
      spanId: '00f067aa0ba902b7',
      parentSpanId: '1'.repeat(16),
      name: 'process pulse.{tenant}.events.raw',
      kind: 'consumer',
      startMs: 1_700_000_000_000.25,
      endMs: 1_700_000_000_001.5,
      attributes: { 'pulse.tenant.id': 'acme', 'pulse.batch.rows': 7, list: ['a', 'b'], ok: true },
      links: [{ traceId: 'b'.repeat(32), spanId: 'c'.repeat(16), attributes: { 'pulse.link': 'flush' } }],
      linksDropped: 9,
      events: [{ name: 'dlq', attributes: { reason: 'invalid' } }],
      isError: true,
      message: 'it failed',
    },
  ])
})

test('a receiver that is gone: the queue fills, what does not fit is counted, and the end comes within its bound', async (t) => {
  const receiver = await startOtlp()
  receiver.goAway()
  const { exporter, counts } = counted(t, receiver.url, { queue: 100, batch: 10, closeMs: 300 })
  for (let n = 0; n < 250; n += 1) exporter.take(spanNow())
  // All of them within one turn, so that none could leave the queue.
  assert.equal(counts.dropped_queue, 150)
  const from = performance.now()
  await exporter[Symbol.asyncDispose]()
  assert.ok(performance.now() - from < 1_000, `${performance.now() - from} ms`)
  assert.deepEqual(counts, { exported: 0, dropped_queue: 150, failed: 100 })
})

test('a receiver that never answers delays nobody: taking spans returns at once, and the end comes within its bound', async (t) => {
  await using receiver = await startOtlp()
  receiver.be('hang')
  const { exporter, counts } = counted(t, receiver.url, { closeMs: 200 })
  exporter.take(spanNow())
  await until('a call is hanging', () => receiver.calls() === 1)
  let slowest = 0
  for (let n = 0; n < 1_000; n += 1) {
    const from = performance.now()
    exporter.take(spanNow())
    slowest = Math.max(slowest, performance.now() - from)
  }
  assert.ok(slowest < 100, `${slowest} ms`)
  const from = performance.now()
  await exporter[Symbol.asyncDispose]()
  assert.ok(performance.now() - from < 1_000, `${performance.now() - from} ms`)
  assert.deepEqual(counts, { exported: 0, dropped_queue: 0, failed: 1_001 })
})

test('a receiver that restarts loses no span: the batch is tried again', async (t) => {
  await using receiver = await startOtlp()
  const { exporter, counts } = counted(t, receiver.url)
  exporter.take(spanNow())
  await until('the first arrives', () => counts.exported === 1)
  receiver.goAway()
  exporter.take(spanNow())
  exporter.take(spanNow())
  await receiver.back()
  await until('the others arrive', () => counts.exported === 3)
  assert.deepEqual(counts, { exported: 3, dropped_queue: 0, failed: 0 })
  assert.equal(receiver.spans().length, 3)
})

test('a receiver that hung is spoken to on a new connection, and takes what waited', async (t) => {
  await using receiver = await startOtlp()
  receiver.be('hang')
  const { exporter, counts } = counted(t, receiver.url, { callMs: 100 })
  exporter.take(spanNow())
  await until('two calls ran into their deadline', () => receiver.calls() >= 2)
  receiver.be('take')
  await until('it arrives', () => counts.exported === 1)
  assert.equal(counts.failed, 0)
})

test('patience ends: a batch is given up, counted, and the next one is tried', async (t) => {
  await using receiver = await startOtlp()
  receiver.be('hang')
  const { exporter, counts } = counted(t, receiver.url, { callMs: 50, patienceMs: 200 })
  exporter.take(spanNow())
  await until('it is given up', () => counts.failed === 1)
  receiver.be('take')
  exporter.take(spanNow())
  await until('the next arrives', () => counts.exported === 1)
})

test('what the receiver refuses is lost, whether it refuses a call or a part of one', async (t) => {
  await using receiver = await startOtlp()
  receiver.be('refuse')
  const { exporter, counts } = counted(t, receiver.url)
  exporter.take(spanNow())
  await until('it is refused', () => counts.failed === 1)
  assert.equal(receiver.calls(), 1, 'refused for good: not tried again')
  receiver.be({ reject: 2 })
  for (let n = 0; n < 3; n += 1) exporter.take(spanNow())
  await until('two of three are refused', () => counts.failed === 3)
  assert.equal(counts.exported, 1)
})

test('disposing sends what waits; nothing is taken after it', async (t) => {
  await using receiver = await startOtlp()
  const { exporter, counts } = counted(t, receiver.url, { gatherMs: 60_000, batch: 10 })
  for (let n = 0; n < 35; n += 1) exporter.take(spanNow())
  await exporter[Symbol.asyncDispose]()
  assert.equal(receiver.spans().length, 35)
  exporter.take(spanNow())
  assert.deepEqual(counts, { exported: 35, dropped_queue: 1, failed: 0 })
})

test("OpenTelemetry's own variables and proxies for web pages change nothing", async () => {
  await using receiver = await startOtlp()
  const script = `
    const { openExporter } = await import('${import.meta.resolve('../../../src/telemetry/traces/exporter.ts')}')
    const exporter = openExporter({ endpoint: '${receiver.url}', resource: ${JSON.stringify(RESOURCE)}, onOutcome: console.log })
    exporter.take(${JSON.stringify(spanNow())})
    await exporter[Symbol.asyncDispose]()`
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', script], {
    env: {
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=oh-no',
      OTEL_EXPORTER_OTLP_TIMEOUT: '1',
      OTEL_SDK_DISABLED: 'true',
      OTEL_SERVICE_NAME: 'somebody',
      OTEL_RESOURCE_ATTRIBUTES: 'a=b',
      OTEL_BSP_MAX_QUEUE_SIZE: '1',
      OTEL_LOG_LEVEL: 'ALL',
      GRPC_VERBOSITY: 'DEBUG',
      http_proxy: 'http://127.0.0.1:1',
      https_proxy: 'http://127.0.0.1:1',
    },
  })
  assert.deepEqual([stdout, stderr], ['exported 1 \n', ''])
  assert.equal(receiver.spans()[0]?.service, 'pulse-api')
  assert.equal(receiver.spans()[0]?.resource['a'], undefined)
  assert.equal(receiver.metadata()['authorization'], undefined)
})
