import type { OutgoingRecord, PreparedHeaders, Publisher, PublishVerdict } from '../bus/index.ts'
import { RECORD_HEADERS } from '../event/index.ts'
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

/**
 * Publishes and writes each event's verdict into its place. Answers whether the bus knew the topic. The bus never makes
 * this reject; a defect of ours may.
 */
export async function publish(
  publisher: Publisher,
  outgoing: readonly Outgoing[],
  verdicts: Verdict[],
): Promise<{ readonly topicKnown: boolean }> {
  if (outgoing.length === 0) return { topicKnown: true }
  const outcomes = await publisher.publish(outgoing.map(({ record }) => record))
  for (const [index, { at, eventId }] of outgoing.entries()) verdicts[at] = verdictOf(eventId, outcomes[index])
  return { topicKnown: !outcomes.some((outcome) => outcome?.code === 'unknown_topic') }
}

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
