import { isExact } from './exact.ts'
import { laidOut, pad, widthOf } from './layout.ts'

/** What people see. Whatever comes from an event or a name is shown as text, never obeyed by the terminal. */

type Json = Readonly<Record<string, unknown>>

/** Control characters, line ends of any kind, and those that turn the direction of writing, as their escapes. */
export const plain = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A value on one line. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}

/** Rows below their headings, or a sentence where there are none. */
export interface Table {
  readonly headings: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  readonly nothing: string
}

/** What is shown, part below part. Tables are laid out when it is known how wide the terminal is. */
export type Text = readonly (string | Table)[]

/** A value of `Table`. */
export const table = (headings: Table['headings'], rows: Table['rows'], nothing: string): Table => ({
  headings,
  rows,
  nothing,
})

/** All parts as they are written. `columns` is the width of the terminal; undefined: it is none, and nothing is too wide. */
export const written = (text: Text, columns?: number): string =>
  text.map((part) => (typeof part === 'string' ? part : tableText(part, columns))).join('')

function tableText({ headings, rows, nothing }: Table, columns: number | undefined): string {
  if (rows.length === 0) return `${nothing}\n`
  return laidOut([headings.map(cell), ...rows.map((row) => row.map(cell))], columns)
}

/** Parts with an empty line between. */
export const apart = (parts: Text): Text => parts.flatMap((part, at) => (at === 0 ? [part] : ['\n', part]))

/** One thing: its plain members first, a line each, then those that have members themselves, as JSON. */
export function one(thing: unknown): string {
  const members = Object.entries((thing ?? {}) as Json)
  const isDeep = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    !isExact(value) &&
    Object.keys(value).length > 0 &&
    !isFlatList(value)
  const flat = members.filter(([, value]) => !isDeep(value))
  const width = Math.max(0, ...flat.map(([name]) => widthOf(plain(name))))
  const lines = flat.map(([name, value]) => `${pad(plain(name), width)}  ${flatText(value)}`.trimEnd())
  for (const [name, value] of members)
    if (isDeep(value)) lines.push('', `${plain(name)}:`, ...JSON.stringify(value, undefined, 2).split('\n').map(plain))
  return `${lines.join('\n')}\n`
}

const isFlatList = (value: unknown): boolean => Array.isArray(value) && value.every((item) => typeof item === 'string')
const flatText = (value: unknown): string =>
  isFlatList(value) ? (value as string[]).map(plain).join(', ') : cell(value)

/** Where the next page begins, for people. */
export const more = (cursor: unknown): string =>
  typeof cursor === 'string' ? `\nThere are more: --cursor ${plain(cursor)}\n` : ''
