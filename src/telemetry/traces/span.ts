import {
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Attributes,
  type HrTime,
  type SpanContext,
} from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { SpanName } from './names.ts'

export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

/** Another span that this one belongs together with, without being its child. */
export interface SpanLink {
  readonly traceId: string
  readonly spanId: string
  readonly attributes?: SpanAttributes
}

/** Something that happened within a span. */
interface SpanEvent {
  readonly name: string
  readonly atMs: number
  readonly attributes?: SpanAttributes
}

/**
 * A span that is over: everything about it is known, nothing will be added. Times in milliseconds since 1970, with fractions.
 */
export interface FinishedSpan {
  readonly traceId: string
  readonly spanId: string
  /** Absent: a root. */
  readonly parentSpanId?: string | undefined
  /** The parent is another process's span. */
  readonly parentIsRemote?: boolean
  readonly name: SpanName
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly attributes: SpanAttributes
  readonly links?: readonly SpanLink[]
  /** Links that were left out. */
  readonly linksDropped?: number
  readonly events?: readonly SpanEvent[]
  /** Why it failed; a span without one did not. */
  readonly error?: string | undefined
}

const KINDS: Readonly<Record<FinishedSpan['kind'], SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}
const SCOPE = { name: 'pulse' } as const

/** A finished span the way OpenTelemetry's processors and exporters read one. */
export function toReadable(span: FinishedSpan, resource: Resource): ReadableSpan {
  const { traceId, spanId, parentSpanId, startedAtMs, endedAtMs } = span
  const place: SpanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED }
  const parent =
    parentSpanId === undefined
      ? undefined
      : { traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: span.parentIsRemote === true }
  return {
    name: span.name,
    kind: KINDS[span.kind],
    spanContext: () => place,
    ...(parent === undefined ? {} : { parentSpanContext: parent }),
    startTime: hrTime(startedAtMs),
    endTime: hrTime(Math.max(startedAtMs, endedAtMs)),
    duration: hrTime(Math.max(0, endedAtMs - startedAtMs)),
    status:
      span.error === undefined ? { code: SpanStatusCode.UNSET } : { code: SpanStatusCode.ERROR, message: span.error },
    attributes: known(span.attributes),
    links: (span.links ?? []).map((link) => ({
      context: { traceId: link.traceId, spanId: link.spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true },
      attributes: known(link.attributes),
    })),
    events: (span.events ?? []).map(({ name, atMs, attributes }) => ({
      name,
      time: hrTime(atMs),
      attributes: known(attributes),
    })),
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: span.linksDropped ?? 0,
  }
}

/** Seconds and nanoseconds; what a double holds of the present is a quarter of a microsecond. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  const nanos = Math.round((ms - seconds * 1000) * 1e6)
  return nanos >= 1e9 ? [seconds + 1, 0] : [seconds, nanos]
}

const known = (attributes: SpanAttributes = {}): Attributes =>
  Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, value as string | number | boolean | string[]]),
  )
