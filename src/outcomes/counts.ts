import type { DeadLetterReason } from '../event/index.ts'
import { rfc3339, type Store } from '../store/index.ts'
import { conditionsOf, type LetterFilter } from './letter-filter.ts'

export const LETTER_GROUPS = ['reason', 'pointer', 'day'] as const
type LetterGroup = (typeof LETTER_GROUPS)[number]

interface LetterCounts {
  readonly items: ReadonlyArray<{
    readonly reason: DeadLetterReason
    /** Where they are told apart by it. */
    readonly pointer?: string
    /** In UTC; where they are told apart by it. */
    readonly day?: string
    readonly count: number
    readonly first_at: string
    readonly last_at: string
  }>
  readonly counted: number
  /** False: there are older letters that were not counted, or smaller groups that are not shown. */
  readonly complete: boolean
}

/** Counting reads every letter: a flood of millions must not be read for a number. */
const MOST_COUNTED = 100_000
const MOST_GROUPS = 200

/** How many of the newest letters that fit there are, by reason, or by reason and one thing more: the largest groups first, or the newest days. */
export async function countLetters(
  store: Store,
  tenantId: string,
  filter: LetterFilter,
  group: LetterGroup,
): Promise<LetterCounts> {
  const { where, values } = conditionsOf(filter)
  const by = group === 'reason' ? 'reason' : `reason, ${group}`
  const order = group === 'day' ? 'day DESC, count(*) DESC' : 'count(*) DESC'
  const rows = await store.asTenant(
    tenantId,
    (sql) =>
      sql.query<LetterCounts['items'][number] & { found: number }>(
        `WITH newest AS MATERIALIZED (SELECT l.number, l.at, l.reason, l.pointer, l.day::text FROM public.dead_letters l
           WHERE ${where} ORDER BY l.number DESC LIMIT ${MOST_COUNTED + 1}),
         counted AS (SELECT * FROM newest ORDER BY number DESC LIMIT ${MOST_COUNTED})
         SELECT ${by}, count(*)::int AS count, ${rfc3339('min(at)')} AS first_at, ${rfc3339('max(at)')} AS last_at,
           (SELECT count(*)::int FROM newest) AS found
         FROM counted GROUP BY ${by} ORDER BY ${order}, ${by} LIMIT ${MOST_GROUPS + 1}`,
        values,
      ),
    { name: 'dead_letters' },
  )
  const found = rows[0]?.found ?? 0
  return {
    items: rows.slice(0, MOST_GROUPS).map(({ reason, pointer, day, count, first_at, last_at }) => ({
      reason,
      ...(pointer === undefined ? {} : { pointer }),
      ...(day === undefined ? {} : { day }),
      count,
      first_at,
      last_at,
    })),
    counted: Math.min(found, MOST_COUNTED),
    complete: found <= MOST_COUNTED && rows.length <= MOST_GROUPS,
  }
}
