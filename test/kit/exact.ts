import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
} from '@duckdb/node-api'
import type { DraftField, DraftType } from '../../src/lake/index.ts'

/** JSON read without rounding: a number keeps its text. */
class Literal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export const parseExact = (text: string): unknown =>
  JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? new Literal(context?.source ?? String(value)) : value,
  )

/** How the stored value differs from what was sent; undefined where it does not. Absent and null are both null in a row. */
export function difference(sent: unknown, type: DraftType, stored: unknown, path = ''): string | undefined {
  const no = (): string => `${path}: sent ${show(sent)}, stored ${show(stored)} (${JSON.stringify(type)})`
  if (sent === undefined || sent === null) return stored === null || stored === undefined ? undefined : no()
  if (type === 'json') return typeof stored === 'string' && sameJson(sent, parseExact(stored)) ? undefined : no()
  if (stored === null || stored === undefined) return no()
  if (typeof type === 'object') return nested(sent, type, stored, path)
  return sameScalar(sent, type, stored) ? undefined : no()
}

const show = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))?.slice(0, 300) ??
  String(value)

function nested(sent: unknown, type: Exclude<DraftType, string>, stored: unknown, path: string): string | undefined {
  if ('struct' in type) {
    if (!(stored instanceof DuckDBStructValue)) return `${path}: not a struct`
    return fieldsDiffer(sent as Record<string, unknown>, type.struct, stored.entries as Record<string, unknown>, path)
  }
  if ('list' in type) {
    if (!(stored instanceof DuckDBListValue)) return `${path}: not a list`
    const items = sent as unknown[]
    if (items.length !== stored.items.length)
      return `${path}: ${items.length} items sent, ${stored.items.length} stored`
    return items
      .map((item, index) => difference(item, type.list, stored.items[index], `${path}/${index}`))
      .find((found) => found !== undefined)
  }
  if (!(stored instanceof DuckDBMapValue)) return `${path}: not a map`
  const members = Object.entries(sent as object)
  if (members.length !== stored.entries.length)
    return `${path}: ${members.length} entries sent, ${stored.entries.length} stored`
  const values = new Map(stored.entries.map(({ key, value }) => [key as unknown as string, value]))
  return members
    .map(([key, value]) =>
      values.has(key) ? difference(value, type.map, values.get(key), `${path}/${key}`) : `${path}/${key}: missing`,
    )
    .find((found) => found !== undefined)
}

export function fieldsDiffer(
  sent: Record<string, unknown>,
  fields: readonly DraftField[],
  stored: Record<string, unknown>,
  path = '',
): string | undefined {
  for (const { name, type } of fields) {
    const value = Object.hasOwn(sent, name) ? sent[name] : undefined
    const found = difference(value, type, stored[name], `${path}/${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

function sameScalar(sent: unknown, type: string, stored: unknown): boolean {
  if (type.startsWith('decimal')) return stored instanceof DuckDBDecimalValue && sameDecimal(String(sent), stored)
  switch (type) {
    case 'boolean':
      return sent === stored
    case 'int':
      return sent instanceof Literal && Number(sent.text) === stored
    case 'long':
      return sent instanceof Literal && exactWhole(sent.text) === stored
    case 'double':
      return sent instanceof Literal && Number(sent.text) === stored
    case 'float':
      return sent instanceof Literal && Math.fround(Number(sent.text)) === stored
    case 'string':
      // The reader's text decoder drops a leading byte order mark; the file has it (its hex digits show it).
      return sent === stored || sent === `\ufeff${String(stored)}`
    case 'uuid':
      return stored instanceof DuckDBUUIDValue && stored.toString() === String(sent).toLowerCase()
    case 'date':
      return stored instanceof DuckDBDateValue && stored.days === days(String(sent))
    case 'time':
      return stored instanceof DuckDBTimeValue && stored.micros === micros(`1970-01-01T${String(sent)}Z`)
    case 'timestamptz':
      return stored instanceof DuckDBTimestampTZValue && stored.micros === micros(String(sent))
    default:
      throw new Error(`no comparison for ${type}`)
  }
}

const days = (date: string): number => Date.parse(`${date}T00:00:00Z`) / 86_400_000

/** Microseconds since 1970; further digits are cut, towards the past. */
function micros(text: string): bigint {
  const [, whole, fraction = '', zone] =
    /^(.*?:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text.replace(/^(.*T\d\d:\d\d)/, '$1')) ?? []
  const seconds = Date.parse(`${whole}${zone}`)
  return BigInt(seconds) * 1000n + BigInt(fraction.padEnd(6, '0').slice(0, 6))
}

/** A whole number's value, exactly, however it is written. */
function exactWhole(text: string): bigint | undefined {
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const shift = Number(exponent) - fraction.length
  const digits = BigInt(whole + fraction)
  if (Math.abs(shift) > 400) return digits === 0n ? 0n : undefined
  const scale = 10n ** BigInt(Math.abs(shift))
  if (shift < 0 && digits % scale !== 0n) return undefined
  const value = shift < 0 ? digits / scale : digits * scale
  return sign === '-' ? -value : value
}

function sameDecimal(sent: string, stored: DuckDBDecimalValue): boolean {
  const value = exactWhole(`${sent}e${stored.scale}`)
  return value === stored.value
}

/** Equal as JSON values: whole numbers digit for digit, others as doubles; the order of members does not count. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a instanceof Literal && b instanceof Literal) {
    const [one, other] = [exactWhole(a.text), exactWhole(b.text)]
    return Number(a.text) === Number(b.text) && (!/^-?\d+$/.test(a.text) || one === other)
  }
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return (
    keys.length === others.length &&
    keys.every(
      (key) =>
        Object.hasOwn(b, key) && sameJson((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
    )
  )
}
