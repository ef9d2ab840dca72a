/**
 * Numbers as text, held against what a column keeps. JavaScript rounds what it reads, so every question
 * here is answered from the digits.
 */
interface Decimal {
  readonly negative: boolean
  /** Significant digits without zeros at either end; empty for zero. */
  readonly digits: string
  /** The value is 0.digits x 10^exponent. */
  readonly exponent: number
}

const LITERAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

function decimalOf(literal: string): Decimal {
  const parts = LITERAL.exec(literal)
  if (parts === null) throw new TypeError(`not a JSON number: ${literal.slice(0, 40)}`)
  const whole = parts[2] as string
  const all = whole + (parts[3] ?? '')
  const lead = leadingZeros(all)
  const digits = withoutTrailingZeros(all.slice(lead))
  return { negative: parts[1] === '-', digits, exponent: whole.length - lead + Number(parts[4] ?? 0) }
}

const leadingZeros = (digits: string): number => {
  let at = 0
  while (at < digits.length && digits[at] === '0') at++
  return at
}

/** By hand: `/0+$/` takes quadratic time on zeros that do not end the text. */
const withoutTrailingZeros = (digits: string): string => {
  let to = digits.length
  while (to > 0 && digits[to - 1] === '0') to--
  return digits.slice(0, to)
}

/** The value as a whole number of at most `maxDigits` digits; undefined where it has a fraction or is longer. */
export function wholeOf(literal: string, maxDigits = 38): bigint | undefined {
  const { negative, digits, exponent } = decimalOf(literal)
  if (digits === '') return 0n
  if (exponent < digits.length || exponent > maxDigits) return undefined
  const value = BigInt(digits.padEnd(exponent, '0'))
  return negative ? -value : value
}

/** True where the literal's value is zero, whatever its exponent. */
export const isZero = (literal: string): boolean => decimalOf(literal).digits === ''

/**
 * True where a double keeps the number: exactly, or as the double that is printed with these very
 * digits (what a client wrote from a double, `1e23` or `123456789012345680000`, comes back the same).
 * 2^53 + 1 is neither.
 */
export function keptByDouble(literal: string): boolean {
  const value = Number(literal)
  if (!Number.isFinite(value)) return false
  const meant = decimalOf(literal)
  if (meant.digits === '') return true
  const printed = decimalOf(String(value))
  if (printed.digits === meant.digits && printed.exponent === meant.exponent) return true
  // Doubles from 2^53 on are whole: BigInt prints every digit of them.
  if (!Number.isInteger(value)) return false
  const exact = decimalOf(BigInt(value).toString())
  return exact.digits === meant.digits && exact.exponent === meant.exponent
}
