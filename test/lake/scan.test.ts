import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLakeFault, loadTable, planScan, stageAppend, type Table } from '../../src/lake/index.ts'
import { column, fakeFile, job, line, openBench, openWriter, readRows, RETENTION, type Bench } from './workbench.ts'

const NOW = 1_767_225_600_000

async function commit(bench: Bench, table: Table, name: string, day: number): Promise<Table> {
  const staged = await stageAppend(bench.store, table, [fakeFile(bench.location, name, day)], {
    fileTag: name,
    attempt: 0,
    now: NOW,
    ...RETENTION,
  })
  return await loadTable(bench.store, staged.metadataLocation)
}

test('a table without a row has an empty plan, not an error', async (t) => {
  const bench = await openBench(t)
  const empty = { snapshot: undefined, schema: bench.schema, formerNames: new Map(), files: [] }
  assert.deepEqual(await planScan(bench.store, bench.table), empty)
})

test('an older snapshot is planned as it was, and an unknown one is told apart', async (t) => {
  const bench = await openBench(t)
  const first = await commit(bench, bench.table, 'a', 20_000)
  const second = await commit(bench, first, 'b', 20_001)
  const plan = await planScan(bench.store, second, first.currentSnapshotId)
  assert.equal(plan.files.length, 1)
  assert.equal(plan.snapshot?.totalRows, 10)
  assert.equal((await planScan(bench.store, second)).files.length, 2)
  await assert.rejects(planScan(bench.store, second, 12_345), (error) => isLakeFault(error, 'unknown_snapshot'))
})

test('days outside are left out, and their manifests are not even read', async (t) => {
  const bench = await openBench(t)
  let table = bench.table
  for (const [name, day] of [
    ['a', 20_000],
    ['b', 20_001],
    ['c', 20_002],
  ] as const)
    table = await commit(bench, table, name, day)
  const read: string[] = []
  const store = { ...bench.store, get: (location: string) => (read.push(location), bench.store.get(location)) }
  const plan = await planScan(store, table, undefined, { from: 20_001, to: 20_001 })
  assert.deepEqual(
    plan.files.map((file) => file.day),
    [20_001],
  )
  assert.deepEqual(
    read.filter((location) => location.endsWith('-m0.avro')).map((location) => location.slice(-9)),
    ['b-m0.avro'],
  )
})

test('nothing is read twice', async (t) => {
  const bench = await openBench(t)
  const table = await commit(bench, bench.table, 'a', 20_000)
  let reads = 0
  const store = { ...bench.store, get: (location: string) => ((reads += 1), bench.store.get(location)) }
  await planScan(store, await loadTable(store, table.metadataLocation))
  assert.equal(reads, 3, 'metadata, list, manifest')
  await planScan(store, await loadTable(store, table.metadataLocation))
  assert.equal(reads, 3)
})

test('rows that several commits wrote are all found, over many merges of manifests', async (t) => {
  const bench = await openBench(t, [column('text', 'string')])
  const writer = await openWriter(t, bench)
  let table = bench.table
  for (let flush = 0; flush < 40; flush += 1) {
    const files = await writer.write(job(bench, [line(flush, { text: `row ${flush}` }, `2026-01-0${(flush % 3) + 1}`)]))
    const staged = await stageAppend(bench.store, table, files, {
      fileTag: `f${flush}`,
      attempt: 0,
      now: NOW,
      ...RETENTION,
    })
    table = await loadTable(bench.store, staged.metadataLocation)
  }
  const rows = await readRows(bench, table)
  assert.deepEqual(
    rows.map((row) => row['text']),
    Array.from({ length: 40 }, (_, flush) => `row ${flush}`),
  )
  assert.equal(table.snapshot?.totalRows, 40)
})

test('damaged or missing metadata is told apart from a store that is away', async (t) => {
  const bench = await openBench(t)
  const at = (name: string) => `${bench.location}/metadata/${name}`
  for (const [name, body] of [
    ['a', '{'],
    ['b', '{"format-version":3}'],
    ['c', '{"format-version":2}'],
    ['d', '[]'],
    ['e', 'null'],
  ] as const) {
    await bench.store.put(at(name), Buffer.from(body))
    await assert.rejects(loadTable(bench.store, at(name)), (error) => isLakeFault(error, 'table_unreadable'), body)
  }
  await assert.rejects(loadTable(bench.store, at('none')), (error) => isLakeFault(error, 'object_missing'))
})
