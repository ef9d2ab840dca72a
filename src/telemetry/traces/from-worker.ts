import { mintSpanId, parseTraceparent, type Traceparent } from '../../event/index.ts'
import type { Announcements, CarriedContext, FlushStep, TracePoint } from '../announce.ts'
import { messaging, whose } from './attributes.ts'
import { TOPIC_TEMPLATE, stepName } from './names.ts'
import type { FinishedSpan, SpanLink } from './span.ts'

type Committed = Announcements['worker.flush.committed']
type Failed = Announcements['worker.flush.failed']

/** What OpenTelemetry allows a span by default; the SDK would drop the oldest ones in silence, so that we choose. */
const MOST_LINKS = 128

interface Carried {
  readonly told: CarriedContext
  /** The send span. */
  readonly sent: Traceparent
}

/**
 * A committed flush of one dataset: its own span with its steps, and in the trace of each sampled request that it carried
 * a `process` span below the send span, from reading to commit, with the wait and the append in it.
 */
export function ofCommitted(said: Committed): FinishedSpan[] {
  const carried = said.contexts.flatMap((told): Carried[] => {
    const sent = parseTraceparent(told.traceparent)
    return sent === undefined ? [] : [{ told, sent }]
  })
  const spans = carried.flatMap((one) => processed(one, said))
  return said.span.sampled ? [flushed(said, carried), ...steps(said.steps, said.span), ...spans] : spans
}

function flushed(said: Committed, carried: readonly Carried[]): FinishedSpan {
  const links = linksTo(carried)
  const linksDropped = carried.length + said.contextsLeftOut - links.length
  return {
    traceId: said.span.traceId,
    spanId: said.span.spanId,
    name: 'flush dataset',
    kind: 'internal',
    startedAtMs: said.startedAtMs,
    endedAtMs: said.committedAtMs,
    attributes: {
      ...aboutFlush(said),
      ...snapshot(said),
      'pulse.batch.records': said.records,
      'pulse.batch.rows': said.rows,
      'pulse.batch.files': said.files,
      'pulse.batch.bytes': said.bytes,
      'pulse.commit.attempt': said.attempts,
      'pulse.events.duplicates': said.duplicates,
      'pulse.events.dlq': said.deadLetters,
      'pulse.links.dropped': linksDropped,
    },
    links,
    linksDropped,
  }
}

/** The send spans, one for each trace, those with dead letters first: who looks for a fault finds it. */
function linksTo(carried: readonly Carried[]): SpanLink[] {
  const links = new Map<string, SpanLink>()
  for (const isError of [true, false])
    for (const { told, sent } of carried) {
      if (links.size === MOST_LINKS) break
      if (told.deadLetters > 0 !== isError || links.has(sent.traceId)) continue
      const attributes = { 'messaging.batch.message_count': told.records }
      links.set(sent.traceId, { traceId: sent.traceId, spanId: sent.spanId, attributes })
    }
  return [...links.values()]
}

function processed({ told, sent }: Carried, said: Committed): FinishedSpan[] {
  const { traceId } = sent
  const spanId = mintSpanId()
  const isDead = told.deadLetters > 0
  // Read before the flush began, on another clock's reading: the wait is never negative.
  const pickedAtMs = Math.max(told.consumedAtMs, said.startedAtMs)
  return [
    {
      traceId,
      spanId,
      parentSpanId: sent.spanId,
      parentIsRemote: true,
      name: `process ${TOPIC_TEMPLATE}`,
      kind: 'consumer',
      startedAtMs: told.consumedAtMs,
      endedAtMs: said.committedAtMs,
      attributes: {
        ...messaging('process', told.topic, TOPIC_TEMPLATE),
        'messaging.destination.partition.id': String(told.partition),
        'messaging.kafka.offset': told.firstOffset,
        'messaging.batch.message_count': told.records,
        'error.type': told.reason,
        ...whose(said),
        'pulse.events.dlq': told.deadLetters,
      },
      links: [{ traceId, spanId: sent.spanId }],
      ...(isDead ? { events: [{ name: 'dlq', atMs: said.committedAtMs, attributes: { reason: told.reason } }] } : {}),
      error: isDead
        ? `${told.deadLetters} of ${told.records} became dead letters: ${told.reason ?? 'unknown'}`
        : undefined,
    },
    {
      traceId,
      spanId: mintSpanId(),
      parentSpanId: spanId,
      name: 'buffer',
      kind: 'internal',
      startedAtMs: told.consumedAtMs,
      endedAtMs: pickedAtMs,
      attributes: { ...whose(said), 'pulse.flush.trigger': said.trigger },
    },
    {
      traceId,
      spanId: mintSpanId(),
      parentSpanId: spanId,
      name: 'append',
      kind: 'internal',
      startedAtMs: pickedAtMs,
      endedAtMs: said.committedAtMs,
      attributes: { ...aboutFlush(said), ...snapshot(said) },
      links: [{ traceId: said.span.traceId, spanId: said.span.spanId, attributes: { 'pulse.link': 'flush' } }],
    },
  ]
}

/** An attempt to append a dataset's rows that failed. */
export function ofFailed(said: Failed): FinishedSpan[] {
  if (!said.span.sampled) return []
  return [
    {
      traceId: said.span.traceId,
      spanId: said.span.spanId,
      name: 'flush dataset',
      kind: 'internal',
      startedAtMs: said.startedAtMs,
      endedAtMs: said.startedAtMs + said.tookMs,
      attributes: {
        ...aboutFlush(said),
        'error.type': said.code,
        'pulse.flush.outcome': said.outcome,
        'pulse.flush.retry_ms': said.outcome === 'retried' ? said.retryInMs : undefined,
      },
      error: said.detail,
    },
  ]
}

const steps = (told: readonly FlushStep[], { traceId, spanId }: TracePoint): FinishedSpan[] =>
  told.map(({ name, startedAtMs, tookMs }) => ({
    traceId,
    spanId: mintSpanId(),
    parentSpanId: spanId,
    name: stepName(name),
    kind: 'internal',
    startedAtMs,
    endedAtMs: startedAtMs + tookMs,
    attributes: {},
  }))

const aboutFlush = (said: Committed | Failed) => ({
  ...whose(said),
  'pulse.flush.id': said.flushId,
  'pulse.flush.trigger': said.trigger,
})

const snapshot = ({ table, snapshotId }: Committed) => ({
  'pulse.iceberg.table': table === '' ? undefined : table,
  'pulse.iceberg.snapshot_id': snapshotId,
})
