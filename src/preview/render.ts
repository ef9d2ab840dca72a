import type {
  DuckDBDateValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimeValue,
  DuckDBValue,
} from '@duckdb/node-api'
import type { Field, Type } from '../lake/index.ts'
import { MASK } from '../registry/index.ts'
import { isList, isStruct } from './query.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

interface RenderOptions {
  readonly int64AsString: boolean
  /** Ids of the columns, at any depth, whose values are not shown. */
  readonly masked?: ReadonlySet<number>
}

/** Makes one row JSON, by the columns that were read. Members are set, never assigned: `__proto__` is data. */
export function rowRenderer(
  columns: readonly Field[],
  options: RenderOptions,
): (values: readonly DuckDBValue[]) => Record<string, Json> {
  const members = columns.map((field) => ({ name: field.name, render: fieldRenderer(field.id, field.type, options) }))
  return (values) => Object.fromEntries(members.map(({ name, render }, at) => [name, render(values[at])]))
}

/** What is masked is `***`, whatever its type; that there is nothing may be seen. */
const masked: Renderer = (value) => (value === null || value === undefined ? null : MASK)

const fieldRenderer = (id: number, type: Type, options: RenderOptions): Renderer =>
  options.masked?.has(id) === true ? masked : rendererOf(type, options)

type Renderer = (value: DuckDBValue | undefined) => Json

/**
 * Makes values of a type JSON: decimals and integers beyond 2^53 as strings (all 64-bit ones on
 * request), times RFC 3339 in UTC with microseconds, uuids as text, lists, structs and maps as JSON,
 * JSON text as the string it is. What JSON has no number for is the string `NaN`, `Infinity` or
 * `-Infinity`. The type is looked at once, not for every value.
 */
export function rendererOf(type: Type, options: RenderOptions): Renderer {
  const render = presentRenderer(type, options)
  return (value) => (value === null || value === undefined ? null : render(value))
}

function presentRenderer(type: Type, options: RenderOptions): (value: DuckDBValue) => Json {
  if (isStruct(type)) {
    const members = type.fields.map((field) => ({
      name: field.name,
      render: fieldRenderer(field.id, field.type, options),
    }))
    return (value) => {
      const { entries } = value as DuckDBStructValue
      return Object.fromEntries(members.map(({ name, render }) => [name, render(entries[name])]))
    }
  }
  if (isList(type)) {
    const element = fieldRenderer(type['element-id'], type.element, options)
    return (value) => (value as DuckDBListValue).items.map(element)
  }
  if (typeof type === 'object') {
    const member = fieldRenderer(type['value-id'], type.value, options)
    return (value) =>
      Object.fromEntries((value as DuckDBMapValue).entries.map((entry) => [String(entry.key), member(entry.value)]))
  }
  switch (type) {
    case 'boolean':
    case 'string':
    case 'int':
      return (value) => value as boolean | string | number
    case 'long':
      return options.int64AsString ? String : (value) => integer(value as bigint)
    case 'float':
      return (value) => float32(value as number)
    case 'double':
      return (value) => finite(value as number)
    case 'timestamptz':
      return (value) => rfc3339((value as DuckDBTimestampTZValue).micros)
    case 'date':
      return (value) => dateText((value as DuckDBDateValue).days)
    case 'time':
      return (value) => timeText((value as DuckDBTimeValue).micros)
    default:
      return String // uuid and decimal
  }
}

const SAFE = 2n ** 53n

function integer(value: bigint): Json {
  return value > SAFE || value < -SAFE ? value.toString() : Number(value)
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
