import type { OddNumber } from '../event/index.ts'
import { Problem } from '../problems/index.ts'

/** A row of a file: an empty cell is a member that is not there. */
interface Row {
  readonly data: Readonly<Record<string, unknown>>
  readonly odd: readonly OddNumber[]
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** More digits than a column of whole numbers surely has; a code of so many is text. */
const LONG_CODE = /^-?\d{19,}$/
/** Digits that a double keeps whatever they are (IEEE 754 double: 15.95). */
const SAFE_LENGTH = 15

/**
 * Reads CSV (RFC 4180: commas, quotes doubled within quotes, LF or CRLF) whose first line names the columns. A column
 * is of numbers or of true and false where every cell that is not empty is one; `007` and what no number column keeps
 * stay text. Throws `malformed`, `too_large`.
 */
export function readCsv(text: string, mostRows: number): readonly Row[] {
  const [names, ...lines] = linesOf(text, mostRows + 1)
  if (names === undefined) return []
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw malformed(`Two columns are called ${JSON.stringify(twice.slice(0, 80))}`, 1)
  const wide = lines.findIndex((cells) => cells.length > names.length)
  if (wide >= 0) throw malformed(`Row ${wide + 1} has more cells than the first line has names`, wide + 2)
  const kinds = names.map((_name, column) => kindOf(lines.map((cells) => cells[column] ?? '')))
  return lines.map((cells) => rowOf(names, kinds, cells))
}

type Kind = 'number' | 'boolean' | 'text'

/** What a column's cells are, decided by all of them. */
function kindOf(cells: readonly string[]): Kind {
  const filled = cells.filter((cell) => cell !== '')
  if (filled.length === 0) return 'text'
  if (filled.every((cell) => cell === 'true' || cell === 'false')) return 'boolean'
  return filled.every(isNumber) ? 'number' : 'text'
}

const isNumber = (cell: string): boolean =>
  cell.length < 40 && NUMBER.test(cell) && !LONG_CODE.test(cell) && Number.isFinite(Number(cell))

function rowOf(names: readonly string[], kinds: readonly Kind[], cells: readonly string[]): Row {
  const odd: OddNumber[] = []
  const members = names.flatMap((name, column): [string, unknown][] => {
    const cell = cells[column] ?? ''
    if (cell === '') return []
    if (kinds[column] === 'text') return [[name, cell]]
    if (kinds[column] === 'boolean') return [[name, cell === 'true']]
    if (cell.length > SAFE_LENGTH || /e/i.test(cell)) odd.push({ path: [name], literal: cell })
    return [[name, Number(cell)]]
  })
  return { data: Object.fromEntries(members), odd }
}

/** The cells of each line; lines without any character are passed over. */
function linesOf(text: string, most: number): string[][] {
  const lines: string[][] = []
  let cells: string[] = []
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  const endLine = (): void => {
    if (cells.length > 1 || cells[0] !== '') lines.push(cells)
    if (lines.length > most)
      throw new Problem('too_large', `Send at most ${most - 1} rows: a part of the file is enough.`)
    cells = []
  }
  while (at < text.length) {
    const { cell, end } = text[at] === '"' ? quoted(text, at, lines.length + 1) : bare(text, at)
    cells.push(cell)
    at = end
    if (text[at] === ',') {
      at++
      if (at === text.length) cells.push('')
      continue
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    endLine()
  }
  if (cells.length > 0) endLine()
  return lines
}

function bare(text: string, start: number): { cell: string; end: number } {
  let end = start
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++
  return { cell: text.slice(start, end), end }
}

function quoted(text: string, start: number, line: number): { cell: string; end: number } {
  let cell = ''
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) throw malformed('A quote is opened and never closed', line)
    cell += text.slice(at, quote)
    at = quote + 1
    if (text[at] !== '"') {
      if (at < text.length && !',\r\n'.includes(text[at] as string))
        throw malformed('Something follows a closing quote', line)
      return { cell, end: at }
    }
    cell += '"'
    at++
  }
}

const malformed = (what: string, line: number): Problem =>
  new Problem('malformed', `${what} (line ${line}). CSV has commas between cells, and quotes doubled within quotes.`)
