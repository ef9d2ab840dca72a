import {
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimeValue,
  type DuckDBValue,
} from '@duckdb/node-api'
import type { Field, Type } from '../lake/index.ts'
import { isList, isStruct } from './query.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

export interface RenderOptions {
  readonly int64AsString: boolean
}

/** One row as JSON, by the columns that were read. Members are set, never assigned: `__proto__` is data. */
export function renderRow(
  columns: readonly Field[],
  values: readonly DuckDBValue[],
  options: RenderOptions,
): Record<string, Json> {
  return Object.fromEntries(columns.map((field, at) => [field.name, render(field.type, values[at] ?? null, options)]))
}

/**
 * A value as JSON: decimals and integers beyond 2^53 as strings (all 64-bit ones on request), times
 * RFC 3339 in UTC with microseconds, uuids as text, lists, structs and maps as JSON, JSON text as the
 * string it is. What JSON has no number for is the string `NaN`, `Infinity` or `-Infinity`.
 */
export function render(type: Type, value: DuckDBValue, options: RenderOptions): Json {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return integer(value, type === 'long' && options.int64AsString)
  if (typeof value === 'number') return type === 'float' ? float32(value) : finite(value)
  if (value instanceof DuckDBTimestampTZValue) return rfc3339(value.micros)
  if (value instanceof DuckDBDateValue) return dateText(value.days)
  if (value instanceof DuckDBTimeValue) return timeText(value.micros)
  if (value instanceof DuckDBDecimalValue) return value.toString()
  if (value instanceof DuckDBListValue && isList(type))
    return value.items.map((item) => render(type.element, item, options))
  if (value instanceof DuckDBStructValue && isStruct(type)) {
    return Object.fromEntries(
      type.fields.map((field) => [field.name, render(field.type, value.entries[field.name] ?? null, options)]),
    )
  }
  if (value instanceof DuckDBMapValue && typeof type === 'object' && type.type === 'map') {
    return Object.fromEntries(
      value.entries.map((entry) => [String(entry.key), render(type.value, entry.value, options)]),
    )
  }
  return String(value)
}

const SAFE = 2n ** 53n

function integer(value: bigint, asString: boolean): Json {
  return asString || value > SAFE || value < -SAFE ? value.toString() : Number(value)
}

function finite(value: number): Json {
  return Number.isFinite(value) ? value : String(value)
}

/** The shortest text that is the same 32-bit float: 0.1, not 0.10000000149011612. */
function float32(value: number): Json {
  if (!Number.isFinite(value)) return String(value)
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === value) return short
  }
  return value
}

const SECOND = 1_000_000n

/** Microseconds since 1970 as `2026-11-25T08:04:12.549619Z`. */
export function rfc3339(micros: bigint): string {
  const fraction = ((micros % SECOND) + SECOND) % SECOND
  const seconds = new Date(Number((micros - fraction) / 1000n)).toISOString()
  return `${seconds.slice(0, -5)}.${fraction.toString().padStart(6, '0')}Z`
}

function dateText(days: number): string {
  return new Date(days * 86_400_000).toISOString().slice(0, -14)
}

function timeText(micros: bigint): string {
  return rfc3339(micros).slice(11, -1)
}
