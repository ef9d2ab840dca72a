import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { conditionsOf, type LetterFilter } from './letter-filter.ts'
import { walk, type Head } from './walk.ts'

/** The next letters to be sent again, in their order. */
export interface Slice {
  readonly numbers: readonly string[]
  /** The next one begins behind it; undefined where this was the last. */
  readonly last: string | undefined
  /** The newest letter that there was when the first slice was asked for. */
  readonly upTo: string
}

/** Payloads of a slice together, unless one alone is larger. */
const SLICE_BYTES = 8 << 20

/**
 * Chooses the letters of a slice by their numbers and sizes, before any payload is read. Where few fit there may be none in it, and
 * more behind it. Rejects with `invalid_parameter`.
 */
export async function readSlice(
  sql: Sql,
  filter: LetterFilter,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | undefined },
): Promise<Slice> {
  const { after, upTo } = cursor === undefined ? await begin(sql) : positionOf(cursor)
  const conditions = conditionsOf(filter, [
    ['l.number > $', after],
    ['l.number <= $', upTo],
  ])
  const { heads, end } = await walk(sql, conditions, 'ASC', limit + 1)
  const numbers = cut(heads.slice(0, limit)).map(({ number }) => number)
  return { numbers, last: heads.length > numbers.length ? numbers.at(-1) : end, upTo }
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
