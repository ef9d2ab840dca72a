import type { Field, ListType, MapType, Schema, StructType, Type } from '../lake/index.ts'

/** The partition column, and what "newest" means. */
export const NEWEST_BY = 'timestamp'

/**
 * The statement that reads `columns` of the newest `limit` rows of local Parquet files. Columns are
 * found by field id (`schema =`), so a renamed or widened column reads right and a missing one is
 * null; hive partitioning is off because a folder's name (`timestamp_day=…`) is no column. Rows
 * with equal timestamps are ordered by id, so that the answer is stable.
 */
export function newestRows(schema: Schema, columns: readonly Field[], paths: readonly string[], limit: number): string {
  const order = [NEWEST_BY, '_event_id'].flatMap((name) => schema.fields.filter((field) => field.name === name))
  const read = [...new Set([...columns, ...order])]
  const ids = read.map(
    (field) => `${field.id}: {name: ${text(field.name)}, type: ${text(duckdbType(field.type))}, default_value: NULL}`,
  )
  const orderBy = order.map((field) => `${name(field.name)} DESC NULLS LAST`).join(', ')
  return [
    `SELECT ${columns.map((field) => name(field.name)).join(', ')}`,
    `FROM read_parquet([${paths.map(text).join(', ')}], schema = MAP {${ids.join(', ')}}, hive_partitioning = false)`,
    ...(orderBy === '' ? [] : [`ORDER BY ${orderBy}`]),
    `LIMIT ${limit}`,
  ].join(' ')
}

const PRIMITIVES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamptz: 'TIMESTAMPTZ',
  string: 'VARCHAR',
  uuid: 'UUID',
}

/** DuckDB's name of an Iceberg type. */
export function duckdbType(type: Type): string {
  if (typeof type === 'string') return PRIMITIVES[type] ?? type.toUpperCase()
  if (isStruct(type))
    return `STRUCT(${type.fields.map((field) => `${name(field.name)} ${duckdbType(field.type)}`).join(', ')})`
  if (isList(type)) return `${duckdbType(type.element)}[]`
  return `MAP(VARCHAR, ${duckdbType(type.value)})`
}

/** An Iceberg type as the answer's `columns` shows it: `list<struct<name: string>>`, `decimal(10, 2)`. */
export function typeText(type: Type): string {
  if (typeof type === 'string') return type
  if (isStruct(type))
    return `struct<${type.fields.map((field) => `${field.name}: ${typeText(field.type)}`).join(', ')}>`
  if (isList(type)) return `list<${typeText(type.element)}>`
  return `map<string, ${typeText((type as MapType).value)}>`
}

export const isStruct = (type: Type): type is StructType => typeof type === 'object' && type.type === 'struct'
export const isList = (type: Type): type is ListType => typeof type === 'object' && type.type === 'list'

const name = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`
const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
