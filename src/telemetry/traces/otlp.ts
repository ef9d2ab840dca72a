import { setTimeout as delay } from 'node:timers/promises'
import { Client, Metadata, credentials, logVerbosity, setLogVerbosity, status, type ServiceError } from '@grpc/grpc-js'
import { ExportResultCode } from '@opentelemetry/core'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace'
import type { Resource } from '../resource.ts'
import { toReadable, type FinishedSpan } from './span.ts'

/**
 * OTLP over gRPC to one receiver. Our own caller on gRPC and OpenTelemetry's serializer, because their exporter takes
 * headers and certificates from `OTEL_…` variables, tells of spans that a receiver refused only a debug logger, gives up at
 * the first failure and cannot be cut short. This file is loaded where an endpoint is set, and nowhere else: 0.1 s.
 */

const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'

/** Worth another attempt, by the OTLP specification. */
const PASSING: ReadonlySet<number> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.OUT_OF_RANGE,
  status.UNAVAILABLE,
  status.DATA_LOSS,
  status.RESOURCE_EXHAUSTED,
])
const FIRST_BACKOFF_MS = 250
const MOST_BACKOFF_MS = 4_000

export interface OtlpOptions {
  /** `http://…` or `https://…`. */
  readonly endpoint: string
  readonly resource: Resource
  /** Most spans that wait, and most that are sent at once. */
  readonly queue: number
  readonly batch: number
  /** How long a span waits for others. */
  readonly gatherMs: number
  /** How long one call may take, and how long a batch is tried. */
  readonly callMs: number
  readonly patienceMs: number
  /** So many spans left the queue. */
  readonly onTaken: (spans: number) => void
  /** So many of a batch reached the receiver, and so many never will. */
  readonly onSent: (sent: { readonly exported: number; readonly failed: number; readonly detail: string }) => void
}

interface Otlp {
  onEnd(span: FinishedSpan): void
  /** Sends what waits, without patience; what is still under way when `signal` aborts is given up. Never rejects. */
  close(signal: AbortSignal): Promise<void>
}

export function openOtlp(options: OtlpOptions): Otlp {
  setLogVerbosity(logVerbosity.NONE)
  const resource = resourceFromAttributes({
    'service.name': options.resource.service,
    'service.namespace': 'pulse',
    'service.version': options.resource.version,
    'service.instance.id': options.resource.instance,
  })
  const caller = openCaller(options)
  const closing = new AbortController()
  const given = new AbortController()
  const underway = new Set<Promise<void>>()

  async function send(spans: readonly ReadableSpan[]): Promise<void> {
    const bytes = Buffer.from(ProtobufTraceSerializer.serializeRequest(spans as ReadableSpan[]) ?? [])
    const until = performance.now() + options.patienceMs
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(2 * backoffMs, MOST_BACKOFF_MS)) {
      const isLast = closing.signal.aborted || performance.now() + backoffMs > until
      // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
      const { error, rejected, detail } = await caller.call(bytes, given.signal)
      if (error === undefined) {
        return options.onSent({ exported: spans.length - rejected, failed: rejected, detail })
      }
      if (isLast || !PASSING.has(error)) return options.onSent({ exported: 0, failed: spans.length, detail })
      // oxlint-disable-next-line no-await-in-loop -- attempts follow each other
      await delay(backoffMs, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
    }
  }

  const exporter: SpanExporter = {
    export(spans, done) {
      options.onTaken(spans.length)
      // What became of them is told by `onSent`: the processor would only tell a logger that nobody hears.
      const sent = send(spans).finally(() => {
        underway.delete(sent)
        done({ code: ExportResultCode.SUCCESS })
      })
      underway.add(sent)
    },
    async shutdown() {
      await Promise.all(underway)
    },
  }
  const processor = new BatchSpanProcessor({
    exporter,
    maxQueueSize: options.queue,
    maxExportBatchSize: options.batch,
    scheduledDelayMillis: options.gatherMs,
    // A batch ends by itself.
    exportTimeoutMillis: options.patienceMs + 2 * options.callMs,
  })
  return {
    onEnd: (span) => processor.onEnd(toReadable(span, resource)),
    async close(signal) {
      closing.abort()
      signal.addEventListener('abort', () => given.abort(), { once: true })
      if (signal.aborted) given.abort()
      await processor.shutdown().catch(() => undefined)
      caller.close()
    },
  }
}

interface Called {
  /** gRPC's status where the call failed. */
  readonly error?: number
  /** Spans that the receiver refused although the call succeeded. */
  readonly rejected: number
  readonly detail: string
}

function openCaller({ endpoint, callMs, resource }: OtlpOptions): {
  call(bytes: Buffer, signal: AbortSignal): Promise<Called>
  close(): void
} {
  const { protocol, host } = new URL(endpoint)
  const open = (): Client =>
    new Client(
      host,
      protocol === 'https:' ? credentials.createSsl() : credentials.createInsecure(),
      // The endpoint is spoken to as it is named: a proxy for web pages is none for spans.
      { 'grpc.enable_http_proxy': 0, 'grpc.primary_user_agent': `pulse/${resource.version}` },
    )
  let client = open()

  const call = (bytes: Buffer, signal: AbortSignal): Promise<Called> =>
    new Promise((resolve) => {
      const made = client.makeUnaryRequest(
        EXPORT,
        (body: Buffer) => body,
        (body: Buffer) => body,
        bytes,
        new Metadata(),
        { deadline: new Date(performance.timeOrigin + performance.now() + callMs) },
        (error: ServiceError | null, answer?: Buffer) => {
          signal.removeEventListener('abort', cancel)
          if (error !== null) resolve({ error: error.code, rejected: 0, detail: `${endpoint}: ${error.details}` })
          else resolve(readAnswer(answer))
          // A connection whose other end is gone without a word never recovers: the next call makes a new one.
          if (error?.code === status.DEADLINE_EXCEEDED) {
            client.close()
            client = open()
          }
        },
      )
      const cancel = (): void => made.cancel()
      if (signal.aborted) cancel()
      else signal.addEventListener('abort', cancel, { once: true })
    })
  return { call, close: () => client.close() }
}

function readAnswer(answer: Buffer | undefined): Called {
  try {
    const partial = ProtobufTraceSerializer.deserializeResponse(answer ?? Buffer.alloc(0)).partialSuccess
    const rejected = Number(partial?.rejectedSpans ?? 0)
    return { rejected, detail: partial?.errorMessage || 'the receiver refused them' }
  } catch {
    // It said that it took them.
    return { rejected: 0, detail: '' }
  }
}
