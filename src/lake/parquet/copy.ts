import type { DuckDBConnection } from '@duckdb/node-api'
import { LakeFault } from '../faults.ts'
import type { Schema } from '../schema.ts'
import type { ColumnsSql } from './columns.ts'
import { quoteName, quoteText } from './duckdb.ts'
import type { Failure } from './isolate.ts'

/** Where a COPY writes: one file, or a folder with one file per day. */
interface CopyTarget {
  readonly path: string
  readonly byDay: boolean
}

/** DuckDB's least buffer for one line; longer lines make it larger. */
const LINE_BUFFER = 16_777_216

/** The COPY that turns lines into Parquet. `longest` is the longest line's bytes. */
export function linesCopySql(schema: Schema, sql: ColumnsSql, input: string, longest: number, to: CopyTarget): string {
  const where = sql.where === undefined ? '' : ` WHERE ${sql.where}`
  const source =
    `read_json(${quoteText(input)}, format='newline_delimited', records=true, auto_detect=false, ` +
    `maximum_object_size=${Math.max(LINE_BUFFER, longest + 1)}, columns=${sql.columns})`
  const rows = `SELECT ${sql.select} FROM ${source} AS ${quoteName(sql.alias)}${where}`
  return `COPY (${to.byDay ? withDay(schema, sql, `(${rows})`) : rows}) TO ${target(schema, sql, to)}`
}

/** The days of a finished file, in order, as `2026-11-25`. */
export function daysSql(sql: ColumnsSql, input: string): string {
  return `SELECT DISTINCT CAST(${dayOf(sql)} AS VARCHAR) AS day FROM ${finished(input)} ORDER BY ${dayOf(sql)}`
}

/** The COPY that parts a finished file by day: the days from `first` to `last`. */
export function partCopySql(
  schema: Schema,
  sql: ColumnsSql,
  input: string,
  path: string,
  [first, last]: readonly [first: string, last: string],
): string {
  const rows = withDay(schema, sql, finished(input))
  const between = `${dayOf(sql)} BETWEEN DATE ${quoteText(first)} AND DATE ${quoteText(last)}`
  return `COPY (${rows} WHERE ${between}) TO ${target(schema, sql, { path, byDay: true })}`
}

const finished = (input: string): string => `read_parquet(${quoteText(input)}, hive_partitioning=false)`
/** The session is in UTC, so the cast takes the UTC day. */
const dayOf = (sql: ColumnsSql): string => `CAST((${sql.day} AT TIME ZONE 'UTC') AS DATE)`

function withDay(schema: Schema, sql: ColumnsSql, from: string): string {
  return `SELECT *, ${dayOf(sql)} AS ${quoteName(dayAlias(schema))} FROM ${from}`
}

function target(schema: Schema, sql: ColumnsSql, to: CopyTarget): string {
  const settings = [
    'FORMAT parquet',
    'COMPRESSION zstd',
    'COMPRESSION_LEVEL 1', // 8 % less CPU than the default 3
    // A row group is held in memory until it is written: at 122,880 rows, the default, a job takes 360 MB, so 190 MB.
    'ROW_GROUP_SIZE 32768',
    `ROW_GROUP_SIZE_BYTES '64MB'`,
    `FIELD_IDS ${sql.fieldIds}`,
    // Some readers match columns through it.
    `KV_METADATA {'iceberg.schema': ${quoteText(JSON.stringify(schema))}}`,
    ...(to.byDay ? [`PARTITION_BY (${quoteName(dayAlias(schema))})`, 'OVERWRITE_OR_IGNORE true'] : []),
  ]
  return `${quoteText(to.path)} (${settings.join(', ')})`
}

/** A name for the partition column that no column of the table has. DuckDB leaves it out of the files. */
function dayAlias(schema: Schema): string {
  const names = new Set(schema.fields.map((field) => field.name.toLowerCase()))
  let alias = 'partition_day'
  while (names.has(alias)) alias += '_'
  return alias
}

/**
 * Runs a COPY. Returns why a row could not be converted; throws `LakeFault('store_away')` for what is no row's
 * fault (memory, disk). DuckDB tells them apart by the kind of error that its message begins with.
 */
export async function runCopy(connection: DuckDBConnection, sql: string): Promise<Failure | undefined> {
  try {
    await connection.run(sql)
    return undefined
  } catch (error) {
    const { message } = error as Error
    const failure = rowFailure(message)
    if (failure) return failure
    throw new LakeFault('store_away', `DuckDB could not write: ${message}`, error)
  }
}

/** What a message says about a row; undefined where it is not about one. */
export function rowFailure(message: string): Failure | undefined {
  const [, kind, text = ''] = /^(Invalid Input|Conversion|Out of Range) Error: ([^]*)$/.exec(message) ?? []
  if (kind === undefined) return undefined
  const [, line, what = ''] = / in file "[^]*?",(?: at byte \d+)? in line (\d+): ([^]*)$/.exec(text) ?? []
  if (line === undefined) return { detail: advice(text), line: undefined }
  // Malformed lines are reported with the number of the line after them (DuckDB 1.5.6).
  return { detail: advice(what), line: Number(line) - (text.startsWith('Malformed JSON') ? 2 : 1) }
}

/** Without DuckDB's advice on its own parameters, which helps nobody here. */
function advice(text: string): string {
  return text.replace(/\s*Try (auto-detecting|setting)[^]*$/, '').trim()
}
