import { isExact } from './exact.ts'

/** What people see. Whatever comes from an event or a name is shown as text, never obeyed by the terminal. */

type Json = Readonly<Record<string, unknown>>

/** A cell is cut here: whole values are in `--json`. */
const WIDEST = 60

/** Control characters, and those that turn the direction of writing, as their escapes. */
export const plain = (text: string): string =>
  text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A value on one line. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  return plain(typeof value === 'string' ? value : JSON.stringify(value))
}

const cut = (text: string): string => {
  const characters = [...text]
  return characters.length <= WIDEST ? text : `${characters.slice(0, WIDEST - 1).join('')}…`
}
const widthOf = (text: string): number => [...text].length
const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** Rows below their headings, a line each; a sentence where there are none. */
export function table(headings: readonly string[], rows: readonly (readonly unknown[])[], nothing: string): string {
  if (rows.length === 0) return `${nothing}\n`
  const cells = [headings.map(cell), ...rows.map((row) => row.map((value) => cut(cell(value))))]
  const widths = headings.map((_, at) => Math.max(...cells.map((line) => widthOf(line[at] ?? ''))))
  return cells
    .map((line) => `${line.map((text, at) => pad(text, widths[at] ?? 0)).join('  ')}`.trimEnd())
    .map((line) => `${line}\n`)
    .join('')
}

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
