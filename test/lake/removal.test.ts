import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  loadTable,
  planScan,
  stageAppend,
  stageRemoval,
  type Staged,
  type StagedRemoval,
  type Table,
} from '../../src/lake/index.ts'
import { DELETED, EXISTING, decodeManifest } from '../../src/lake/manifest.ts'
import { encodeManifestList } from '../../src/lake/manifest-list.ts'
import { encodeMetadata } from '../../src/lake/metadata.ts'
import { manifestRows } from '../../src/lake/table.ts'
import { chance } from '../kit/seed.ts'
import { fakeFile, filesBelow, job, line, openBench, openWriter, readRows, RETENTION, type Bench } from './workbench.ts'

const NOW = 1_767_225_600_000
const DAY = 20_454
const options = (fileTag: string, more: object = {}) => ({
  fileTag,
  attempt: 0,
  now: NOW + 1000,
  ...RETENTION,
  ...more,
})
const load = (bench: Bench, { metadataLocation }: Staged): Promise<Table> => loadTable(bench.store, metadataLocation)

/** A table with one file for each of the days, each its own commit unless they stand together. */
async function withDays(bench: Bench, commits: readonly (readonly number[])[]): Promise<Table> {
  let table = bench.table
  for (const [n, days] of commits.entries()) {
    const files = days.map((day) => fakeFile(bench.location, `c${n}-${day}`, day))
    table = await load(bench, await stageAppend(bench.store, table, files, options(`c${n}`)))
  }
  return table
}

const removed = async (bench: Bench, table: Table, beforeDay: number, tag = 'gone'): Promise<StagedRemoval> => {
  const staged = await stageRemoval(bench.store, table, beforeDay, options(tag))
  assert.ok(staged !== undefined)
  return staged
}

const daysOf = async (bench: Bench, table: Table): Promise<number[]> =>
  (await planScan(bench.store, table)).files.map(({ day }) => day).toSorted()

test('whole days go, the others stay row for row, and snapshots from before still have all of them', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const lines = ['2026-01-01', '2026-01-02', '2026-01-03', '2026-01-03'].map((day, id) => line(id, {}, day))
  const files = await writer.write(job(bench, lines))
  const full = await load(bench, await stageAppend(bench.store, bench.table, files, options('a')))
  const staged = await removed(bench, full, DAY + 2)
  assert.deepEqual([staged.removedRows, staged.removedFiles, staged.totalRows, staged.totalFiles], [2, 2, 2, 1])
  const table = await load(bench, staged)
  const ids = (rows: readonly Record<string, unknown>[]): unknown[] => rows.map((row) => Number(row['id']))
  assert.deepEqual(ids(await readRows(bench, table)), [2, 3])
  const before = await planScan(bench.store, table, full.currentSnapshotId)
  assert.equal(before.files.length, 3)
  for (const file of before.files) await bench.store.get(file.location)
})

test('the snapshot says delete, with what went and what is left', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY, DAY + 1], [DAY + 1], [DAY + 2]])
  const staged = await removed(bench, table, DAY + 2)
  const { metadata } = await load(bench, staged)
  const snapshot = metadata.snapshots?.at(-1)
  assert.deepEqual(snapshot?.summary, {
    operation: 'delete',
    'deleted-data-files': '3',
    'deleted-records': '30',
    'removed-files-size': '3000',
    'changed-partition-count': '2',
    'total-records': '10',
    'total-files-size': '1000',
    'total-data-files': '1',
    'total-delete-files': '0',
    'total-position-deletes': '0',
    'total-equality-deletes': '0',
  })
  assert.equal(snapshot?.['parent-snapshot-id'], table.currentSnapshotId)
  assert.equal(snapshot?.['sequence-number'], 4)
  assert.equal(metadata['last-sequence-number'], 4)
})

