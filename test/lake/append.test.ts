import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExact } from '../../src/lake/json-integers.ts'
import { isLakeFault, loadTable, mintSnapshotId, planScan, stageAppend, type Table } from '../../src/lake/index.ts'
import { encodeMetadata } from '../../src/lake/metadata.ts'
import { fakeFile, filesBelow, openBench, RETENTION, type Bench } from './workbench.ts'

const NOW = 1_767_225_600_000
const append = (bench: Bench, table: Table, name: string, more: object = {}) =>
  stageAppend(bench.store, table, [fakeFile(bench.location, name)], {
    fileTag: name,
    attempt: 0,
    now: NOW + 1000,
    ...RETENTION,
    ...more,
  })

test('the metadata of an empty table is what the spec asks for', async (t) => {
  const bench = await openBench(t)
  const { 'table-uuid': uuid, ...metadata } = bench.table.metadata
  assert.match(uuid, /^[0-9a-f-]{36}$/)
  assert.deepEqual(metadata, {
    'format-version': 2,
    location: bench.location,
    'last-sequence-number': 0,
    'last-updated-ms': NOW,
    'last-column-id': 2,
    'current-schema-id': 0,
    schemas: [bench.schema],
    'default-spec-id': 0,
    'partition-specs': [
      { 'spec-id': 0, fields: [{ name: 'timestamp_day', transform: 'day', 'source-id': 2, 'field-id': 1000 }] },
    ],
    'last-partition-id': 1000,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { 'write.metadata.previous-versions-max': '32' },
    'current-snapshot-id': -1,
    refs: {},
    snapshots: [],
    statistics: [],
    'snapshot-log': [],
    'metadata-log': [],
  })
  assert.equal(bench.table.snapshot, undefined)
  assert.deepEqual(await filesBelow(bench), ['metadata/00000-created.metadata.json'])
})

test('an append stages one manifest, one list and one metadata file, named after the commit', async (t) => {
  const bench = await openBench(t)
  const staged = await append(bench, bench.table, 'flush-1', { snapshotId: 42 })
  assert.deepEqual(
    staged.written.map((location) => location.slice(bench.location.length + 1)),
    ['metadata/flush-1-m0.avro', 'metadata/snap-42-0-flush-1.avro', 'metadata/00001-flush-1.metadata.json'],
  )
  assert.equal(staged.baseLocation, bench.table.metadataLocation)
  assert.deepEqual(staged.unreachable, [])
  const { metadata, snapshot } = await loadTable(bench.store, staged.metadataLocation)
  assert.deepEqual(metadata.snapshots, [
    {
      'snapshot-id': 42,
      'sequence-number': 1,
      'timestamp-ms': NOW + 1000,
      'manifest-list': `${bench.location}/metadata/snap-42-0-flush-1.avro`,
      summary: {
        operation: 'append',
        'added-data-files': '1',
        'added-records': '10',
        'added-files-size': '1000',
        'changed-partition-count': '1',
        'total-records': '10',
        'total-files-size': '1000',
        'total-data-files': '1',
        'total-delete-files': '0',
        'total-position-deletes': '0',
        'total-equality-deletes': '0',
      },
      'schema-id': 0,
    },
  ])
  assert.deepEqual(metadata.refs, { main: { 'snapshot-id': 42, type: 'branch' } })
  assert.deepEqual(metadata['snapshot-log'], [{ 'timestamp-ms': NOW + 1000, 'snapshot-id': 42 }])
  assert.deepEqual(metadata['metadata-log'], [{ 'timestamp-ms': NOW, 'metadata-file': bench.table.metadataLocation }])
  assert.deepEqual(snapshot, { id: 42, committedAtMs: NOW + 1000, totalRows: 10, totalFiles: 1, totalBytes: 1000 })
})

test('what is staged is read back file for file, with bounds', async (t) => {
  const bench = await openBench(t)
  const first = await append(bench, bench.table, 'a')
  const second = await append(bench, await loadTable(bench.store, first.metadataLocation), 'b')
  const plan = await planScan(bench.store, await loadTable(bench.store, second.metadataLocation))
  assert.deepEqual(
    plan.files.map((file) => ({ ...file, lowerBounds: [...file.lowerBounds].map(([id, b]) => [id, [...b]]) })),
    ['b', 'a'].map((name) => {
      const file = fakeFile(bench.location, name)
      return { ...file, lowerBounds: [...file.lowerBounds].map(([id, b]) => [id, [...b]]) }
    }),
  )
  assert.equal(second.totalRows, 20)
})

