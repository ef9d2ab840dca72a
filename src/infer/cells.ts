import { csvSplitter, isCells, START } from '../batch/index.ts'
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
 * Reads CSV as a file of it is read when it is sent; its first line names the columns. A column is of numbers or of true and false
 * where every cell that is not empty is one; `007` and what no number column keeps stay text. Throws `malformed`, with the line.
 */
export function readCsv(body: Buffer, delimiter: string): readonly Row[] {
  const { rows, place } = csvSplitter(delimiter.charCodeAt(0))(body, START, true, body.length)
  const names = place.names ?? []
  const lines = rows.map(({ line, content }) => {
    if (isCells(content)) return content.map((cell) => Buffer.from(cell, 'latin1').toString('utf8'))
    throw new Problem('malformed', `Line ${line}: ${typeof content === 'string' ? content : content.message}`)
  })
  const kinds = names.map((_name, column) => kindOf(lines.map((cells) => cells[column] as string)))
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
    const cell = cells[column] as string
    if (cell === '') return []
    if (kinds[column] === 'text') return [[name, cell]]
    if (kinds[column] === 'boolean') return [[name, cell === 'true']]
    if (cell.length > SAFE_LENGTH || /e/i.test(cell)) odd.push({ path: [name], literal: cell })
    return [[name, Number(cell)]]
  })
  return { data: Object.fromEntries(members), odd }
}
