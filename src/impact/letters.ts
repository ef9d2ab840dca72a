import type { Sql } from '../store/index.ts'

/** A dead letter's event, as it was sent. */
interface LetterEvent {
  readonly number: string
  readonly eventId: string | null
  readonly value: Buffer
}

/**
 * Of the dataset's newest letters those that carry an event and were not sent again: what became of that is another event's
 * story. What is larger than a mebibyte is not judged.
 */
const NEWEST = `SELECT number::text AS number, event_id AS "eventId", value FROM (
    SELECT number, event_id, value, replayed_at FROM dead_letters
    WHERE dataset_id = $1 AND number < $2 ORDER BY number DESC LIMIT 20000) AS newest
  WHERE replayed_at IS NULL AND octet_length(value) <= 1048576 ORDER BY number DESC LIMIT $3`
const LARGEST_NUMBER = '9223372036854775807'
/** So many of a mebibyte are 32 MiB in memory. */
const AT_ONCE = 32

/** The newest dead letters of a dataset before `before`, newest first: an empty page is the end. Runs under the tenant's policy. */
export const lettersBefore = (sql: Sql, datasetId: string, before = LARGEST_NUMBER): Promise<LetterEvent[]> =>
  sql.query<LetterEvent>(NEWEST, [datasetId, before, AT_ONCE])
