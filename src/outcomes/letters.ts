import { isUtf8 } from 'node:buffer'
import { parseTraceparent, type DeadLetterReason } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import { conditionsOf, type LetterFilter } from './letter-filter.ts'
import { walk } from './walk.ts'

/** What is kept of an accepted event that could not become a row, without its payload. Times are RFC 3339. */
interface Letter {
  /** The number that it was given when it was written: later letters have higher ones. */
  readonly id: string
  readonly at: string
  /** Slug; null where none could be resolved. */
  readonly dataset: string | null
  readonly event_id: string | null
  readonly reason: DeadLetterReason
  readonly pointer: string
  readonly error: string
  /** `topic/partition/offset` of its record. */
  readonly source: string
  readonly trace_id: string | null
  readonly received_at: string | null
  /** Of its payload. */
  readonly bytes: number
  /** When the topic of dead letters acknowledged its copy. */
  readonly relayed_at: string | null
  /** When it was sent again; what became of it then, the receipt of its event says. */
  readonly replayed_at: string | null
}

type Header = readonly [name: string | Base64, value: string | Base64]
interface Base64 {
  readonly base64: string
}

export interface LetterWithPayload extends Letter {
  readonly headers: readonly Header[]
  /** The record's value, as it was sent. */
  readonly value: Buffer | null
}

export const MEMBERS = `l.number::text AS id, ${rfc3339('l.at')} AS at, d.slug AS dataset, l.event_id, l.reason, l.pointer, l.error,
  l.topic || '/' || l.partition || '/' || l.source_offset AS source, l.traceparent, ${rfc3339('l.received_at')} AS received_at,
  coalesce(octet_length(l.value), 0) AS bytes, ${rfc3339('l.relayed_at')} AS relayed_at, ${rfc3339('l.replayed_at')} AS replayed_at`
export const FROM = 'FROM public.dead_letters l LEFT JOIN public.pdm_datasets d ON d.id = l.dataset_id'

type Row = Omit<Letter, 'trace_id'> & { readonly traceparent: string }

const letterOf = <R extends Row>({ traceparent, ...row }: R): Omit<R, 'traceparent'> & Pick<Letter, 'trace_id'> => ({
  ...row,
  trace_id: parseTraceparent(traceparent)?.traceId ?? null,
})

interface LetterPage {
  readonly items: readonly Letter[]
  readonly next_cursor: string | null
}

/**
 * Letters that fit the filter, newest first; where few do, fewer than `limit` or none, with a cursor to those that were not looked at.
 * Rejects with `invalid_parameter` for a cursor of no list.
 */
export async function listLetters(
  store: Store,
  tenantId: string,
  filter: LetterFilter,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<LetterPage> {
  const conditions = conditionsOf(filter, [['l.number < $', cursor === undefined ? undefined : atCursor(cursor)]])
  return await store.asTenant(
    tenantId,
    async (sql) => {
      const { heads, end } = await walk(sql, conditions, 'DESC', limit + 1)
      const numbers = heads.slice(0, limit).map(({ number }) => number)
      const rows =
        numbers.length === 0
          ? []
          : await sql.query<Row>(
              `SELECT ${MEMBERS} ${FROM} WHERE l.number = ANY ($1::bigint[]) ORDER BY l.number DESC`,
              [numbers],
            )
      const last = heads.length > limit ? numbers.at(-1) : end
      return { items: rows.map(letterOf), next_cursor: last === undefined ? null : cursorOf(last) }
    },
    { name: 'dead_letters' },
  )
}

/** One letter with its payload; undefined where there is none of that id, or not of that dataset. */
export async function getLetter(
  store: Store,
  tenantId: string,
  id: string,
  datasetId?: string,
): Promise<LetterWithPayload | undefined> {
  return isLetterId(id)
    ? await store.asTenant(tenantId, (sql) => loadLetter(sql, id, datasetId), { name: 'dead_letters' })
    : undefined
}

export async function loadLetter(sql: Sql, id: string, datasetId?: string): Promise<LetterWithPayload | undefined> {
  const { where, values } = conditionsOf({ datasetId }, [['l.number = $', id]])
  const [row] = await sql.query<Row & Pick<LetterWithPayload, 'headers' | 'value'>>(
    `SELECT ${MEMBERS}, l.headers, l.value ${FROM} WHERE ${where}`,
    values,
  )
  return row === undefined ? undefined : letterOf(row)
}

/** A letter's number, as a cursor that says no more than it must. */
const cursorOf = (number: string): string => Buffer.from(`l${number}`).toString('base64url')

/** Throws `invalid_parameter`. */
function atCursor(cursor: string): string {
  const [, number] = /^l(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? []
  if (number !== undefined) return number
  throw new Problem('invalid_parameter', 'The cursor is not one that a list answered: begin again without it.', {
    errors: [{ pointer: '/cursor', keyword: 'cursor', message: 'must be a next_cursor of dead letters' }],
  })
}

/** Whether a text may be a letter's id. */
export const isLetterId = (id: string): boolean => /^\d{1,18}$/.test(id)

/** The payload as JSON text where it is JSON, else as base64; nulls where the record had none. */
export function payloadOf({ value }: Pick<LetterWithPayload, 'value'>): {
  readonly json: string | null
  readonly base64: string | null
} {
  if (value === null) return { json: null, base64: null }
  const text = isUtf8(value) ? value.toString('utf8') : undefined
  try {
    if (text !== undefined) {
      JSON.parse(text)
      return { json: text, base64: null }
    }
  } catch {
    // Not JSON: its bytes say what it is.
  }
  return { json: null, base64: value.toString('base64') }
}
