import { fastFormats } from 'ajv-formats/dist/formats.js'
import { isUuid } from '../event/index.ts'
import { isDate, isDateTime, isEventTime, isTime } from './times.ts'

type Format =
  | { type: 'string'; validate: RegExp | ((text: string) => boolean) }
  | { type: 'number'; validate: (value: number) => boolean }

const text = (validate: RegExp | ((text: string) => boolean)): Format => ({ type: 'string', validate })
const number = (validate: (value: number) => boolean): Format => ({ type: 'number', validate })

type Borrowed = 'email' | 'hostname' | 'ipv4' | 'ipv6' | 'uri' | 'uri-reference' | 'json-pointer' | 'duration'
/** Longer than any sensible value of these; the engine's backtracking stack is bounded too. */
const LONGEST_BORROWED = 8192

/** One of ajv's regular expressions: those named here take linear time. */
function plain(name: Borrowed): Format {
  const pattern = fastFormats[name] as RegExp
  return text((value) => value.length <= LONGEST_BORROWED && pattern.test(value))
}

/** The format that a top-level `timestamp` of format `date-time` is held to: never written by a client. */
export const EVENT_TIME = 'pulse-event-time'

/**
 * Every format that is checked. One that is not here is an annotation, as JSON Schema has it, and is
 * warned of when columns are made. `decimal` is a keyword of its own (it needs `precision` and `scale`).
 */
export const FORMATS: Readonly<Record<string, Format>> = {
  [EVENT_TIME]: text(isEventTime),
  'date-time': text(isDateTime),
  date: text(isDate),
  time: text(isTime),
  uuid: text(isUuid),
  email: plain('email'),
  hostname: plain('hostname'),
  ipv4: plain('ipv4'),
  ipv6: plain('ipv6'),
  uri: plain('uri'),
  'uri-reference': plain('uri-reference'),
  'json-pointer': plain('json-pointer'),
  duration: plain('duration'),
  int32: number((value) => Number.isInteger(value) && value >= -2_147_483_648 && value <= 2_147_483_647),
  int64: number((value) => Number.isInteger(value) && Math.abs(value) <= 2 ** 63),
  float: number(fitsFloat),
  double: number((value) => Number.isFinite(value)),
}

/** Formats whose failure means that a number does not fit its column. */
export const NUMBER_FORMATS: ReadonlySet<string> = new Set(['int32', 'int64', 'float', 'double'])

/**
 * Whether a single-precision column keeps the value: fractions are the nearest float; a whole number must
 * be exact, or be the number that the float is printed as (`1e10` is, 16777217 is not).
 */
function fitsFloat(value: number): boolean {
  const kept = Math.fround(value)
  if (kept === value) return Number.isFinite(value)
  if (!Number.isFinite(kept) || kept === 0) return false
  if (!Number.isInteger(value)) return true
  for (let digits = 1; digits <= 9; digits++) {
    const printed = Number(kept.toPrecision(digits))
    if (Math.fround(printed) === kept) return printed === value
  }
  return false
}

const DECIMAL = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/

/** A decimal written as text, kept exactly by `decimal(precision, scale)`: DuckDB would round further digits. */
export function fitsDecimal(value: string, precision: number, scale: number): boolean {
  if (value.length > 100 || !DECIMAL.test(value)) return false
  const start = value.startsWith('-') ? 1 : 0
  const dot = value.indexOf('.')
  const whole = (dot < 0 ? value.length : dot) - start
  const wholeDigits = value.charCodeAt(start) === 48 ? 0 : whole
  let to = value.length
  if (dot >= 0) while (value.charCodeAt(to - 1) === 48) to--
  const fractionDigits = dot < 0 ? 0 : to - dot - 1
  return wholeDigits <= precision - scale && fractionDigits <= scale
}

/** Whether a text has the format; false for a format that is not known, or is about numbers. */
export function isFormat(format: string, text: string): boolean {
  const known = Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined
  if (known?.type !== 'string') return false
  return typeof known.validate === 'function' ? known.validate(text) : known.validate.test(text)
}
