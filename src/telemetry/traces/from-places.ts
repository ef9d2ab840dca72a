import { mintSpanId } from '../../event/index.ts'
import type { Announcements } from '../announce.ts'
import { objectName, queryName } from './names.ts'
import type { FinishedSpan } from './span.ts'

/** A transaction that somebody's sampled trace asked for. */
export function ofTransaction(said: Announcements['store.transaction.finished']): FinishedSpan[] {
  const { within, query, outcome, startedAtMs, tookMs } = said
  if (within?.sampled !== true) return []
  return [
    {
      traceId: within.traceId,
      spanId: mintSpanId(),
      parentSpanId: within.spanId,
      name: queryName(query),
      kind: 'client',
      startedAtMs,
      endedAtMs: startedAtMs + tookMs,
      attributes: {
        'db.system.name': 'postgresql',
        'db.query.summary': query,
        'error.type': outcome === 'ok' ? undefined : outcome,
      },
      error: outcome === 'ok' ? undefined : outcome,
    },
  ]
}

/** A call to the object store that somebody's sampled trace asked for. */
export function ofObjectCall(said: Announcements['lake.call.finished']): FinishedSpan[] {
  const { within, operation, outcome, startedAtMs, tookMs, bytes } = said
  if (within?.sampled !== true) return []
  return [
    {
      traceId: within.traceId,
      spanId: mintSpanId(),
      parentSpanId: within.spanId,
      name: objectName(operation),
      kind: 'client',
      startedAtMs,
      endedAtMs: startedAtMs + tookMs,
      attributes: {
        'pulse.object.operation': operation,
        'pulse.object.bytes': bytes,
        'error.type': outcome === 'ok' ? undefined : outcome,
      },
      error: outcome === 'ok' ? undefined : outcome,
    },
  ]
}

/** The canary's round that came back whole: the root of the trace that it asked the API for. */
export function ofRound(said: Announcements['canary.returned']): FinishedSpan[] {
  const { span, startedAtMs } = said
  if (!span.sampled) return []
  const at = (name: string, afterMs: number) => ({ name, atMs: startedAtMs + afterMs })
  return [
    {
      traceId: span.traceId,
      spanId: span.spanId,
      name: 'canary round',
      kind: 'client',
      startedAtMs,
      endedAtMs: startedAtMs + said.previewedMs,
      attributes: {
        'pulse.canary.round': said.round,
        'pulse.batch.records': said.events,
        'pulse.iceberg.snapshot_id': said.snapshotId,
      },
      events: [at('accepted', said.acceptedMs), at('committed', said.committedMs), at('previewed', said.previewedMs)],
    },
  ]
}
