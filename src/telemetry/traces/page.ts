import type { Answer } from '../servers.ts'
import type { FinishedSpan } from './span.ts'
import type { Traces } from './traces.ts'

const TRACE_ID = /^[0-9a-f]{32}$/

/** The finished spans of one trace that this process still remembers, as JSON. `traceId`: what stood in the path. */
export function tracePage(traces: Pick<Traces, 'find'>, traceId: string): Answer {
  const contentType = 'application/json'
  if (!TRACE_ID.test(traceId)) {
    return { status: 404, contentType, body: '{"error":"A trace id is 32 hexadecimal digits in lower case."}\n' }
  }
  return { status: 200, contentType, body: `${JSON.stringify({ spans: traces.find(traceId).map(shown) })}\n` }
}

const shown = (span: FinishedSpan): unknown => ({
  trace_id: span.traceId,
  span_id: span.spanId,
  parent_span_id: span.parentSpanId ?? null,
  name: span.name,
  kind: span.kind,
  start_ms: span.startedAtMs,
  end_ms: span.endedAtMs,
  status: span.error === undefined ? 'ok' : 'error',
  error: span.error ?? null,
  attributes: span.attributes,
  links: (span.links ?? []).map(({ traceId, spanId, attributes }) => ({
    trace_id: traceId,
    span_id: spanId,
    attributes: attributes ?? {},
  })),
  events: (span.events ?? []).map(({ name, atMs, attributes }) => ({
    name,
    at_ms: atMs,
    attributes: attributes ?? {},
  })),
})
