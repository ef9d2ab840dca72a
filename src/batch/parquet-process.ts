import { once } from 'node:events'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import type { DuckDBType } from '@duckdb/node-api'
import { openDuckDb, quoteText } from '../lake/index.ts'
import { rowsSql, type ParquetQuestion } from './parquet-sql.ts'
import { asEventHasIt } from './parquet-text.ts'

/** DuckDB reads 2,048 rows at a time and holds them some three times: 4,000 columns, or rows of 70 KB, fit. */
const MEMORY = '1GB'

/**
 * The process that reads a Parquet file which a stranger made: the names of its columns, a JSON list on a line, and then its rows as
 * NDJSON on standard output. By itself, because a file that is broken with skill may end the process that reads it.
 */
async function main({ path, ...rest }: ParquetQuestion): Promise<void> {
  await using duckdb = await openDuckDb({ tempDir: dirname(path), memoryLimit: MEMORY, threads: 1 })
  const connection = await duckdb.connect()
  const described = await connection.runAndReadAll(`SELECT * FROM read_parquet(${quoteText(path)}) LIMIT 0`)
  const types = described.columnTypes()
  const columns = described.columnNames().map((name, at) => ({ name, type: types[at] as DuckDBType }))
  const names = JSON.stringify(columns.map(({ name }) => name))
  process.stdout.write(`${names}\n`)
  const rows = await connection.stream(rowsSql({ path, ...rest }, columns))
  for (let chunk = await rows.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await rows.fetchChunk()) {
    const lines = (chunk.getColumnValues(0) as string[]).map(asEventHasIt).join('\n')
    if (!process.stdout.write(`${lines}\n`)) await once(process.stdout, 'drain')
  }
}

if (import.meta.main) await main(JSON.parse(await text(process.stdin)) as ParquetQuestion)
