import { instantOf, type DeadLetterReason } from '../event/index.ts'
import { Problem } from '../problems/index.ts'

/** Which letters are meant; what is left out keeps none away. */
export interface LetterFilter {
  readonly datasetId?: string | undefined
  readonly reason?: DeadLetterReason | undefined
  /** RFC 3339: from then on. */
  readonly from?: string | undefined
  /** RFC 3339: before then. */
  readonly to?: string | undefined
  /** The place itself, or any below it. */
  readonly pointer?: string | undefined
  readonly eventId?: string | undefined
  readonly replayed?: boolean | undefined
}

type Condition = readonly [sql: string, value: string | undefined]

/** A filter as SQL over `dead_letters l`, its parameters numbered from 1. */
export interface Conditions {
  /** Of the letters that an index leads to. */
  readonly range: { readonly where: string; readonly values: readonly string[] }
  /** Of those among them that fit: the parameters of the range, and more. */
  readonly where: string
  readonly values: readonly string[]
  /** The range may be long; one event's is not. */
  readonly isLong: boolean
  /** Not all of the range fit. */
  readonly chooses: boolean
}

/**
 * Letters lie by day, so a time names the day beside the instant: the other days are not opened. Throws `invalid_parameter` for an
 * instant that is none.
 */
export function conditionsOf(
  { datasetId, reason, from, to, pointer, eventId, replayed }: LetterFilter,
  more: readonly Condition[] = [],
): Conditions {
  const [since, until] = [instant('from', from), instant('to', to)]
  const given = (conditions: readonly Condition[]) => conditions.filter(([, value]) => value !== undefined)
  const range = given([
    ['l.dataset_id = $', datasetId],
    ['l.day >= $', since?.slice(0, 10)],
    ['l.day <= $', until?.slice(0, 10)],
    ['l.event_uuid = $', eventId],
    ...more,
  ])
  const choice = given([
    ['l.reason = $', reason],
    ['l.at >= $', since],
    ['l.at < $', until],
  ])
  const parts = [...range, ...choice].map(([sql], index) => `${sql}${index + 1}`)
  const values = [...range, ...choice].map(([, value]) => value as string)
  const ranged = { where: all(parts.slice(0, range.length)), values: values.slice(0, range.length) }
  if (pointer !== undefined) {
    values.push(pointer)
    parts.push(`(l.pointer = $${values.length} OR starts_with(l.pointer, $${values.length} || '/'))`)
  }
  if (replayed !== undefined) parts.push(`l.replayed_at IS ${replayed ? 'NOT ' : ''}NULL`)
  return {
    range: ranged,
    where: all(parts),
    values,
    isLong: eventId === undefined,
    chooses: parts.length > range.length,
  }
}

const all = (parts: readonly string[]): string => (parts.length === 0 ? 'true' : parts.join(' AND '))

/** In UTC, so that it begins with the day that letters lie by. */
function instant(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const known = instantOf(text)
  if (known !== undefined) return known
  throw new Problem('invalid_parameter', `"${name}" is an instant, as 2026-11-25T08:00:00Z.`, {
    errors: [{ pointer: `/${name}`, keyword: 'format', message: 'must be an RFC 3339 instant' }],
  })
}
