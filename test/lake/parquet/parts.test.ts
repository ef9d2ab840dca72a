import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDataFileWriter, RowRefused } from '../../../src/lake/index.ts'
import { partsOf } from '../../../src/lake/parquet/parts.ts'
import { column, filesBelow, job, line, openBench, readFiles } from '../workbench.ts'

const text = (bytes: number): string => 'x'.repeat(bytes)

test('an ordinary job is one part, however many rows it has', () => {
  const small = Array.from({ length: 120_000 }, (_, id) => line(id, { text: text(600) }))
  assert.deepEqual(partsOf(small), [small])
  assert.deepEqual(partsOf([]), [[]])
})

test('long lines make parts that hold all lines in order', () => {
  const long = Array.from({ length: 100 }, (_, id) => line(id, { text: text(1_000_000) }))
  const parts = partsOf(long)
  assert.ok(parts.length > 2 && parts.length < 6, `${parts.length} parts`)
  assert.deepEqual(
    parts.flat().map((one) => Buffer.from(one).toString('latin1', 0, 9)),
    long.map((one) => Buffer.from(one).toString('latin1', 0, 9)),
  )
})

test('a hundred megabytes of long lines are written in little memory, and bad ones keep their number', async (t) => {
  const bench = await openBench(t, [column('text', 'string'), column('n', 'long')])
  const writer = await openDataFileWriter({
    store: bench.store,
    tempDir: join(bench.root, 'tmp'),
    memoryLimit: '256MB',
  })
  t.after(async () => await writer[Symbol.asyncDispose]())
  const bad = new Set([3, 90])
  const lines = Array.from({ length: 100 }, (_, id) => line(id, { text: text(1_000_000), n: bad.has(id) ? 'x' : id }))
  const { files, refused } = await writer.writeOrRefuse(job(bench, lines))
  assert.deepEqual(
    refused.map((one) => one.line),
    [3, 90],
  )
  const rows = await readFiles(bench, bench.schema, files, 'id, length(text) AS length')
  assert.equal(rows.length, 98)
  assert.ok(rows.every((row) => row['length'] === '1000000'))
  for (const file of files) await bench.store.remove(file.location)
  await assert.rejects(
    writer.write(job(bench, lines.with(3, line(3)))),
    (error) => error instanceof RowRefused && error.line === 90,
  )
  assert.deepEqual(await filesBelow(bench), ['metadata/00000-created.metadata.json'], 'the first parts’ files are gone')
})
