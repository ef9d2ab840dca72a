import type { Answered } from '../client/index.ts'
import { parseExactly } from './exact.ts'
import { more, one, table } from './screen.ts'
import type { Said } from './verb.ts'

type Json = Readonly<Record<string, unknown>>

/** The object that was answered, its numbers as they were written; empty where it was none. */
export function objectOf({ text, json }: Pick<Answered, 'text' | 'json'>): Json {
  return typeof json === 'object' && json !== null ? (parseExactly(text) as Json) : {}
}

/** The objects of a member that is a list of them. */
export function itemsIn(answered: Pick<Answered, 'text' | 'json'>, member: string): readonly Json[] {
  const items = objectOf(answered)[member]
  return Array.isArray(items) ? (items as Json[]) : []
}

/** The items of a page. */
export const itemsOf = (answered: Pick<Answered, 'text' | 'json'>): readonly Json[] => itemsIn(answered, 'items')

/** Ends every answer of the API with a line's end. */
export const asLine = (text: string): string => (text.endsWith('\n') ? text : `${text}\n`)

/** Its ETag, as `--if-match` takes it: without the quotes, which a shell would take away. */
export function etagIn({ headers }: Pick<Answered, 'headers'>): { readonly etag?: string } {
  const { etag } = headers
  return etag === undefined ? {} : { etag: etag.replaceAll('"', '') }
}

/** One thing, as it was answered. `first` stands above it. */
export const saidOne = (answered: Answered, first = ''): Said => ({
  json: asLine(answered.text),
  text: [first, one({ ...objectOf(answered), ...etagIn(answered) })],
})

/** A page of things as a table of some of their members; headings are the members' names. */
export function saidPage(answered: Answered, members: readonly string[], nothing: string): Said {
  const rows = itemsOf(answered).map((item) => members.map((member) => item[member]))
  return { json: asLine(answered.text), text: [table(members, rows, nothing), more(objectOf(answered)['next_cursor'])] }
}

/** The options that every list has. */
export const PAGE = [
  { flags: '--limit <n>', says: 'how many at most, 1 to 200' },
  { flags: '--cursor <cursor>', says: 'where the page before ended' },
] as const

/** A member of a path: names may hold anything. */
export const inPath = (text: string): string => encodeURIComponent(text)
