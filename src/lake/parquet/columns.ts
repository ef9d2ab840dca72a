import { dayField } from '../day.ts'
import { LakeFault } from '../faults.ts'
import type { Field, LineShape, Schema, SourceField, Type } from '../schema.ts'
import { primitiveSql, quoteName, quoteText } from './duckdb.ts'

/** SQL pieces that turn JSON lines into a table's columns. All names and texts are quoted here. */
export interface ColumnsSql {
  /** The `columns` of `read_json`. */
  readonly columns: string
  /** `SELECT …`, one expression per column. */
  readonly select: string
  /** A condition that raises where a required value is missing; undefined where nothing is required. */
  readonly where: string | undefined
  /** The alias that `select` and `where` give to the lines. */
  readonly alias: string
  /** `FIELD_IDS` of the columns. */
  readonly fieldIds: string
  /** The day column's name, quoted. */
  readonly day: string
}

interface Column {
  readonly field: Field
  readonly source: SourceField
  readonly path: readonly string[]
}

/**
 * Plans the reading of lines of a shape into a schema. Columns of the schema that the shape does not
 * have are left out of the files, where readers take them as null; a required one that is missing, or a day column, is a
 * `LakeFault('table_incompatible')`. Members of the shape that the schema no longer has are not read.
 */
export function columnsSql(schema: Schema, shape: LineShape, dayFieldId: number): ColumnsSql {
  const byId = new Map(schema.fields.map((field) => [field.id, field]))
  const columns: Column[] = []
  for (const [sources, path] of [
    [shape.envelope, []],
    [shape.fields, shape.under],
  ] as const) {
    for (const source of sources) {
      const field = byId.get(source.fieldId)
      if (field && isReadable(field.type, source)) columns.push({ field, source, path })
    }
  }
  const have = new Set(columns.map(({ field }) => field.id))
  const absent = schema.fields.find((field) => field.required && !have.has(field.id))
  if (absent) {
    throw new LakeFault('table_incompatible', `the lines have no member for the required column "${absent.name}"`)
  }
  columns.sort((a, b) => schema.fields.indexOf(a.field) - schema.fields.indexOf(b.field))

  const alias = lineAlias(columns, shape)
  const valueOf = ({ source, path }: Column): string => [alias, ...path, source.key].map(quoteName).join('.')
  const checks = columns.flatMap((column) => {
    const broken = missingSql(column.field, column.source, valueOf(column), 0)
    const what = `a required value is missing in "${column.field.name}"`
    return broken === undefined ? [] : [`WHEN ${broken} THEN error(${quoteText(what)})`]
  })
  return {
    columns: lineColumns(columns, shape),
    select: columns
      .map((column) => `${columnSql(column, valueOf(column))} AS ${quoteName(column.field.name)}`)
      .join(', '),
    alias,
    where: checks.length === 0 ? undefined : `CASE ${checks.join(' ')} ELSE true END`,
    fieldIds: `{${columns.map(({ field, source }) => idSql(field.name, field.id, field.type, source)).join(', ')}}`,
    day: quoteName(dayField(schema, dayFieldId).name),
  }
}

/** Struct members that both the schema and the shape have, in the schema's order. */
function members(fields: readonly Field[], source: SourceField): { field: Field; source: SourceField }[] {
  const sources = new Map((source.children ?? []).map((child) => [child.fieldId, child]))
  return fields.flatMap((field) => {
    const child = sources.get(field.id)
    return child && isReadable(field.type, child) ? [{ field, source: child }] : []
  })
}

/** A struct of which the shape has no member at all cannot be read: DuckDB has no empty structs. */
function isReadable(type: Type, source: SourceField): boolean {
  if (source.json || typeof type === 'string') return true
  if (type.type === 'struct') return members(type.fields, source).length > 0
  return isReadable(type.type === 'list' ? type.element : type.value, inner(source))
}

function inner(source: SourceField): SourceField {
  const child = source.children?.[0]
  if (!child) throw new LakeFault('table_incompatible', `the shape says nothing of what is inside "${source.key}"`)
  return child
}

/** A name for the line that is no member of it: `"line"."a"` must not be a member of a member. */
function lineAlias(columns: readonly Column[], shape: LineShape): string {
  const keys = new Set([...columns.map(({ source }) => source.key), ...shape.under].map((key) => key.toLowerCase()))
  let alias = 'line'
  while (keys.has(alias)) alias += '_'
  return alias
}

/** The value of a column, as the table has it. */
function columnSql(column: Column, value: string): string {
  const { type } = column.field
  if (renames(type, column.source)) return rebuilt(value, type, column.source, 0)
  // A cast goes by name, which is right only while the names are the same on both sides (they are, above).
  return hasJson(type, column.source) ? `CAST(${value} AS ${writtenType(type, column.source)})` : value
}

function lineColumns(columns: readonly Column[], shape: LineShape): string {
  const entry = ({ field, source }: Column, end: (key: string, type: string) => string) =>
    end(source.key, readType(field.type, source))
  const literal = (key: string, type: string): string => `${quoteText(key)}: ${quoteText(type)}`
  const member = (key: string, type: string): string => `${quoteName(key)} ${type}`
  const above = columns.filter(({ path }) => path.length === 0).map((column) => entry(column, literal))
  const below = columns.filter(({ path }) => path.length > 0)
  const [outermost] = shape.under
  if (below.length === 0 || outermost === undefined) return `{${above.join(', ')}}`
  let type = `STRUCT(${below.map((column) => entry(column, member)).join(', ')})`
  for (const key of shape.under.slice(1).toReversed()) type = `STRUCT(${quoteName(key)} ${type})`
  return `{${[...above, literal(outermost, type)].join(', ')}}`
}

