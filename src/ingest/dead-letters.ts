import type { FetchedRecord } from '../bus/index.ts'
import type { DeadLetterReason } from '../event/index.ts'
import { canonicalId } from './event-id.ts'
import { copyHeaders, isTime, type HeaderReader, type KeptHeaders } from './headers.ts'
import type { Refusal } from './judge.ts'
import type { Source } from './sources.ts'

/** An event that cannot be a row, with what its record held. */
export interface DeadLetter {
  readonly datasetId: string | null
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly eventId: string | null
  readonly reason: DeadLetterReason
  /** RFC 6901, '' where the whole record is meant. */
  readonly pointer: string
  readonly error: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: KeptHeaders
  readonly traceparent: string
  /** RFC 3339, or null where the record does not say. */
  readonly receivedAt: string | null
}

/** The letter of a record that is refused as it is read; `datasetId` null where it belongs to no dataset of its tenant. */
export function letterOfRecord(
  datasetId: string | null,
  source: Source,
  record: FetchedRecord,
  headers: Pick<HeaderReader, 'receivedAt' | 'traceparent'>,
  refusal: Refusal,
): DeadLetter {
  return {
    datasetId,
    topicId: source.topicId,
    topic: source.topic,
    partition: source.partition,
    offset: record.offset,
    eventId: canonicalId(record.key)?.toString('latin1') ?? null,
    ...refusal,
    // Copies: a view would keep the whole answer of the fetch in memory.
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: copyHeaders(record),
    traceparent: headers.traceparent,
    receivedAt: isTime(headers.receivedAt) ? headers.receivedAt : null,
  }
}

/** Sentences are for people: what is longer helps nobody and would be kept thirty days. */
const MAX_SENTENCE = 2000

/** A header's name or value as the row keeps it: text as text, anything else so that no byte is lost. */
type KeptText = string | { readonly base64: string }

/** A row of `dead_letters` on its way into `commit_flush`. */
interface LetterRow {
  readonly dataset_id: string | null
  readonly topic_id: string
  readonly topic: string
  readonly partition: number
  readonly source_offset: number
  readonly event_id: string | null
  readonly reason: string
  readonly pointer: string
  readonly error: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: ReadonlyArray<readonly [KeptText, KeptText]>
  readonly traceparent: string
  readonly received_at: string | null
}

/**
 * Dead letters as rows, in the order of their sources, which is the order they are relayed in.
 * Total: whatever the record held, the row can be stored (Postgres has no NUL in text and no lone
 * surrogates), and the record's own bytes are kept exactly.
 */
export function letterRows(letters: readonly DeadLetter[]): LetterRow[] {
  return letters.toSorted(bySource).map((letter) => ({
    dataset_id: letter.datasetId,
    topic_id: letter.topicId,
    topic: letter.topic,
    partition: letter.partition,
    source_offset: letter.offset,
    event_id: letter.eventId === null ? null : storable(letter.eventId),
    reason: letter.reason,
    pointer: storable(letter.pointer),
    error: storable(letter.error),
    key: letter.key === null ? null : letter.key.toString('base64'),
    value: letter.value === null ? null : letter.value.toString('base64'),
    headers: letter.headers.map(([name, value]) => [keep(name), keep(value)] as const),
    traceparent: storable(letter.traceparent),
    received_at: letter.receivedAt !== null && isTime(letter.receivedAt) ? letter.receivedAt : null,
  }))
}

function bySource(a: DeadLetter, b: DeadLetter): number {
  if (a.topicId !== b.topicId) return a.topicId < b.topicId ? -1 : 1
  return a.partition - b.partition || a.offset - b.offset
}

/** NUL and lone surrogates are shown as U+FFFD; the bytes themselves are in `value`. */
function storable(text: string): string {
  const cut = text.length > MAX_SENTENCE ? `${text.slice(0, MAX_SENTENCE)}…` : text
  return cut.toWellFormed().replaceAll('\0', '\uFFFD')
}

function keep(part: string | Buffer): KeptText {
  if (typeof part === 'string') {
    return part.isWellFormed() && !part.includes('\0') ? part : { base64: Buffer.from(part).toString('base64') }
  }
  const text = part.toString('utf8')
  const isExact = !text.includes('\0') && Buffer.from(text).equals(part)
  return isExact ? text : { base64: part.toString('base64') }
}
