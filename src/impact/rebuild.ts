import type { DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBValue } from '@duckdb/node-api'
import type { Field, LineShape, PrimitiveType, Schema, SourceField, Type } from '../lake/index.ts'
import { rendererOf } from '../preview/index.ts'

type JsonSchema = Readonly<Record<string, unknown>>

/** Values of one column as JSON text; undefined: the event has no such member. */
type Writer = (value: DuckDBValue | undefined) => string | undefined

/**
 * How what a row does not tell is taken. It does not tell a member that is absent from one that is null: `sparse` takes it for null
 * only where the version requires the member and allows null, `full` wherever the version allows null. It has instants, times,
 * decimals and uuids in the lake's writing, not the client's: `sparse` has that, `full` no zeros at a fraction's end, and uuids in capitals.
 */
export type Writing = 'sparse' | 'full'

/**
 * Makes an event's data, as JSON text, out of a row: each column under the member that the version bound now reads it from,
 * every digit of a whole number kept.
 */
export function rebuilder(
  schema: Schema,
  shape: LineShape,
  composed: unknown,
  writing: Writing,
): (values: readonly DuckDBValue[]) => string {
  const places = new Map(schema.fields.map((field, at) => [field.id, { field, at }]))
  const members = shape.fields.flatMap((source) => {
    const place = places.get(source.fieldId)
    return place === undefined
      ? []
      : [{ at: place.at, name: source.key, write: memberWriter(place.field, source, composed, writing) }]
  })
  const extra = shape.envelope.find(({ key }) => key === '_extra')
  const extraAt = extra === undefined ? undefined : places.get(extra.fieldId)?.at
  return (values) => {
    const parts = members.flatMap(({ at, name, write }) => memberText(name, write(values[at])))
    const rest = extraAt === undefined ? null : values[extraAt]
    // An object's text, as ingest has put it together.
    if (typeof rest === 'string' && rest.length > 2) parts.push(rest.slice(1, -1))
    return `{${parts.join(',')}}`
  }
}

const memberText = (name: string, text: string | undefined): string[] =>
  text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]

function memberWriter(field: Pick<Field, 'type'>, source: SourceField, parent: unknown, writing: Writing): Writer {
  const own = memberOf(parent, 'properties', source.key)
  const isNull = allowsNull(own) && (writing === 'full' || requires(parent, source.key))
  const missing = isNull ? 'null' : undefined
  const write = writerOf(field.type, source, own, writing)
  return (value) => (value === null || value === undefined ? missing : write(value))
}

/** Inside of a list or a map null is a value. */
const itemWriter = (type: Type, source: SourceField | undefined, schema: unknown, writing: Writing) => {
  const write = writerOf(type, source ?? { fieldId: 0, key: '' }, schema, writing)
  return (value: DuckDBValue | undefined): string => (value === null || value === undefined ? 'null' : write(value))
}

function writerOf(type: Type, source: SourceField, schema: unknown, writing: Writing): (value: DuckDBValue) => string {
  if (source.json === true) return String
  if (type === 'long') return String
  if (typeof type === 'string') {
    const render = rendererOf(type, { int64AsString: false })
    const rewrite = writing === 'full' ? rewriterOf(type) : undefined
    return (value) => JSON.stringify(rewrite === undefined ? render(value) : rewrite(String(render(value))))
  }
  const [inside] = source.children ?? []
  if (type.type === 'list') {
    const item = itemWriter(type.element, inside, memberOf(schema, 'items'), writing)
    return (value) => `[${(value as DuckDBListValue).items.map(item).join(',')}]`
  }
  if (type.type === 'map') {
    const item = itemWriter(type.value, inside, memberOf(schema, 'additionalProperties'), writing)
    return (value) => {
      const { entries } = value as DuckDBMapValue
      return `{${entries.map((entry) => `${JSON.stringify(String(entry.key))}:${item(entry.value)}`).join(',')}}`
    }
  }
  const fields = new Map(type.fields.map((field) => [field.id, field]))
  const members = (source.children ?? []).flatMap((child) => {
    const field = fields.get(child.fieldId)
    return field === undefined
      ? []
      : [{ from: field.name, name: child.key, write: memberWriter(field, child, schema, writing) }]
  })
  return (value) => {
    const { entries } = value as DuckDBStructValue
    return `{${members.flatMap(({ from, name, write }) => memberText(name, write(entries[from]))).join(',')}}`
  }
}

/** What a client may have written for the same value; undefined where there is one way only. */
function rewriterOf(type: PrimitiveType): ((text: string) => string) | undefined {
  if (type === 'uuid') return (text) => text.toUpperCase()
  if (type !== 'timestamptz' && type !== 'time' && !type.startsWith('decimal')) return undefined
  return (text) => text.replace(/\.(\d*?)0+(Z?)$/, (_, digits: string, zone: string) => (digits && `.${digits}`) + zone)
}

const isObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function memberOf(schema: unknown, keyword: string, name?: string): unknown {
  const found = isObject(schema) ? schema[keyword] : undefined
  if (name === undefined) return found
  return isObject(found) && Object.hasOwn(found, name) ? found[name] : undefined
}

const requires = (schema: unknown, name: string): boolean => {
  const required = memberOf(schema, 'required')
  return Array.isArray(required) && required.includes(name)
}

function allowsNull(schema: unknown): boolean {
  if (!isObject(schema)) return schema === true
  const { type, enum: values, anyOf, oneOf } = schema
  if (type !== undefined) return [type].flat().includes('null') && (!Array.isArray(values) || values.includes(null))
  if (values !== undefined) return Array.isArray(values) && values.includes(null)
  if ('const' in schema) return schema['const'] === null
  const branches = anyOf ?? oneOf
  return !Array.isArray(branches) || branches.some(allowsNull)
}
