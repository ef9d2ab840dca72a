import { randomUUID } from 'node:crypto'
import { rawTopic, type DeadLetterReason } from '../../src/event/index.ts'
import type { Querier } from './isolation.ts'

interface PutLetter {
  readonly tenantId: string
  readonly datasetId?: string | null
  readonly eventId?: string | null
  readonly reason?: DeadLetterReason
  readonly pointer?: string
  readonly error?: string
  readonly value: Buffer | string | null
  /** Days ago; 0 where it is left out. */
  readonly daysAgo?: number
}

let offset = 0

/** Dead letters as flushes leave them, written by the owner of the tables. Answers their ids, in order. */
export async function putLetters(admin: Querier, letters: readonly PutLetter[]): Promise<string[]> {
  const ids: string[] = []
  for (const letter of letters) {
    const {
      tenantId,
      datasetId = null,
      reason = 'unconvertible',
      pointer = '',
      error = 'It did not fit.',
      value,
      daysAgo = 0,
    } = letter
    const eventId = letter.eventId === undefined ? randomUUID() : letter.eventId
    const [row] = await admin.query<{ id: string }>(
      `INSERT INTO dead_letters (tenant_id, dataset_id, topic_id, topic, partition, source_offset, event_id, reason, pointer, error,
         key, value, headers, traceparent, received_at, flush_number, at, day)
       SELECT $1, $2, $3, $4, 0, $5, $6, $7, $8, $12, $9, $10, '[["pulse-schema","x"]]',
         '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', now(), 1, at, (at AT TIME ZONE 'UTC')::date
       FROM (SELECT clock_timestamp() - make_interval(days => $11) AS at) AS instant RETURNING number::text AS id`,
      [
        tenantId,
        datasetId,
        '01900000-0000-7000-8000-00000000abcd',
        rawTopic(tenantId),
        (offset += 1),
        eventId,
        reason,
        pointer,
        eventId === null ? null : Buffer.from(eventId),
        value === null ? null : Buffer.from(value),
        daysAgo,
        error,
      ],
    )
    ids.push(row?.id ?? '')
  }
  return ids
}
