import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { openExporter, type Exporter, type ExporterOptions } from '../../../src/telemetry/traces/exporter.ts'
import type { FinishedSpan } from '../../../src/telemetry/traces/span.ts'
import { startOtlp } from '../../kit/otlp.ts'
import { until } from '../../kit/until.ts'

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
