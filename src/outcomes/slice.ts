import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { conditionsOf, type LetterFilter } from './letter-filter.ts'
import { FROM } from './letters.ts'

/** The next letters to be sent again, in their order. */
export interface Slice {
  readonly numbers: readonly string[]
  readonly last: string | undefined
  /** The newest letter that there was when the first slice was asked for. */
  readonly upTo: string
  readonly more: boolean
}

/** Payloads of a slice together, unless one alone is larger. */
const SLICE_BYTES = 8 << 20

interface Head {
  readonly number: string
  readonly bytes: number
}

/** Chooses the letters of a slice by their numbers and sizes, before any payload is read. Rejects with `invalid_parameter`. */
export async function readSlice(
  sql: Sql,
  filter: LetterFilter,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | undefined },
): Promise<Slice> {
  const { after, upTo } = cursor === undefined ? await begin(sql) : positionOf(cursor)
  const { where, values } = conditionsOf(filter, [
    ['l.number > $', after],
    ['l.number <= $', upTo],
  ])
  // `octet_length` reads no payload that Postgres keeps aside.
  const heads = await sql.query<Head>(
    `SELECT l.number::text AS number, coalesce(octet_length(l.value), 0) AS bytes ${FROM}
     WHERE ${where} ORDER BY l.number LIMIT ${limit + 1}`,
    values,
  )
  const numbers = cut(heads.slice(0, limit)).map(({ number }) => number)
  return { numbers, last: numbers.at(-1), upTo, more: heads.length > numbers.length }
}

async function begin(sql: Sql): Promise<{ readonly after: string; readonly upTo: string }> {
  const [newest] = await sql.query<{ number: string }>(
    'SELECT l.number::text AS number FROM public.dead_letters l ORDER BY l.number DESC LIMIT 1',
  )
  return { after: '0', upTo: newest?.number ?? '0' }
}

/** As many as fit together; the first always does. */
function cut(heads: readonly Head[]): readonly Head[] {
  let bytes = 0
  const at = heads.findIndex((head, index) => (bytes += head.bytes) > SLICE_BYTES && index > 0)
  return at < 0 ? heads : heads.slice(0, at)
}

export const sliceCursor = (after: string, upTo: string): string =>
  Buffer.from(`r${after}/${upTo}`).toString('base64url')

function positionOf(cursor: string): { readonly after: string; readonly upTo: string } {
  const [, after, upTo] = /^r(\d{1,18})\/(\d{1,18})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1')) ?? []
  if (after !== undefined && upTo !== undefined) return { after, upTo }
  throw new Problem('invalid_parameter', 'The cursor is not one that a replay answered: begin again without it.', {
    errors: [{ pointer: '/cursor', keyword: 'cursor', message: 'must be the next_cursor of a replay' }],
  })
}
