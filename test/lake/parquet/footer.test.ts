import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isLakeFault, openDuckDb } from '../../../src/lake/index.ts'
import { readFooter } from '../../../src/lake/parquet/footer.ts'
import { fileStatistics } from '../../../src/lake/parquet/statistics.ts'
import { assignIds, decodeBound, type PrimitiveType } from '../../../src/lake/index.ts'
import { ownFolder } from '../../kit/folder.ts'
import { column } from '../workbench.ts'

test('several row groups are summed up, and agree with what DuckDB says of the file', async (t) => {
  const root = await ownFolder(t)
  const path = join(root, 'a.parquet')
  await using duck = await openDuckDb({ tempDir: root })
  const connection = await duck.connect()
  await connection.run(
    `COPY (SELECT i::BIGINT AS i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'text ' || i END AS s, (-i)::DECIMAL(10,2) AS d
       FROM range(10000) r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 2048, FIELD_IDS {i: 1, s: 2, d: 3})`,
  )
  const footer = await readFooter(path)
  const facts = await connection.runAndReadAll(
    `SELECT path_in_schema, sum(total_compressed_size)::INT, sum(stats_null_count)::INT, count(*)::INT
     FROM parquet_metadata('${path}') GROUP BY 1 ORDER BY 1`,
  )
  connection.closeSync()
  const schema = assignIds([column('i', 'long'), column('s', 'string'), column('d', 'decimal(10, 2)')]).schema
  const statistics = fileStatistics(footer, schema)
  const rows = facts.getRowsJson() as [string, number, number, number][]
  const ids: Record<string, number> = { i: 1, s: 2, d: 3 }
  for (const [name, bytes, nulls, groups] of rows) {
    assert.equal(statistics.columnSizes.get(ids[name] ?? 0), bytes)
    assert.equal(statistics.nullCounts.get(ids[name] ?? 0), nulls)
    assert.equal(footer.rowGroups.length, groups)
  }
  assert.equal(statistics.rows, 10_000)
  assert.equal(statistics.splitOffsets?.length, footer.rowGroups.length)
  const bound = (type: PrimitiveType, id: number) =>
    [statistics.lowerBounds, statistics.upperBounds].map((bounds) => decodeBound(type, bounds.get(id) ?? Buffer.of()))
  assert.deepEqual(bound('long', 1), [0n, 9999n])
  assert.deepEqual(bound('string', 2), ['text 1', 'text 9998'])
  assert.deepEqual(bound('decimal(10, 2)', 3), [-999_900n, 0n])
})

test('what is no Parquet file is unreadable', async (t) => {
  const root = await ownFolder(t)
  for (const content of ['', 'PAR1', 'PAR1xxxxxxxxPAR1', 'x'.repeat(100)]) {
    await writeFile(join(root, 'x'), content)
    await assert.rejects(readFooter(join(root, 'x')), (error) => isLakeFault(error, 'table_unreadable'))
  }
})
