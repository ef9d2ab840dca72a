import type { OutgoingRecord, PreparedHeaders, Publisher, PublishVerdict } from '../bus/index.ts'
import { RECORD_HEADERS, mintTraceparent, type Clock, type Traceparent } from '../event/index.ts'
import { announce } from '../telemetry/index.ts'
import { accepted, failed, rejected, type Verdict } from './verdict.ts'

const HEADER_NAMES = {
  dataset: Buffer.from(RECORD_HEADERS.dataset),
  schema: Buffer.from(RECORD_HEADERS.schema),
  receivedAt: Buffer.from(RECORD_HEADERS.receivedAt),
  traceparent: Buffer.from(RECORD_HEADERS.traceparent),
}

/** Ids recur with every request: their bytes are made once. Bounded, and begun anew when full. */
const idBytes = new Map<string, Buffer>()
const MOST_IDS = 4_096

function bytesOfId(id: string): Buffer {
  let bytes = idBytes.get(id)
  if (bytes === undefined) {
    if (idBytes.size >= MOST_IDS) idBytes.clear()
    idBytes.set(id, (bytes = Buffer.from(id, 'latin1')))
  }
  return bytes
}

/** The headers that all events of a request and a dataset share, encoded once. */
export const recordHeaders = (from: {
  datasetId: string
  schemaId: string
  receivedAt: string
  traceparent: string
}): PreparedHeaders => ({
  entries: [
    [HEADER_NAMES.dataset, bytesOfId(from.datasetId)],
    [HEADER_NAMES.schema, bytesOfId(from.schemaId)],
    [HEADER_NAMES.receivedAt, Buffer.from(from.receivedAt, 'latin1')],
    [HEADER_NAMES.traceparent, Buffer.from(from.traceparent, 'latin1')],
  ],
})

/** A valid event on its way: `at` is its place in the request. */
export interface Outgoing {
  readonly at: number
  readonly eventId: string
  readonly record: OutgoingRecord
}

/** Until the events were judged, and until the bus had answered for them. */
export interface Took {
  readonly validateMs: number
  readonly publishMs: number
}

interface Sent {
  readonly outgoing: readonly Outgoing[]
  readonly verdicts: Verdict[]
  readonly sendSpan: Traceparent
  readonly request: {
    readonly tenantSlug: string
    readonly trace: Traceparent
    readonly keepFailed?: () => boolean
  }
}

/**
 * Publishes, writes each event's verdict into its place, and says once how it went. Answers whether the bus knew the
 * topic, and what took how long since `fromMs`, when the request's bytes were complete. The bus never makes this
 * reject; a defect of ours may.
 */
export async function publish(
  publisher: Publisher,
  sent: Sent,
  fromMs: number,
  clock: Clock,
): Promise<{ readonly topicKnown: boolean; readonly took: Took }> {
  const { outgoing, verdicts } = sent
  const startedAtMs = clock.now()
  const validateMs = Math.max(0, startedAtMs - fromMs)
  const first = outgoing[0]
  if (first === undefined) return { topicKnown: true, took: { validateMs, publishMs: 0 } }
  const outcomes = await publisher.publish(outgoing.map(({ record }) => record))
  const publishMs = Math.max(0, clock.now() - startedAtMs)
  let bytes = 0
  let failure: PublishVerdict = null
  for (const [index, { at, eventId, record }] of outgoing.entries()) {
    const outcome = outcomes[index]
    bytes += record.value.length
    verdicts[at] = verdictOf(eventId, outcome)
    // A record that is too large is the client's, and the bus has answered.
    if (failure === null && outcome !== null && outcome?.code !== 'too_large') failure = outcome ?? SILENCE
  }
  announce('collect.published', {
    tenant: sent.request.tenantSlug,
    topic: first.record.topic,
    records: outgoing.length,
    bytes,
    outcome: failure === null ? 'ok' : failure.code === 'timeout' ? 'timeout' : 'error',
    startedAtMs,
    tookMs: publishMs,
    span: failure === null ? sent.sendSpan : keptAfterAll(sent),
    parentSpanId: sent.request.trace.spanId,
    validatedFromMs: fromMs,
    validateMs,
    detail: failure === null ? undefined : `${failure.code}: ${failure.detail}`,
  })
  return {
    topicKnown: !outcomes.some((outcome) => outcome?.code === 'unknown_topic'),
    took: { validateMs, publishMs },
  }
}

const SILENCE: PublishVerdict = { code: 'refused', detail: 'The bus gave no verdict.' }

/** Of a request that was not sampled, nothing that it sent says so; its own spans are kept. */
const keptAfterAll = ({ sendSpan, request }: Sent): Traceparent =>
  sendSpan.sampled || request.keepFailed?.() !== true ? sendSpan : mintTraceparent(true, sendSpan.traceId)

function verdictOf(eventId: string, outcome: PublishVerdict | undefined): Verdict {
  if (outcome === null) return accepted(eventId)
  if (outcome === undefined) return failed(eventId, 'The bus gave no verdict. Send it again with the same event_id.')
  if (outcome.code === 'too_large') {
    return rejected(eventId, 'too_large', [
      { pointer: '', keyword: 'too_large', message: `The bus does not take a record of this size: ${outcome.detail}` },
    ])
  }
  return failed(eventId, `${outcome.code}: ${outcome.detail}`)
}
