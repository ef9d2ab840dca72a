import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tracePage } from '../../../src/telemetry/traces/page.ts'
import type { FinishedSpan } from '../../../src/telemetry/traces/span.ts'

const TRACE = 'a'.repeat(32)
const SPAN: FinishedSpan = {
  traceId: TRACE,
  spanId: 'b'.repeat(16),
  name: 'append',
  kind: 'internal',
  startedAtMs: 1.5,
  endedAtMs: 2.5,
  attributes: { 'pulse.tenant.id': 'acme', none: undefined },
  links: [{ traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) }],
  events: [{ name: 'dlq', atMs: 2, attributes: { reason: 'invalid' } }],
  error: 'away',
}

test('a trace is shown span by span, in plain JSON', () => {
  const { status, contentType, body } = tracePage({ find: (id) => (id === TRACE ? [SPAN] : []) }, TRACE)
  assert.deepEqual([status, contentType], [200, 'application/json'])
  assert.deepEqual(JSON.parse(String(body)), {
    spans: [
      {
        trace_id: TRACE,
        span_id: 'b'.repeat(16),
        parent_span_id: null,
        name: 'append',
        kind: 'internal',
        start_ms: 1.5,
        end_ms: 2.5,
        status: 'error',
        error: 'away',
        attributes: { 'pulse.tenant.id': 'acme' },
        links: [{ trace_id: 'c'.repeat(32), span_id: 'd'.repeat(16), attributes: {} }],
        events: [{ name: 'dlq', at_ms: 2, attributes: { reason: 'invalid' } }],
      },
    ],
  })
})

test('a trace that nobody remembers is empty; what is no trace id is not found', () => {
  const traces = { find: () => [] }
  assert.equal(String(tracePage(traces, 'f'.repeat(32)).body), '{"spans":[]}\n')
  for (const odd of ['', 'x', TRACE.toUpperCase(), `${TRACE}0`, '<script>', '../..'])
    assert.equal(tracePage(traces, odd).status, 404, odd)
})
