import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onlyAppends, planExpiry } from '../../src/lake/expiry.ts'
import type { Snapshot, SnapshotRef, TableMetadata } from '../../src/lake/metadata.ts'

const HOUR = 3_600_000
const snapshot = (id: number, at: number, parent: number | undefined = id - 1, operation = 'append'): Snapshot => ({
  'snapshot-id': id,
  ...(parent ? { 'parent-snapshot-id': parent } : {}),
  'sequence-number': id,
  'timestamp-ms': at,
  'manifest-list': `list-${id}`,
  summary: { operation },
})
const metadata = (snapshots: Snapshot[], refs: Record<string, SnapshotRef> = {}, current?: number) =>
  ({
    snapshots,
    refs,
    'current-snapshot-id': current ?? snapshots.at(-1)?.['snapshot-id'] ?? -1,
  }) as unknown as TableMetadata
const ids = (snapshots: readonly Snapshot[]) => snapshots.map((one) => one['snapshot-id'])

test('snapshots beyond the number go, with a place for the one to come', () => {
  const all = Array.from({ length: 10 }, (_, index) => snapshot(index + 1, index))
  const plan = planExpiry(metadata(all), { keepSnapshots: 4, keepMs: HOUR }, 100)
  assert.deepEqual(ids(plan.kept), [8, 9, 10])
  assert.deepEqual(ids(plan.expired), [1, 2, 3, 4, 5, 6, 7])
})

test('snapshots beyond the age go, but never the current one', () => {
  const all = [snapshot(1, 0), snapshot(2, HOUR), snapshot(3, HOUR + 1)]
  assert.deepEqual(ids(planExpiry(metadata(all), { keepSnapshots: 100, keepMs: HOUR }, 2 * HOUR + 1).kept), [3])
  assert.deepEqual(ids(planExpiry(metadata(all), { keepSnapshots: 1, keepMs: 1 }, 99 * HOUR).kept), [3])
  assert.deepEqual(planExpiry(metadata([]), { keepSnapshots: 1, keepMs: 1 }, 0), { kept: [], expired: [] })
})

test('what a tag names stays, and all that a branch leads to', () => {
  const all = Array.from({ length: 8 }, (_, index) => snapshot(index + 1, 0))
  const branched = [...all, snapshot(20, 0, 3), snapshot(21, 0, 20)]
  const tagged = metadata(branched, { keep: { 'snapshot-id': 5, type: 'tag' } }, 8)
  assert.deepEqual(ids(planExpiry(tagged, { keepSnapshots: 2, keepMs: HOUR }, 10 * HOUR).kept), [5, 8])
  const branch = metadata(branched, { work: { 'snapshot-id': 21, type: 'branch' } }, 8)
  assert.deepEqual(ids(planExpiry(branch, { keepSnapshots: 2, keepMs: HOUR }, 10 * HOUR).kept), [1, 2, 3, 8, 20, 21])
})

test('a snapshot that nothing leads to any more goes by its age', () => {
  const rolledBack = metadata([snapshot(1, 0), snapshot(2, 10, 1), snapshot(3, 20, 1)], {}, 3)
  assert.deepEqual(ids(planExpiry(rolledBack, { keepSnapshots: 9, keepMs: HOUR }, 30).kept), [1, 2, 3])
  assert.deepEqual(ids(planExpiry(rolledBack, { keepSnapshots: 9, keepMs: 15 }, 30).kept), [3])
})

test('only a single line of appends counts as only appends', () => {
  assert.equal(onlyAppends(metadata([])), true)
  assert.equal(onlyAppends(metadata([snapshot(4, 0), snapshot(5, 1)])), true, 'its first parent may be gone')
  assert.equal(onlyAppends(metadata([snapshot(1, 0), snapshot(2, 0, 1, 'overwrite')])), false)
  assert.equal(onlyAppends(metadata([snapshot(1, 0), snapshot(2, 0, 1), snapshot(3, 0, 1)])), false)
  assert.equal(onlyAppends(metadata([snapshot(1, 0), snapshot(2, 0)], {}, 1)), false)
})