test('a manifest with both is written anew: what goes is named by this snapshot, and all keep the numbers they came with', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY, DAY + 1], [DAY + 1]])
  const first = table.snapshots[0]?.id
  const staged = await removed(bench, table, DAY + 1)
  const after = await load(bench, staged)
  const rows = await manifestRows(bench.store, after.metadata.snapshots?.at(-1) as never)
  const [anew, carried] = rows
  assert.equal(rows.length, 2)
  assert.match(anew?.manifest_path ?? '', /gone-m0\.avro$/)
  assert.match(carried?.manifest_path ?? '', /c1-m0\.avro$/, 'a manifest without such files is left as it is')
  const { entries } = await decodeManifest(await bench.store.get(anew?.manifest_path ?? ''), 'm')
  assert.deepEqual(
    entries.map((entry) => [
      entry.status,
      entry.snapshot_id,
      entry.sequence_number,
      entry.file_sequence_number,
      Object.values(entry.data_file.partition)[0],
    ]),
    [
      [DELETED, staged.snapshotId, 1, 1, DAY],
      [EXISTING, first, 1, 1, DAY + 1],
    ],
  )
  const counts = (row = anew) => [
    row?.added_files_count,
    row?.existing_files_count,
    row?.deleted_files_count,
    row?.existing_rows_count,
    row?.deleted_rows_count,
    row?.min_sequence_number,
    row?.sequence_number,
    row?.added_snapshot_id,
  ]
  assert.deepEqual(counts(), [0, 1, 1, 10, 10, 1, 3, staged.snapshotId])
})

test('where nothing is old, nothing is written', async (t) => {
  const bench = await openBench(t)
  assert.equal(await stageRemoval(bench.store, bench.table, DAY, options('none')), undefined, 'no snapshot at all')
  const table = await withDays(bench, [[DAY], [DAY + 1]])
  const before = await filesBelow(bench)
  assert.equal(await stageRemoval(bench.store, table, DAY, options('none')), undefined)
  assert.deepEqual(await filesBelow(bench), before)
})

test('everything may go; the next append leaves the manifests of nothing but deletions out', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY], [DAY]])
  const empty = await load(bench, await removed(bench, table, DAY + 1))
  assert.deepEqual(await daysOf(bench, empty), [])
  assert.deepEqual([empty.snapshot?.totalRows, empty.snapshot?.totalFiles, empty.snapshot?.totalBytes], [0, 0, 0])
  assert.equal(await stageRemoval(bench.store, empty, DAY + 9, options('twice')), undefined, 'it went once')
  const next = await load(
    bench,
    await stageAppend(bench.store, empty, [fakeFile(bench.location, 'n', DAY + 1)], options('n')),
  )
  const rows = await manifestRows(bench.store, next.metadata.snapshots?.at(-1) as never)
  assert.deepEqual(
    rows.map((row) => [row.added_files_count, row.existing_files_count, row.deleted_files_count]),
    [[1, 0, 0]],
  )
  assert.deepEqual(await daysOf(bench, next), [DAY + 1])
})

test('a removal that comes after a removal carries no manifest of deletions on', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY], [DAY + 1], [DAY + 2]])
  const once = await load(bench, await removed(bench, table, DAY + 1, 'once'))
  const twice = await load(bench, await removed(bench, once, DAY + 2, 'twice'))
  const rows = await manifestRows(bench.store, twice.metadata.snapshots?.at(-1) as never)
  assert.deepEqual(
    rows.map((row) => [row.added_files_count, row.existing_files_count, row.deleted_files_count]),
    [
      [0, 0, 1],
      [1, 0, 0],
    ],
  )
})

test('a table that moved is staged again on what it became, under other names', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY], [DAY + 1]])
  const first = await removed(bench, table, DAY + 1)
  const moved = await load(
    bench,
    await stageAppend(bench.store, table, [fakeFile(bench.location, 'late', DAY)], options('late')),
  )
  const again = await stageRemoval(bench.store, moved, DAY + 1, options('gone', { attempt: 1 }))
  assert.ok(again !== undefined)
  assert.equal(again.baseLocation, moved.metadataLocation)
  assert.deepEqual([again.removedFiles, again.totalFiles], [2, 1], 'what came late is old as well')
  assert.deepEqual(
    again.written.filter((location) => first.written.includes(location)),
    [],
  )
})

