import type { Sql } from '../store/index.ts'
import type { Conditions } from './letter-filter.ts'

/** A letter by its number, and the size of its payload. */
export interface Head {
  readonly number: string
  readonly bytes: number
}

interface Walked {
  /** Those that fit, in order. */
  readonly heads: readonly Head[]
  /** Where the walk was broken off before `limit` were found; undefined where it came to an end. */
  readonly end: string | undefined
}

/** One request looks at so many letters for those that fit: in a flood of millions the way to a rare one would take minutes. */
const MOST_LOOKED = 100_000

/** Looks for letters that fit, in the order of their numbers, so many at most. */
export async function walk(
  sql: Sql,
  { range, where, values, isLong, chooses }: Conditions,
  order: 'ASC' | 'DESC',
  limit: number,
): Promise<Walked> {
  // In the index's order from its first letter on, whatever the planner believes of a day's sizes: it would rather sort all of them.
  if (isLong)
    await sql.query(`SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true)`)
  // `octet_length` reads no payload that Postgres keeps aside.
  const heads = await sql.query<Head>(
    `SELECT l.number::text AS number, coalesce(octet_length(l.value), 0) AS bytes
     FROM (SELECT * FROM public.dead_letters l WHERE ${range.where} ORDER BY l.number ${order} LIMIT ${MOST_LOOKED}) l
     WHERE ${where} ORDER BY l.number ${order} LIMIT ${limit}`,
    values,
  )
  if (!isLong || !chooses || heads.length === limit) return { heads, end: undefined }
  const [last] = await sql.query<{ number: string }>(
    `SELECT l.number::text AS number FROM public.dead_letters l WHERE ${range.where}
     ORDER BY l.number ${order} OFFSET ${MOST_LOOKED - 1} LIMIT 1`,
    range.values,
  )
  return { heads, end: last?.number }
}
