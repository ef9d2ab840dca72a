import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadTable, planScan, stageAppend, type Table } from '../../src/lake/index.ts'
import { encodeMetadata } from '../../src/lake/metadata.ts'
import { fakeFile, filesBelow, openBench, type Bench } from './workbench.ts'

const NOW = 1_767_225_600_000

async function commit(bench: Bench, table: Table, name: string, keepSnapshots: number) {
  return await stageAppend(bench.store, table, [fakeFile(bench.location, name)], {
    fileTag: name,
    attempt: 0,
    now: NOW,
    keepSnapshots,
    keepMs: 3_600_000,
  })
}

/** Every file that any retained snapshot of a table leads to, and its logs: found the slow way. */
async function reachable(bench: Bench, table: Table): Promise<Set<string>> {
  const found = new Set([table.metadataLocation])
  for (const entry of table.metadata['metadata-log'] ?? []) found.add(entry['metadata-file'])
  const { manifestRows } = await import('../../src/lake/table.ts')
  for (const snapshot of table.metadata.snapshots ?? []) {
    found.add(snapshot['manifest-list'])
    for (const row of await manifestRows(bench.store, snapshot)) found.add(row.manifest_path)
    for (const file of (await planScan(bench.store, table, snapshot['snapshot-id'])).files) found.add(file.location)
  }
  return found
}

test('what is unreachable is exactly what was reachable before and is not after', async (t) => {
  const bench = await openBench(t)
  let table = bench.table
  let before = await reachable(bench, table)
  for (let flush = 0; flush < 60; flush += 1) {
    const staged = await commit(bench, table, `f${flush}`, 5)
    table = await loadTable(bench.store, staged.metadataLocation)
    const after = await reachable(bench, table)
    assert.deepEqual(staged.unreachable.toSorted(), [...before].filter((location) => !after.has(location)).toSorted())
    assert.equal(new Set(staged.unreachable).size, staged.unreachable.length)
    before = after
    for (const location of staged.unreachable) await bench.store.remove(location)
  }
  // Nothing that is not reachable is left in the folder (the data files were never written).
  const left = new Set((await filesBelow(bench)).map((name) => `${bench.location}/${name}`))
  assert.deepEqual(
    [...left].filter((location) => !before.has(location)),
    [],
  )
})

test('data files that a foreign writer took out become unreachable when their last snapshot expires', async (t) => {
  const bench = await openBench(t)
  const first = await commit(bench, bench.table, 'a', 100)
  const second = await commit(bench, await loadTable(bench.store, first.metadataLocation), 'b', 100)
  const table = await loadTable(bench.store, second.metadataLocation)
  const { metadata } = table
  // Somebody rolls the table back to the first snapshot, so that the second is on no line any more.
  const rolledBack = {
    ...metadata,
    'current-snapshot-id': first.snapshotId,
    refs: { main: { 'snapshot-id': first.snapshotId, type: 'branch' as const } },
    statistics: [
      { 'snapshot-id': second.snapshotId, 'statistics-path': `${bench.location}/metadata/b.stats` },
      { 'snapshot-id': first.snapshotId, 'statistics-path': `${bench.location}/metadata/a.stats` },
    ],
  }
  const location = `${bench.location}/metadata/00003-foreign.metadata.json`
  await bench.store.put(location, encodeMetadata(rolledBack))
  const later = await stageAppend(
    bench.store,
    await loadTable(bench.store, location),
    [fakeFile(bench.location, 'c')],
    {
      fileTag: 'c',
      attempt: 0,
      now: NOW + 10 * 3_600_000,
      keepSnapshots: 100,
      keepMs: 3_600_000,
    },
  )
  const names = later.unreachable.map((one) => one.slice(bench.location.length + 1)).toSorted()
  assert.deepEqual(names, [
    'data/timestamp_day=2026-01-01/b.parquet',
    'metadata/b-m0.avro',
    'metadata/b.stats',
    `metadata/snap-${second.snapshotId}-0-b.avro`,
  ])
  const next = await loadTable(bench.store, later.metadataLocation)
  assert.deepEqual(
    next.metadata.statistics?.map((one) => one['snapshot-id']),
    [first.snapshotId],
  )
})

test('a tagged snapshot keeps all its files', async (t) => {
  const bench = await openBench(t)
  let table = bench.table
  const first = await commit(bench, table, 'tagged', 100)
  const tagged = await loadTable(bench.store, first.metadataLocation)
  const location = `${bench.location}/metadata/00002-tag.metadata.json`
  const refs = { ...tagged.metadata.refs, keep: { 'snapshot-id': first.snapshotId, type: 'tag' as const } }
  await bench.store.put(location, encodeMetadata({ ...tagged.metadata, refs }))
  table = await loadTable(bench.store, location)
  for (let flush = 0; flush < 50; flush += 1) {
    const staged = await commit(bench, table, `f${flush}`, 3)
    table = await loadTable(bench.store, staged.metadataLocation)
    for (const file of staged.unreachable) await bench.store.remove(file)
  }
  const { files } = await planScan(bench.store, table, first.snapshotId)
  assert.equal(files.length, 1)
  await bench.store.get(`${bench.location}/metadata/tagged-m0.avro`)
  assert.equal(table.metadata.snapshots?.length, 4)
})