test('a table with delete files, or of another partitioning, keeps everything', async (t) => {
  const bench = await openBench(t)
  const table = await withDays(bench, [[DAY]])
  const snapshot = table.metadata.snapshots?.at(-1)
  assert.ok(snapshot)
  const [row] = await manifestRows(bench.store, snapshot)
  for (const [name, change, says] of [
    ['deletes', { content: 1 }, /delete files/],
    ['spec', { partition_spec_id: 7 }, /another partitioning/],
  ] as const) {
    const list = `${bench.location}/metadata/snap-${name}.avro`
    const sequenceNumber = snapshot['sequence-number']
    const body = await encodeManifestList([{ ...(row as object), ...change } as never], {
      id: 9,
      parentId: undefined,
      sequenceNumber,
    })
    await bench.store.put(list, body)
    const location = `${bench.location}/metadata/00009-${name}.metadata.json`
    await bench.store.put(
      location,
      encodeMetadata({ ...table.metadata, snapshots: [{ ...snapshot, 'manifest-list': list }] }),
    )
    await assert.rejects(
      stageRemoval(bench.store, await loadTable(bench.store, location), DAY + 1, options(name)),
      (error: Error & { code?: string }) => error.code === 'table_incompatible' && says.test(error.message),
    )
  }
})

test('files that went are unreachable when the last snapshot that has them expires: exactly, by chance and for long', async (t) => {
  const { between, next, seed } = chance()
  const told = `TEST_SEED=${seed}`
  const bench = await openBench(t)
  const reachable = async (table: Table): Promise<Set<string>> => {
    const found = new Set([table.metadataLocation])
    for (const entry of table.metadata['metadata-log'] ?? []) found.add(entry['metadata-file'])
    for (const snapshot of table.metadata.snapshots ?? []) {
      found.add(snapshot['manifest-list'])
      for (const row of await manifestRows(bench.store, snapshot)) found.add(row.manifest_path)
      for (const file of (await planScan(bench.store, table, snapshot['snapshot-id'])).files) found.add(file.location)
    }
    return found
  }
  let table = bench.table
  let day = DAY
  let model: { location: string; day: number }[] = []
  let before = await reachable(table)
  let removals = 0
  for (let step = 0; step < 120; step += 1) {
    const name = `s${step}`
    const stage = options(name, { now: NOW + step * 1000, keepSnapshots: between(1, 8) })
    let staged: Staged | undefined
    if (next() < 0.2) {
      const beforeDay = day - between(0, 2)
      const left = model.filter((file) => file.day >= beforeDay)
      const removal = await stageRemoval(bench.store, table, beforeDay, stage)
      assert.equal(removal?.removedFiles ?? 0, model.length - left.length, `step ${step}, ${told}`)
      staged = removal
      if (staged === undefined) continue
      model = left
      removals += 1
    } else {
      const files = Array.from({ length: between(1, 3) }, (_, n) =>
        fakeFile(bench.location, `${name}-${n}`, day - between(0, 3)),
      )
      model.push(...files)
      staged = await stageAppend(bench.store, table, files, stage)
      if (next() < 0.2) day += 1
    }
    table = await load(bench, staged)
    const { files } = await planScan(bench.store, table)
    const locationsOf = (of: readonly { location: string }[]): string[] => of.map((file) => file.location).toSorted()
    assert.deepEqual(locationsOf(files), locationsOf(model), `step ${step}, ${told}`)
    assert.equal(table.snapshot?.totalFiles, files.length)
    assert.equal(table.snapshot?.totalRows, files.length * 10)
    const after = await reachable(table)
    assert.deepEqual(
      staged.unreachable.toSorted(),
      [...before].filter((location) => !after.has(location)).toSorted(),
      `step ${step}, ${told}`,
    )
    before = after
    // What is unreachable is gone for good: whatever comes must do without it.
    for (const location of staged.unreachable) await bench.store.remove(location)
  }
  assert.ok(removals > 5, told)
})
