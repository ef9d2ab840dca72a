import { Problem } from '../problems/index.ts'
import { WIDEST, afterMark, tooLarge, type Found, type Row, type Splitter } from './place.ts'

const QUOTE = 0x22
const LF = 0x0a
const CR = 0x0d

/** One record as it lies in a window. */
interface Record {
  readonly cells: readonly string[]
  /** Just after its line's end. */
  readonly end: number
  /** Line ends inside its quotes. */
  readonly breaks: number
  readonly fault: string | undefined
}

/**
 * CSV as RFC 4180 has it, and as it is met: LF or CRLF, a byte order mark, quoted separators, quotes and line ends, a last line
 * without an end, empty lines. The first record names the columns. Cells are binary strings, not trimmed. A quote in the middle of
 * a bare cell is text; text after a closing quote makes its record unreadable, and nothing else.
 */
export const csvSplitter = (delimiter: number): Splitter => {
  return (window, from, last, most): Found => {
    const rows: Row[] = []
    let { line, names } = from
    let passing = from.passing === true
    // Decoded once: a cell is a slice of it (measured: a third of the time of a call into Node for each).
    const text = window.toString('latin1')
    let at = line === 0 ? afterMark(window) : 0
    while (at < text.length) {
      if (passing) {
        const newline = text.indexOf('\n', at)
        if (newline < 0) break
        passing = false
        at = newline + 1
        continue
      }
      const record = recordAt(text, at, last, delimiter) ?? endless(text, at, last, most)
      if (record === undefined) break
      line += 1
      const isEmpty = record.cells.length === 1 && record.cells[0] === '' && record.end - at <= 2
      if (!isEmpty) {
        if (names === undefined) names = namesOf(record)
        else rows.push({ line, content: contentOf(record, names, record.end - at, most) })
      }
      line += record.breaks
      at = record.end
    }
    if (!last && text.length - at > most + WIDEST) {
      if (!passing) rows.push({ line: (line += 1), content: tooLarge(most) })
      passing = true
      at = text.length
    }
    const place = {
      line,
      rows: from.rows + rows.length,
      ...(names === undefined ? {} : { names }),
      ...(passing ? { passing } : {}),
    }
    // A byte order mark alone is not used up: only the first one is none of the content.
    return { rows, used: line === 0 ? 0 : at, place }
  }
}

/** A quote that nothing closes costs its own line: the next ones are read again. Undefined where its end may still come. */
function endless(text: string, at: number, last: boolean, most: number): Record | undefined {
  if (!last && text.length - at <= most + WIDEST) return undefined
  const newline = text.indexOf('\n', at)
  if (newline < 0 && !last) return undefined
  const end = newline < 0 ? text.length : newline + 1
  return { cells: [], end, breaks: 0, fault: 'A quote is not closed.' }
}

/** The record that begins at `at`; undefined where its end may still come, or never comes. */
function recordAt(text: string, start: number, last: boolean, delimiter: number): Record | undefined {
  const cells: string[] = []
  const { length } = text
  let at = start
  let breaks = 0
  let fault: string | undefined
  for (;;) {
    if (text.charCodeAt(at) === QUOTE) {
      const from = (at += 1)
      let isDoubled = false
      for (;;) {
        let code = NaN
        while (at < length && (code = text.charCodeAt(at)) !== QUOTE) {
          if (code === LF) breaks += 1
          at += 1
        }
        // Whether a second quote follows the last byte is not known yet.
        if (at >= length || (at + 1 === length && !last)) return undefined
        at += 1
        if (text.charCodeAt(at) !== QUOTE) break
        isDoubled = true
        at += 1
      }
      cells.push(isDoubled ? undoubled(text, from, at - 1) : text.slice(from, at - 1))
      const next = text.charCodeAt(at)
      if (at < length && next !== delimiter && next !== LF && next !== CR) {
        fault = `Cell ${cells.length} goes on after its closing quote.`
        at = passCell(text, at, delimiter)
      }
    } else {
      const from = at
      at = passCell(text, at, delimiter)
      if (at === length && !last) return undefined
      const isReturned = at > from && text.charCodeAt(at - 1) === CR && (at === length || text.charCodeAt(at) === LF)
      cells.push(text.slice(from, isReturned ? at - 1 : at))
    }
    if (text.charCodeAt(at) === CR && (text.charCodeAt(at + 1) === LF || at + 1 === length)) at += 1
    if (at >= length) return last ? { cells, end: length, breaks, fault } : undefined
    if (text.charCodeAt(at) === LF) return { cells, end: at + 1, breaks, fault }
    if (text.charCodeAt(at) === delimiter) at += 1
    else {
      fault ??= `Cell ${cells.length} goes on after its closing quote.`
      at = passCell(text, at, delimiter)
    }
  }
}

let scratch = Buffer.allocUnsafe(65_536)

/** Copied byte by byte: what `replaceAll` makes is a rope of pieces, and is copied again where it is read. */
function undoubled(text: string, from: number, end: number): string {
  if (scratch.length < end - from) scratch = Buffer.allocUnsafe(end - from)
  let to = 0
  for (let at = from; at < end; at += 1) {
    const code = text.charCodeAt(at)
    scratch[to++] = code
    if (code === QUOTE) at += 1
  }
  return scratch.toString('latin1', 0, to)
}

/** Where the bare text that begins at `at` ends: at a delimiter, a line's end, or the window's. */
function passCell(text: string, at: number, delimiter: number): number {
  const { length } = text
  let end = at
  while (end < length) {
    const code = text.charCodeAt(end)
    if (code === delimiter || code === LF) break
    end += 1
  }
  return end
}

function contentOf({ cells, fault }: Record, names: readonly string[], bytes: number, most: number): Row['content'] {
  if (bytes > most) return tooLarge(most)
  if (fault !== undefined) return { code: 'malformed', message: fault }
  if (cells.length === names.length) return cells
  return {
    code: 'malformed',
    message: `The line has ${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}; the first line names ${names.length} columns.`,
  }
}

/** The columns' names, as text. Throws `malformed`. */
function namesOf({ cells, fault }: Record): readonly string[] {
  const names = cells.map((cell) => Buffer.from(cell, 'latin1').toString('utf8').trim())
  const odd = names.findIndex((name, at) => name === '' || names.indexOf(name) !== at)
  if (fault === undefined && odd < 0) return names
  const why =
    fault ??
    (names[odd] === ''
      ? `Column ${odd + 1} has no name.`
      : `The name ${JSON.stringify((names[odd] as string).slice(0, 80))} stands twice.`)
  throw new Problem('malformed', `The first line names the columns of a CSV file, and cannot be used: ${why}`)
}
