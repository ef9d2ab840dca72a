import { rawTopic, type DeadLetterReason } from '../event/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import { settledOffsets, type Watermarks } from './watermark.ts'

interface About {
  readonly event_id: string
  /** Slug. */
  readonly dataset: string
}

/** A letter as a receipt names it. */
interface NamedLetter {
  readonly id: string
  readonly at: string
  readonly reason: DeadLetterReason
  readonly pointer: string
  readonly error: string
  readonly source: string
  readonly replayed_at: string | null
}

/** What became of an event. Times are RFC 3339. */
export type Receipt =
  | (About & {
      readonly status: 'committed'
      readonly committed_at: string
      /** Null: committed by a worker of before snapshots were noted. */
      readonly snapshot_id: string | null
      readonly flush_id: string
      /** `topic/partition/offset` of the record that the row was. Null: from before it was noted. */
      readonly source: string | null
    })
  | (About & { readonly status: 'dead_lettered'; readonly dead_letter: NamedLetter })
  | (About & {
      readonly status: 'not_settled'
      /** Whatever was acknowledged before then is settled: an event that was is not there. Null: nobody can say now. */
      readonly watermark: string | null
      /** Events that were committed before then may be forgotten. */
      readonly remembers_since: string
      /** One that was sent again and has not arrived yet. */
      readonly dead_letter: NamedLetter | null
    })

interface Places {
  readonly store: Store
  readonly watermarks: Watermarks
}

/**
 * What became of an event that the dataset's API accepted: one read of the ledger and of the dead letters, by index. Where neither
 * has it the bus is asked how far it goes, and Postgres once more: an event that is in neither then, and was acknowledged before
 * `watermark`, was lost or never came, and may be sent again under the same id.
 */
export async function receiptOf(
  { store, watermarks }: Places,
  tenantId: string,
  dataset: { readonly id: string; readonly slug: string },
  eventId: string,
): Promise<Receipt> {
  const about = { event_id: eventId, dataset: dataset.slug }
  const first = await store.asTenant(tenantId, (sql) => outcomeOf(sql, dataset.id, eventId), { name: 'ledger' })
  const settled = settledReceipt(tenantId, about, first)
  if (settled !== undefined) return settled
  // The bus first, then the offsets, then the event: what the bus has now, and is not there after that, is under way.
  const ends = await watermarks.ends(tenantId)
  const [offsets, outcome, since] = await store.asTenant(
    tenantId,
    (sql) => Promise.all([settledOffsets(sql, ends), outcomeOf(sql, dataset.id, eventId), rememberedSince(sql)]),
    { name: 'ledger' },
  )
  return (
    settledReceipt(tenantId, about, outcome) ?? {
      ...about,
      status: 'not_settled',
      watermark: await watermarks.of(ends, offsets),
      remembers_since: since,
      dead_letter: outcome.letter ?? null,
    }
  )
}

interface CommittedFlush {
  readonly flush_id: string
  readonly committed_at: string
  readonly snapshot_id: string | null
  /** `partition/offset`. */
  readonly record: string | null
}

interface Outcome {
  readonly flush: CommittedFlush | undefined
  readonly letter: NamedLetter | undefined
}

/** Members of what there is not are null. */
interface Row extends NamedLetter, CommittedFlush {
  readonly committed: boolean
  readonly lettered: boolean
}

const OUTCOME = `SELECT flush_id, ${rfc3339('committed_at')} AS committed_at, snapshot_id::text AS snapshot_id,
    (record >> 48) || '/' || (record & ((1::bigint << 48) - 1)) AS record,
    flush_id IS NOT NULL AS committed, number IS NOT NULL AS lettered,
    number::text AS id, ${rfc3339('at')} AS at, reason, pointer, error,
    topic || '/' || partition || '/' || source_offset AS source, ${rfc3339('replayed_at')} AS replayed_at
  FROM public.event_outcome($1, $2)`

async function outcomeOf(sql: Sql, datasetId: string, eventId: string): Promise<Outcome> {
  const [row] = await sql.query<Row>(OUTCOME, [datasetId, eventId])
  if (row === undefined) return { flush: undefined, letter: undefined }
  const { committed, lettered, flush_id, committed_at, snapshot_id, record, ...letter } = row
  return {
    flush: committed ? { flush_id, committed_at, snapshot_id, record } : undefined,
    letter: lettered ? letter : undefined,
  }
}

function settledReceipt(tenantId: string, about: About, { flush, letter }: Outcome): Receipt | undefined {
  if (flush !== undefined) {
    const { record, ...committed } = flush
    return { ...about, status: 'committed', ...committed, source: record && `${rawTopic(tenantId)}/${record}` }
  }
  if (letter?.replayed_at === null) return { ...about, status: 'dead_lettered', dead_letter: letter }
  return undefined
}

/** When the ledger's older part was opened: ids of before are forgotten. */
async function rememberedSince(sql: Sql): Promise<string> {
  const [row] = await sql.query<{ since: string }>(
    `SELECT ${rfc3339('min(opened_at)')} AS since FROM public.ledger_epochs`,
  )
  return row?.since ?? ''
}
