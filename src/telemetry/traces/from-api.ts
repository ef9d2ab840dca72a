import { mintSpanId } from '../../event/index.ts'
import type { Announcements, TracePoint } from '../announce.ts'
import { UNMATCHED } from '../listen-api.ts'
import { messaging, whose } from './attributes.ts'
import { TOPIC_TEMPLATE, requestName } from './names.ts'
import type { FinishedSpan, SpanAttributes } from './span.ts'

/** A request's SERVER span. A caller who is not trusted is linked, never the parent. */
export function ofRequest(said: Announcements['api.request.finished']): FinishedSpan[] {
  if (!said.sampled) return []
  const { traceId, spanId, method, status, caller, trusted, startedAtMs, code } = said
  const route = said.route === UNMATCHED ? undefined : said.route
  const linked = caller !== undefined && trusted !== true ? [callerLink(caller)] : undefined
  return [
    {
      traceId,
      spanId,
      parentSpanId: trusted === true ? caller?.spanId : undefined,
      parentIsRemote: true,
      name: requestName(method, route),
      kind: 'server',
      startedAtMs,
      endedAtMs: startedAtMs + said.tookMs,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
        'error.type': status >= 500 ? (code ?? String(status)) : undefined,
        'url.scheme': 'http',
        ...whose(said),
        'pulse.request.id': said.requestId,
        'pulse.problem.code': code,
        ...summed(said.collected),
      },
      ...(linked === undefined ? {} : { links: linked }),
      // A client's mistake is no error of the server's (OpenTelemetry's HTTP conventions).
      error: status >= 500 ? (said.detail ?? code ?? String(status)) : undefined,
    },
  ]
}

const callerLink = ({ traceId, spanId }: TracePoint) => ({
  traceId,
  spanId,
  attributes: { 'pulse.link': 'untrusted_caller' },
})

/** What became of the events, over all datasets of the request. */
function summed(collected: Announcements['api.request.finished']['collected']): SpanAttributes {
  if (collected === undefined) return {}
  let [accepted, rejected, failed, bytes] = [0, 0, 0, 0]
  for (const counts of collected.values()) {
    accepted += counts.accepted
    rejected += counts.rejected
    failed += counts.failed
    bytes += counts.bytes
  }
  return {
    'pulse.events.accepted': accepted,
    'pulse.events.rejected': rejected,
    'pulse.events.failed': failed,
    'pulse.batch.bytes': bytes,
  }
}

/** How a request's events were judged, and how they were sent: the PRODUCER span's context is in each of its records. */
export function ofPublished(said: Announcements['collect.published']): FinishedSpan[] {
  const { span, parentSpanId, startedAtMs, tookMs, validatedFromMs, outcome } = said
  if (!span.sampled) return []
  const { traceId, spanId } = span
  return [
    {
      traceId,
      spanId: mintSpanId(),
      parentSpanId,
      name: 'validate events',
      kind: 'internal',
      startedAtMs: validatedFromMs,
      endedAtMs: validatedFromMs + said.validateMs,
      attributes: whose(said),
    },
    {
      traceId,
      spanId,
      parentSpanId,
      name: `send ${TOPIC_TEMPLATE}`,
      kind: 'producer',
      startedAtMs,
      endedAtMs: startedAtMs + tookMs,
      attributes: {
        ...messaging('send', said.topic, TOPIC_TEMPLATE),
        'messaging.batch.message_count': said.records,
        'error.type': outcome === 'ok' ? undefined : outcome,
        ...whose(said),
        'pulse.batch.bytes': said.bytes,
      },
      error: outcome === 'ok' ? undefined : (said.detail ?? outcome),
    },
  ]
}

/** The phases of a preview, one after the other, below its request. */
export function ofPreview(said: Announcements['preview.finished']): FinishedSpan[] {
  const { within, planMs, fetchMs, decodeMs, startedAtMs } = said
  if (within?.sampled !== true) return []
  const phases = [
    ['plan preview', planMs, { 'pulse.files.pruned': said.filesPruned }],
    ['fetch preview', fetchMs, { 'pulse.files.read': said.filesRead, 'pulse.bytes.read': said.bytesRead }],
    ['decode preview', decodeMs, { 'pulse.batch.rows': said.rows }],
  ] as const
  let atMs = startedAtMs
  return phases.map(([name, tookMs, attributes]) => {
    const from = atMs
    atMs += tookMs
    return {
      traceId: within.traceId,
      spanId: mintSpanId(),
      parentSpanId: within.spanId,
      name,
      kind: 'internal',
      startedAtMs: from,
      endedAtMs: atMs,
      attributes: { ...whose(said), ...attributes },
    }
  })
}
