import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { LakeFault } from '../faults.ts'
import type { FormerNames } from '../former-names.ts'
import { decimalOf } from '../ids.ts'
import type { PrimitiveType, Schema, Type } from '../schema.ts'

interface DuckDbOptions {
  /** DuckDB's own unit: `512MB`. Beyond it DuckDB spills to `tempDir`, then fails. */
  readonly memoryLimit?: string
  readonly threads?: number
  /** Where DuckDB spills; must exist. */
  readonly tempDir: string
}

export interface DuckDb extends AsyncDisposable {
  /** A connection of one's own; close it with `closeSync()`. */
  connect(): Promise<DuckDBConnection>
}

/**
 * Opens an in-memory DuckDB in UTC that never fetches extensions. Writer and readers each open their own, so that
 * a heavy preview cannot take the writer's memory.
 */
export async function openDuckDb(options: DuckDbOptions): Promise<DuckDb> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads ?? 1),
    memory_limit: options.memoryLimit ?? '512MB',
    temp_directory: options.tempDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    // Memory goes back to the system when work is done: after 12 writes of 91,000 rows an idle process keeps 229 MB with
    // these three, 376 MB without, at no CPU cost that could be told from noise.
    allocator_background_threads: 'true',
    allocator_flush_threshold: '1MB',
    allocator_bulk_deallocation_flush_threshold: '1MB',
  })
  return {
    async connect() {
      const connection = await instance.connect()
      await connection.run("SET TimeZone = 'UTC'")
      return connection
    },
    async [Symbol.asyncDispose]() {
      instance.closeSync()
    },
  }
}

/** A name as an SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as an SQL string. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

const PRIMITIVES: Readonly<Record<Exclude<PrimitiveType, `decimal(${string}`>, string>> = {
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

/** DuckDB's type of a primitive column. */
export function primitiveSql(type: PrimitiveType): string {
  if (type in PRIMITIVES) return PRIMITIVES[type as keyof typeof PRIMITIVES]
  const decimal = decimalOf(type)
  if (decimal === undefined) throw new LakeFault('table_incompatible', `the type ${type} is not supported`)
  return `DECIMAL(${decimal.precision},${decimal.scale})`
}

const NO_FORMER_NAMES: FormerNames = new Map()

/** DuckDB's type of a column as files have it: a member of a struct stands there under every name that it ever had. */
function typeSql(type: Type, former: FormerNames): string {
  if (typeof type === 'string') return primitiveSql(type)
  if (type.type === 'list') return `${typeSql(type.element, former)}[]`
  if (type.type === 'map') return `MAP(VARCHAR, ${typeSql(type.value, former)})`
  const members = type.fields.flatMap((field) =>
    (former.get(field.id) ?? [field.name]).map((name) => `${quoteName(name)} ${typeSql(field.type, former)}`),
  )
  return `STRUCT(${members.join(', ')})`
}

/**
 * The `schema` parameter of DuckDB's `read_parquet`, which finds top-level columns by field id: renamed, widened and added
 * columns read right. Inside structs DuckDB goes by name (1.5.6), which holds for added and widened members; renamed ones are
 * read under all their names. Use with `hive_partitioning=false`.
 */
function duckdbSchemaMap(schema: Schema, former: FormerNames): string {
  const columns = schema.fields.map(
    (field) =>
      `${field.id}: {name: ${quoteText(field.name)}, type: ${quoteText(typeSql(field.type, former))}, default_value: NULL}`,
  )
  return `MAP {${columns.join(', ')}}`
}

/**
 * A `FROM` item that reads local copies of a table's data files with the table's own columns. `former`: the names that members
 * of structs had before (`formerNames`).
 */
export function readParquetSql(
  schema: Schema,
  localPaths: readonly string[],
  former: FormerNames = NO_FORMER_NAMES,
): string {
  const paths = localPaths.map(quoteText).join(', ')
  const read = `read_parquet([${paths}], schema=${duckdbSchemaMap(schema, former)}, hive_partitioning=false)`
  const gathered = schema.fields.flatMap((field) =>
    isRenamedInside(field.type, former)
      ? [`${gatheredSql(quoteName(field.name), field.type, former, 0)} AS ${quoteName(field.name)}`]
      : [],
  )
  return gathered.length === 0 ? read : `(SELECT * REPLACE (${gathered.join(', ')}) FROM ${read})`
}

function isRenamedInside(type: Type, former: FormerNames): boolean {
  if (former.size === 0 || typeof type === 'string') return false
  if (type.type !== 'struct') return isRenamedInside(type.type === 'list' ? type.element : type.value, former)
  return type.fields.some((field) => former.has(field.id) || isRenamedInside(field.type, former))
}

/** The value with each member under its name of now: of the names that a member had, a file has one. */
function gatheredSql(value: string, type: Type, former: FormerNames, depth: number): string {
  if (typeof type === 'string' || !isRenamedInside(type, former)) return value
  const one = `x${depth}`
  if (type.type === 'list')
    return `list_transform(${value}, lambda ${one}: ${gatheredSql(one, type.element, former, depth + 1)})`
  if (type.type === 'map') {
    const made = gatheredSql(one, type.value, former, depth + 1)
    return (
      `CASE WHEN ${value} IS NULL THEN NULL ELSE ` +
      `map(map_keys(${value}), list_transform(map_values(${value}), lambda ${one}: ${made})) END`
    )
  }
  const parts = type.fields.map((field) => {
    const places = (former.get(field.id) ?? [field.name]).map((name) => `struct_extract(${value}, ${quoteText(name)})`)
    const found = places.length === 1 ? (places[0] as string) : `coalesce(${places.join(', ')})`
    return `${quoteName(field.name)} := ${gatheredSql(found, field.type, former, depth + 1)}`
  })
  return `CASE WHEN ${value} IS NULL THEN NULL ELSE struct_pack(${parts.join(', ')}) END`
}
