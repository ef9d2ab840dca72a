import type { Problem } from '../problems/index.ts'

/** How reading goes on in the middle of a file: what a batch keeps beside its offset. */
export interface Place {
  /** Lines that lie before: of text as an editor counts them, of an array its elements, of Parquet its rows. */
  readonly line: number
  /** Rows that lie before. */
  readonly rows: number
  /** The names of a CSV file's columns, once its head was read. */
  readonly names?: readonly string[]
  /** In the middle of a row that is too large and was told of: what is left of it is passed over. */
  readonly passing?: true
  /** Inside an array, and whether its end was read. */
  readonly array?: 'open' | 'closed'
}

export const START: Place = { line: 0, rows: 0 }

/** A row of a file, as a binary string: one character a byte, so that text and bytes are never confused. */
export interface Row {
  /** From 1 on. */
  readonly line: number
  /** An object's JSON text, or a CSV record's cells; a sentence where it is neither. */
  readonly content: string | readonly string[] | Unreadable
}

export interface Unreadable {
  readonly code: 'malformed' | 'too_large'
  readonly message: string
}

/** Whether it is a CSV record. */
export const isCells = (content: Row['content']): content is readonly string[] => Array.isArray(content)

/** What was found in a window: the place after it, and how many bytes of it are used up. */
export interface Found {
  readonly rows: readonly Row[]
  readonly place: Place
  readonly used: number
  /** Nothing after these rows can be read. */
  readonly fault?: Problem | undefined
}

/**
 * Finds the rows in a window of a file's bytes. Pure: what is left over comes again at the start of the next window. `last`: the
 * file ends with the window. `most` is the bytes that one row may have.
 */
export type Splitter = (window: Buffer, from: Place, last: boolean, most: number) => Found

/** What a window may hold beyond the largest row: white space, quotes, a comma. */
export const WIDEST = 65_536

/** A byte order mark, which editors and spreadsheets write, is no content. */
export const afterMark = (window: Buffer): number =>
  window[0] === 0xef && window[1] === 0xbb && window[2] === 0xbf ? 3 : 0

export const tooLarge = (most: number): Unreadable => ({
  code: 'too_large',
  message: `The row is larger than the ${most} bytes that an event may have.`,
})
