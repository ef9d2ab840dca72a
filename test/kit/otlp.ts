import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  Server,
  ServerCredentials,
  loadPackageDefinition,
  status,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { until } from './until.ts'

/** A span as it came over the wire. */
export interface WireSpan {
  readonly service: string
  readonly resource: Readonly<Record<string, unknown>>
  readonly traceId: string
  readonly spanId: string
  /** Empty: a root. */
  readonly parentSpanId: string
  readonly name: string
  /** `server`, `client`, … */
  readonly kind: string
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: readonly { traceId: string; spanId: string; attributes: Readonly<Record<string, unknown>> }[]
  readonly linksDropped: number
  readonly events: readonly { name: string; attributes: Readonly<Record<string, unknown>> }[]
  readonly isError: boolean
  readonly message: string
}

/** How the receiver behaves: takes spans, never answers, refuses each call, or takes all of a call but `reject` spans. */
type Mood = 'take' | 'hang' | 'refuse' | { readonly reject: number }

export interface Otlp extends AsyncDisposable {
  /** `http://127.0.0.1:port`, for PULSE_OTLP_ENDPOINT. */
  readonly url: string
  readonly port: number
  /** All that was taken, in order of arrival. */
  spans(): readonly WireSpan[]
  trace(traceId: string): readonly WireSpan[]
  /** Waits until spans of that trace satisfy `enough`, and answers them all. */
  traceWith(traceId: string, enough: (spans: readonly WireSpan[]) => boolean): Promise<readonly WireSpan[]>
  be(mood: Mood): void
  /** Export calls so far, answered or not. */
  calls(): number
  /** The headers of the last call. */
  metadata(): Readonly<Record<string, unknown>>
  /** Is gone, as a killed process is; `back` listens on the same port again. */
  goAway(): void
  back(): Promise<void>
}

const PROTOS = dirname(createRequire(import.meta.url).resolve('@elastic/mockotlpserver/package.json'))

/** A receiver of OTLP over gRPC in this process, with OpenTelemetry's own definitions. */
export async function startOtlp(): Promise<Otlp> {
  const service = serviceOf()
  const taken: WireSpan[] = []
  let mood: Mood = 'take'
  let calls = 0
  let metadata: Readonly<Record<string, unknown>> = {}

  function take(call: ServerUnaryCall<ExportRequest, unknown>, answer: sendUnaryData<unknown>): void {
    calls += 1
    metadata = call.metadata.getMap()
    if (mood === 'hang') return
    if (mood === 'refuse') return answer({ code: status.PERMISSION_DENIED, details: 'not you' })
    const spans = (call.request.resourceSpans ?? []).flatMap(spansOf)
    if (typeof mood === 'object') {
      taken.push(...spans.slice(mood.reject))
      return answer(null, { partialSuccess: { rejectedSpans: mood.reject, errorMessage: 'too many' } })
    }
    taken.push(...spans)
    answer(null, {})
  }
  const listen = async (at: number): Promise<{ server: Server; port: number }> => {
    const server = new Server({ 'grpc.max_receive_message_length': -1 })
    server.addService(service, { Export: take })
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    server.bindAsync(`127.0.0.1:${at}`, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
    return { server, port: await promise }
  }
  let { server, port } = await listen(0)
  const trace = (traceId: string): WireSpan[] => taken.filter((span) => span.traceId === traceId)

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    spans: () => taken,
    trace,
    async traceWith(traceId, enough) {
      await until(`the spans of ${traceId}`, () => enough(trace(traceId)))
      return trace(traceId)
    },
    be: (next) => void (mood = next),
    calls: () => calls,
    metadata: () => metadata,
    goAway: () => server.forceShutdown(),
    async back() {
      ;({ server, port } = await listen(port))
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown()
    },
  }
}

interface Value {
  stringValue?: string
  intValue?: string
  doubleValue?: number
  boolValue?: boolean
  arrayValue?: { values: Value[] }
}
type KeyValues = readonly { key: string; value: Value }[]
interface ExportRequest {
  resourceSpans?: ResourceSpans[]
}
interface ResourceSpans {
  resource: { attributes?: KeyValues }
  scopeSpans: { spans: RawSpan[] }[]
}
interface RawSpan {
  traceId: Buffer
  spanId: Buffer
  parentSpanId?: Buffer
  name: string
  kind: string
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes?: KeyValues
  links?: { traceId: Buffer; spanId: Buffer; attributes?: KeyValues }[]
  droppedLinksCount?: number
  events?: { name: string; attributes?: KeyValues }[]
  status?: { code?: string; message?: string }
}

function serviceOf(): Parameters<Server['addService']>[0] {
  const definition = loadSync(join(PROTOS, 'opentelemetry/proto/collector/trace/v1/trace_service.proto'), {
    includeDirs: [PROTOS],
    longs: String,
    enums: String,
  })
  // oxlint-disable-next-line typescript/no-explicit-any -- what a .proto file holds is known to nobody
  const loaded = loadPackageDefinition(definition) as any
  return loaded.opentelemetry.proto.collector.trace.v1.TraceService.service
}

function spansOf({ resource, scopeSpans }: ResourceSpans): WireSpan[] {
  const about = attributesOf(resource.attributes)
  return scopeSpans.flatMap(({ spans }) =>
    spans.map((raw) => ({
      service: String(about['service.name']),
      resource: about,
      traceId: hex(raw.traceId),
      spanId: hex(raw.spanId),
      parentSpanId: hex(raw.parentSpanId),
      name: raw.name,
      kind: raw.kind.replace('SPAN_KIND_', '').toLowerCase(),
      startMs: Number(BigInt(raw.startTimeUnixNano) / 1000n) / 1000,
      endMs: Number(BigInt(raw.endTimeUnixNano) / 1000n) / 1000,
      attributes: attributesOf(raw.attributes),
      links: (raw.links ?? []).map((link) => ({
        traceId: hex(link.traceId),
        spanId: hex(link.spanId),
        attributes: attributesOf(link.attributes),
      })),
      linksDropped: raw.droppedLinksCount ?? 0,
      events: (raw.events ?? []).map(({ name, attributes }) => ({ name, attributes: attributesOf(attributes) })),
      isError: raw.status?.code === 'STATUS_CODE_ERROR',
      message: raw.status?.message ?? '',
    })),
  )
}

const hex = (bytes: Buffer | undefined): string => bytes?.toString('hex') ?? ''

const attributesOf = (pairs: KeyValues = []): Record<string, unknown> =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, valueOf(value)]))

function valueOf(value: Value): unknown {
  if (value.arrayValue !== undefined && value.arrayValue !== null) return value.arrayValue.values.map(valueOf)
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue
}