test('time never runs backwards in a table', async (t) => {
  const bench = await openBench(t)
  const first = await append(bench, bench.table, 'a', { now: NOW + 5000 })
  const second = await append(bench, await loadTable(bench.store, first.metadataLocation), 'b', { now: NOW - 9999 })
  const { metadata } = await loadTable(bench.store, second.metadataLocation)
  assert.deepEqual(
    metadata.snapshots?.map((snapshot) => snapshot['timestamp-ms']),
    [NOW + 5000, NOW + 5000],
  )
})

test('a table that moved is staged again on what it became, under other names, with the same snapshot id', async (t) => {
  const bench = await openBench(t)
  const snapshotId = mintSnapshotId()
  const stale = await append(bench, bench.table, 'mine', { snapshotId })
  const other = await append(bench, bench.table, 'other')
  const moved = await loadTable(bench.store, other.metadataLocation)
  const again = await append(bench, moved, 'mine', { snapshotId, attempt: 1 })
  assert.equal(again.baseLocation, other.metadataLocation)
  assert.deepEqual(
    again.written.filter((location) => stale.written.includes(location)),
    [],
  )
  const table = await loadTable(bench.store, again.metadataLocation)
  assert.equal(table.currentSnapshotId, snapshotId)
  assert.equal(table.metadata.snapshots?.at(-1)?.['parent-snapshot-id'], other.snapshotId)
  const { files } = await planScan(bench.store, table)
  assert.deepEqual(files.map((file) => file.location).toSorted(), [
    fakeFile(bench.location, 'mine').location,
    fakeFile(bench.location, 'other').location,
  ])
})

test('a commit that is already in the table is not staged twice', async (t) => {
  const bench = await openBench(t)
  const staged = await append(bench, bench.table, 'a', { snapshotId: 7 })
  const table = await loadTable(bench.store, staged.metadataLocation)
  await assert.rejects(append(bench, table, 'a', { snapshotId: 7, attempt: 1 }), (error) =>
    isLakeFault(error, 'table_incompatible'),
  )
})

test('a table that somebody partitioned otherwise, or wrote deletes into, is told apart', async (t) => {
  const bench = await openBench(t)
  const location = `${bench.location}/metadata/00009-foreign.metadata.json`
  const hourly = { 'spec-id': 1, fields: [{ name: 'h', transform: 'hour', 'source-id': 2, 'field-id': 1001 }] }
  const changed = { ...bench.table.metadata, 'default-spec-id': 1, 'partition-specs': [hourly] }
  await bench.store.put(location, encodeMetadata(changed))
  await assert.rejects(append(bench, await loadTable(bench.store, location), 'a'), (error) =>
    isLakeFault(error, 'table_incompatible'),
  )
})

test('ids and members that others wrote are kept exactly', async (t) => {
  const bench = await openBench(t)
  const first = await append(bench, bench.table, 'a')
  const { metadata } = await loadTable(bench.store, first.metadataLocation)
  const foreignId = 4_994_405_859_821_726_593n
  const foreign = {
    ...metadata,
    'current-snapshot-id': foreignId,
    snapshots: metadata.snapshots?.map((snapshot) => ({ ...snapshot, 'snapshot-id': foreignId, note: 'theirs' })),
    refs: { main: { 'snapshot-id': foreignId, type: 'branch', 'max-snapshot-age-ms': 5 } },
    'partition-statistics': [],
    'their-member': { a: 1 },
  }
  const location = `${bench.location}/metadata/00002-foreign.metadata.json`
  await bench.store.put(location, encodeMetadata(foreign as never))
  const table = await loadTable(bench.store, location)
  assert.equal(table.currentSnapshotId, foreignId)
  const staged = await append(bench, table, 'b', { snapshotId: 5 })
  const body = Buffer.from(await bench.store.get(staged.metadataLocation)).toString()
  assert.match(body, /"parent-snapshot-id":4994405859821726593[,}]/)
  const next = parseExact(body) as Record<string, unknown>
  assert.deepEqual(next['their-member'], { a: 1 })
  assert.deepEqual(next['refs'], { main: { 'snapshot-id': 5, type: 'branch', 'max-snapshot-age-ms': 5 } })
})

test('a minted snapshot id has at most 15 digits, so that any JSON reader has it exactly', () => {
  for (let i = 0; i < 1000; i += 1) {
    const id = mintSnapshotId()
    assert.ok(Number.isSafeInteger(id) && id > 0 && String(id).length <= 15, String(id))
  }
})
