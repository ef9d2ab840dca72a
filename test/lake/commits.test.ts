import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { test } from 'node:test'
import { diskFiles, loadTable, planScan, stageAppend, type FileLayer } from '../../src/lake/index.ts'
import { fakeFile, filesBelow, openBench } from './workbench.ts'

const COMMITS = Number(process.env['TEST_COMMITS'] ?? 5000)
const START = 1_767_225_600_000

test(`${COMMITS} commits: metadata, folder and commit time stay bounded, and no row is lost`, async (t) => {
  // Syncs are left out: this is about what grows, and a disk's syncs would drown it.
  const quick: FileLayer = {
    ...diskFiles,
    writeNew: (path, body) => writeFile(path, body, { flag: 'wx' }),
    syncFolder: async () => {},
    syncFile: async () => {},
  }
  const bench = await openBench(t, [], quick)
  let table = bench.table
  const tookMs: number[] = []
  let mostBytes = 0
  let mostFiles = 0
  for (let commit = 1; commit <= COMMITS; commit += 1) {
    const began = performance.now()
    const fileTag = `flush-${commit}`
    const file = fakeFile(bench.location, fileTag, 20_454 + Math.floor(commit / 500))
    const staged = await stageAppend(bench.store, table, [file], {
      fileTag,
      attempt: 0,
      now: START + commit * 2000, // a flush every 2 s: 1,800 an hour, so the number binds, not the age
      keepSnapshots: 100,
      keepMs: 3_600_000,
    })
    tookMs.push(performance.now() - began)
    table = await loadTable(bench.store, staged.metadataLocation)
    for (const location of staged.unreachable) await bench.store.remove(location)
    if (commit % 500 === 0) {
      mostBytes = Math.max(mostBytes, (await bench.store.get(staged.metadataLocation)).byteLength)
      mostFiles = Math.max(mostFiles, (await filesBelow(bench)).length)
    }
  }
  assert.equal(table.metadata.snapshots?.length, 100)
  assert.equal(table.metadata['metadata-log']?.length, 32)
  assert.equal(table.metadata['snapshot-log']?.length, 100)
  assert.ok(mostBytes < 120_000, `metadata JSON reached ${mostBytes} bytes`)
  // 100 lists, 33 metadata files, and the manifests that 100 snapshots lead to (one a commit, and merged ones).
  assert.ok(mostFiles < 100 + 33 + 100 + 60, `${mostFiles} files below metadata/`)
  const plan = await planScan(bench.store, table)
  assert.equal(plan.files.length, COMMITS)
  assert.equal(new Set(plan.files.map((file) => file.location)).size, COMMITS)
  assert.equal(table.snapshot?.totalRows, COMMITS * 10)

  // The quick ones of a hundred: what a commit takes where nothing else holds it up.
  const typical = (from: number, to: number): number => {
    const window = tookMs.slice(from, to).toSorted((a, b) => a - b)
    return window[window.length >> 3] ?? Number.NaN
  }
  const [early, late] = [typical(75, 175), typical(COMMITS - 100, COMMITS)]
  t.diagnostic(
    `commit ${early.toFixed(2)} ms at the 100th, ${late.toFixed(2)} ms at the last; ${mostBytes} bytes of JSON`,
  )
  assert.ok(late <= 2 * early, `the last commits take ${late} ms, the 100th took ${early} ms`)
})
