import { isZero, keptByDouble, pointerOf, wholeOf, type OddNumber, type Path } from '../event/index.ts'
import type { DraftField, DraftType } from '../lake/index.ts'
import type { Fault } from '../problems/index.ts'

/** The keyword of every fault that says a number does not fit its column (problem `number_out_of_range`). */
export const RANGE = 'range'

const LONG_MIN = -(2n ** 63n)
const LONG_MAX = 2n ** 63n - 1n
const EXACT = 2 ** 53

/**
 * Holds numbers that JavaScript may have rounded, as they were written, against their columns. A value that
 * no column names is JSON text: there whole numbers keep every digit, while one with a fraction or an
 * exponent passes through a double in the lake's writer.
 */
export function misfits(columns: readonly DraftField[], odd: readonly OddNumber[]): readonly Fault[] {
  const faults: Fault[] = []
  for (const { path, literal } of odd) {
    const message = whyNot(columnAt(columns, path), literal)
    if (message !== undefined) faults.push({ pointer: pointerOf(path), keyword: RANGE, message })
  }
  return faults
}

/** Whether a fault's sentence quotes the number that it is about: those of here do, and begin with it. */
export const quotesNumber = (sentence: string): boolean => /^-?\d/.test(sentence)

/** The type of the column that a path of the data lies in; `json` from the first step that no column names. */
function columnAt(columns: readonly DraftField[], path: Path): DraftType {
  let fields: readonly DraftField[] | undefined = columns
  let type: DraftType = 'json'
  for (const step of path) {
    if (fields !== undefined) {
      const field: DraftField | undefined = fields.find((one) => (one.key ?? one.name) === step)
      if (field === undefined) return 'json'
      type = field.type
    } else if (typeof type === 'object') type = 'list' in type ? type.list : 'map' in type ? type.map : 'json'
    fields = typeof type === 'object' && 'struct' in type ? type.struct : undefined
    if (type === 'json') return type
  }
  return type
}

function whyNot(type: DraftType, literal: string): string | undefined {
  const shown = literal.length <= 40 ? literal : `${literal.slice(0, 37)}…`
  const value = Number(literal)
  if (!Number.isFinite(value)) return `${shown} is larger than any double`
  if (value === 0 && !isZero(literal)) return `${shown} is smaller than any double`
  switch (type) {
    case 'long':
    case 'int':
      return whyNotWhole(literal, value, shown)
    case 'double':
    case 'float':
      if (Math.abs(value) >= EXACT && !keptByDouble(literal))
        return `${shown} would be rounded to ${value}: declare an integer, or send it as text`
      return undefined
    case 'json':
      if (/^-?\d+$/.test(literal)) return undefined
      if (Math.abs(value) >= EXACT && !keptByDouble(literal))
        return `${shown} would be rounded to ${value}: send it as text`
      return undefined
    default:
      return undefined
  }
}

function whyNotWhole(literal: string, value: number, shown: string): string | undefined {
  const whole = wholeOf(literal, 20)
  if (whole === undefined) return `${shown} is not a whole number of 64 bits`
  if (whole < LONG_MIN || whole > LONG_MAX)
    return `${shown} is beyond 64 bits: -9223372036854775808 to 9223372036854775807`
  // With a fraction or an exponent the lake's writer reads it through a double.
  if (!/^-?\d+$/.test(literal) && BigInt(value) !== whole) return `${shown} would be rounded: write its digits out`
  return undefined
}
