import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManifestRow } from '../../src/lake/manifest-list.ts'
import { planMerge } from '../../src/lake/merging.ts'

const row = (name: string, files: number, more: Partial<ManifestRow> = {}): ManifestRow => ({
  manifest_path: name,
  manifest_length: 1,
  partition_spec_id: 0,
  content: 0,
  sequence_number: 1,
  min_sequence_number: 1,
  added_snapshot_id: 1,
  added_files_count: files,
  existing_files_count: 0,
  deleted_files_count: 0,
  added_rows_count: 0,
  existing_rows_count: 0,
  deleted_rows_count: 0,
  ...more,
})
const many = (count: number, files: number, more: Partial<ManifestRow> = {}) =>
  Array.from({ length: count }, (_, index) => row(`${files}-${index}`, files, more))

test('sixteen of a size class are merged, the oldest first, fewer are left', () => {
  assert.deepEqual(planMerge(many(15, 1), 0), [])
  const plan = planMerge(many(20, 1), 0)
  assert.deepEqual(
    plan.map((one) => one.manifest_path),
    Array.from({ length: 16 }, (_, index) => `1-${19 - index}`),
  )
})

test('size classes are not mixed, and a full manifest is never touched', () => {
  assert.deepEqual(planMerge([...many(15, 1), ...many(15, 20), ...many(15, 300), ...many(40, 4096)], 0), [])
  assert.equal(planMerge([...many(15, 1), ...many(16, 20)], 0).length, 16)
})

test('a merge never makes more than a full manifest', () => {
  const plan = planMerge(many(16, 1000), 0)
  assert.equal(plan.length, 4)
  assert.deepEqual(planMerge(many(16, 4000), 0), [], 'nothing would become fewer')
})

test('delete manifests, other specs and encrypted manifests are left alone', () => {
  for (const more of [{ content: 1 }, { partition_spec_id: 1 }, { key_metadata: Buffer.from('k') }]) {
    assert.deepEqual(planMerge(many(40, 1, more), 0), [])
  }
})

test('a thousand commits leave few manifests, and each entry is rewritten at most three times', () => {
  let rows: ManifestRow[] = []
  let rewritten = 0
  for (let commit = 0; commit < 20_000; commit += 1) {
    const merged = planMerge(rows, 0)
    const files = merged.reduce((total, one) => total + one.added_files_count, 0)
    rewritten += files
    rows = [
      row(`c${commit}`, 1),
      ...(files > 0 ? [row(`m${commit}`, files)] : []),
      ...rows.filter((r) => !merged.includes(r)),
    ]
    assert.ok(rows.length <= 3 * 16 + commit / 4096 + 1, `${rows.length} manifests after ${commit} commits`)
  }
  assert.ok(rewritten <= 3 * 20_000, `${rewritten} entries rewritten`)
})
