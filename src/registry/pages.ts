import { instantOf } from '../event/index.ts'
import { Problem } from '../problems/index.ts'

/**
 * Lists, newest first, by keyset (created_at, id): a page costs the same however deep it lies, and
 * rows that are made meanwhile shift nothing. The cursor is opaque to clients; it holds no more than
 * the last row's time and id, so it needs no signature: row security judges every page anew.
 */
export interface PageQuery {
  readonly limit: number
  readonly cursor?: string | undefined
}
export interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}
interface Position {
  readonly createdAt: string
  readonly id: string
}

const CURSOR =
  /^([1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/

/** The position after which a page starts, or nulls for the first. Throws `invalid_parameter`. */
export function positionOf(cursor: string | undefined): Position | { createdAt: null; id: null } {
  if (cursor === undefined) return { createdAt: null, id: null }
  const text = cursor.length <= 200 ? Buffer.from(cursor, 'base64url').toString('latin1') : ''
  const match = CURSOR.exec(text)
  if (match === null || instantOf(match[1] as string) === undefined) {
    throw new Problem('invalid_parameter', 'The cursor is not one that a list answered: begin again without it.', {
      errors: [{ pointer: '/cursor', keyword: 'cursor', message: 'must be a next_cursor of this list' }],
    })
  }
  return { createdAt: match[1] as string, id: match[2] as string }
}

/** Cuts rows to a page. More of them were found, or are given, than stand on it: then there is a next page. */
export function pageOf<T extends { readonly created_at: string; readonly id: string }>(
  rows: readonly T[],
  limit: number,
  found = rows.length,
): Page<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const more = found > items.length && last !== undefined
  return { items, next_cursor: more ? Buffer.from(`${last.created_at}/${last.id}`).toString('base64url') : null }
}
