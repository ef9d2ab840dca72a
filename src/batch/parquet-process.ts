import { once } from 'node:events'
import { dirname } from 'node:path'
import { openDuckDb, quoteName, quoteText } from '../lake/index.ts'

/** A Parquet file, and what its columns become. */
export interface ParquetQuestion {
  readonly path: string
  /** Column -> member. */
  readonly map: readonly (readonly [column: string, member: string])[]
  /** Member -> JSON text. */
  readonly set: readonly (readonly [member: string, literal: string])[]
  /** Members that are instants. */
  readonly instants: readonly string[]
  /** Rows to begin after. */
  readonly after: number
}

interface Column {
  readonly column_name: string
  readonly column_type: string
}

/** The expression of a column as JSON: instants in RFC 3339, what JSON has no number for as text, so that its row is refused. */
function jsonOf(name: string, type: string, isInstant: boolean): string {
  const column = quoteName(name)
  if (/^TIMESTAMP WITH TIME ZONE|^TIMESTAMPTZ/.test(type))
    return `to_json(strftime(${column} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ'))`
  if (type.startsWith('TIMESTAMP')) return `to_json(strftime(${column}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ'))`
  if (type === 'DATE') return `to_json(strftime(${column}, '${isInstant ? '%Y-%m-%dT00:00:00Z' : '%Y-%m-%d'}'))`
  if (type === 'DOUBLE' || type === 'FLOAT')
    return `CASE WHEN isfinite(${column}) OR ${column} IS NULL THEN to_json(${column}) ELSE to_json(${column}::VARCHAR) END`
  if (type === 'BLOB') return `to_json(base64(${column}))`
  if (type === 'INTERVAL' || type.startsWith('TIME')) return `to_json(${column}::VARCHAR)`
  return `to_json(${column})`
}

/** Says each row as a line of JSON: members without a value left out, constants last. */
function rowsSql({ map, set, instants, after, path }: ParquetQuestion, columns: readonly Column[]): string {
  const members = new Map(map)
  const constants = new Set(set.map(([member]) => member))
  const parts = columns.flatMap(({ column_name: name, column_type: type }) => {
    const member = members.get(name) ?? name
    return constants.has(member) ? [] : [`${quoteText(member)}: ${jsonOf(name, type, instants.includes(member))}`]
  })
  const fixed = set.map(([member, literal]) => `${quoteText(member)}: ${quoteText(literal)}::JSON`)
  const struct = [...parts, ...fixed].join(', ')
  return `SELECT json_merge_patch('{}', to_json({${struct}}))::VARCHAR FROM (SELECT * FROM read_parquet(${quoteText(path)}) OFFSET ${after})`
}

/**
 * The process that reads a Parquet file which a stranger made: rows as NDJSON on standard output. By itself, because a file that
 * is broken with skill may end the process that reads it.
 */
async function main(question: ParquetQuestion): Promise<void> {
  await using duckdb = await openDuckDb({ tempDir: dirname(question.path), memoryLimit: '256MB', threads: 1 })
  const connection = await duckdb.connect()
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM read_parquet(${quoteText(question.path)})`)
  const columns = described.getRowObjects() as unknown as Column[]
  const rows = await connection.stream(rowsSql(question, columns))
  for (let chunk = await rows.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
    const text = chunk.getColumnValues(0).join('\n')
    if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain')
  }
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '') as ParquetQuestion)