/** The type to read a value as: members by their keys in the line, JSON text as DuckDB's JSON. */
function readType(type: Type, source: SourceField): string {
  if (source.json) return 'JSON'
  if (typeof type === 'string') return primitiveSql(type)
  if (type.type === 'list') return `${readType(type.element, inner(source))}[]`
  if (type.type === 'map') return `MAP(VARCHAR, ${readType(type.value, inner(source))})`
  const parts = members(type.fields, source).map(
    (member) => `${quoteName(member.source.key)} ${readType(member.field.type, member.source)}`,
  )
  return `STRUCT(${parts.join(', ')})`
}

/** The type to write: as the table has it, without the members that the shape does not have. */
function writtenType(type: Type, source: SourceField): string {
  if (typeof type === 'string') return primitiveSql(type)
  if (type.type === 'list') return `${writtenType(type.element, inner(source))}[]`
  if (type.type === 'map') return `MAP(VARCHAR, ${writtenType(type.value, inner(source))})`
  const parts = members(type.fields, source).map(
    (member) => `${quoteName(member.field.name)} ${writtenType(member.field.type, member.source)}`,
  )
  return `STRUCT(${parts.join(', ')})`
}

function hasJson(type: Type, source: SourceField): boolean {
  if (source.json) return true
  if (typeof type === 'string') return false
  if (type.type !== 'struct') return hasJson(type.type === 'list' ? type.element : type.value, inner(source))
  return members(type.fields, source).some((member) => hasJson(member.field.type, member.source))
}

/** Whether something inside has another name in the table than in the line. */
function renames(type: Type, source: SourceField): boolean {
  if (source.json || typeof type === 'string') return false
  if (type.type !== 'struct') return renames(type.type === 'list' ? type.element : type.value, inner(source))
  return members(type.fields, source).some(
    (member) => member.field.name !== member.source.key || renames(member.field.type, member.source),
  )
}

/** Rebuilds a value member by member. Slower than a cast; nulls stay null at every level. */
function rebuilt(value: string, type: Type, source: SourceField, depth: number): string {
  if (source.json) return `CAST(${value} AS VARCHAR)`
  if (typeof type === 'string') return value
  if (!renames(type, source)) return hasJson(type, source) ? `CAST(${value} AS ${writtenType(type, source)})` : value
  const one = `x${depth}`
  if (type.type === 'struct') {
    const parts = members(type.fields, source).map((member) => {
      const part = `struct_extract(${value}, ${quoteText(member.source.key)})`
      return `${quoteName(member.field.name)} := ${rebuilt(part, member.field.type, member.source, depth + 1)}`
    })
    return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${parts.join(', ')}) END`
  }
  if (type.type === 'list') {
    return `list_transform(${value}, lambda ${one}: ${rebuilt(one, type.element, inner(source), depth + 1)})`
  }
  const made = rebuilt(one, type.value, inner(source), depth + 1)
  return (
    `CASE WHEN ${value} IS NULL THEN NULL ELSE ` +
    `map(map_keys(${value}), list_transform(map_values(${value}), lambda ${one}: ${made})) END`
  )
}

/** A condition that is true where a required value at or below this field is missing; undefined where none is required. */
function missingSql(field: Field, source: SourceField, value: string, depth: number): string | undefined {
  return anyOf([field.required ? `${value} IS NULL` : undefined, missingInside(field.type, source, value, depth)])
}

function missingInside(type: Type, source: SourceField, value: string, depth: number): string | undefined {
  if (source.json || typeof type === 'string') return undefined
  if (type.type === 'struct') {
    const parts = members(type.fields, source).map((member) =>
      missingSql(member.field, member.source, `struct_extract(${value}, ${quoteText(member.source.key)})`, depth + 1),
    )
    const absent = type.fields.find((field) => field.required && !source.children?.some((c) => c.fieldId === field.id))
    const inside = anyOf([...parts, absent ? 'true' : undefined])
    return inside === undefined ? undefined : `(${value} IS NOT NULL AND ${inside})`
  }
  const one = `x${depth}`
  const [element, required, values] =
    type.type === 'list'
      ? [type.element, type['element-required'], value]
      : [type.value, type['value-required'], `map_values(${value})`]
  const broken = anyOf([required ? `${one} IS NULL` : undefined, missingInside(element, inner(source), one, depth + 1)])
  return broken === undefined ? undefined : `coalesce(len(list_filter(${values}, lambda ${one}: ${broken})) > 0, false)`
}

function anyOf(parts: readonly (string | undefined)[]): string | undefined {
  const some = parts.filter((part) => part !== undefined)
  return some.length === 0 ? undefined : some.length === 1 ? some[0] : `(${some.join(' OR ')})`
}

/** `FIELD_IDS` of one column; a group's own id stands under `__duckdb_field_id`. */
function idSql(name: string, id: number, type: Type, source: SourceField): string {
  if (source.json || typeof type === 'string') return `${quoteName(name)}: ${id}`
  const parts = [`__duckdb_field_id: ${id}`]
  if (type.type === 'struct') {
    for (const { field, source: child } of members(type.fields, source)) {
      parts.push(idSql(field.name, field.id, field.type, child))
    }
  } else if (type.type === 'list') {
    parts.push(idSql('element', type['element-id'], type.element, inner(source)))
  } else {
    parts.push(`key: ${type['key-id']}`, idSql('value', type['value-id'], type.value, inner(source)))
  }
  return `${quoteName(name)}: {${parts.join(', ')}}`
}
