import type { Snapshot, SnapshotId, TableMetadata } from './metadata.ts'
import { currentSnapshot } from './metadata.ts'

export interface Retention {
  /** Keep at most this many snapshots of the main branch. */
  readonly keepSnapshots: number
  /** Expire those older than this. The newest is always kept. */
  readonly keepMs: number
}

/**
 * Which snapshots a commit expires: those of the main line beyond the number or the age kept, and
 * those that no ref leads to, by the same age. What a tag names and what another branch leads to is not
 * ours to expire. Nothing is read: whoever holds an older metadata file still has its files until the grace is over.
 */
export function planExpiry(
  metadata: TableMetadata,
  retention: Retention,
  now: number,
): { readonly kept: readonly Snapshot[]; readonly expired: readonly Snapshot[] } {
  const snapshots = metadata.snapshots ?? []
  const byId = new Map(snapshots.map((snapshot) => [snapshot['snapshot-id'], snapshot]))
  const lineOf = (from: SnapshotId | undefined): Snapshot[] => {
    const line: Snapshot[] = []
    const seen = new Set<SnapshotId>()
    for (let id = from; id !== undefined && !seen.has(id);) {
      seen.add(id)
      const snapshot = byId.get(id)
      if (!snapshot) break
      line.push(snapshot)
      id = snapshot['parent-snapshot-id']
    }
    return line
  }
  const young = (snapshot: Snapshot): boolean => now - snapshot['timestamp-ms'] <= retention.keepMs
  const main = lineOf(currentSnapshot(metadata)?.['snapshot-id'])
  const kept = new Set<Snapshot>()
  // One place is for the snapshot that this commit adds.
  for (const snapshot of main.slice(0, Math.max(1, retention.keepSnapshots - 1)))
    if (young(snapshot)) kept.add(snapshot)
  if (main[0]) kept.add(main[0])
  for (const [name, ref] of Object.entries(metadata.refs ?? {})) {
    if (name === 'main') continue
    const line = lineOf(ref['snapshot-id'])
    for (const snapshot of ref.type === 'tag' ? line.slice(0, 1) : line) kept.add(snapshot)
  }
  const onMain = new Set(main)
  for (const snapshot of snapshots) if (!onMain.has(snapshot) && young(snapshot)) kept.add(snapshot)
  return {
    kept: snapshots.filter((snapshot) => kept.has(snapshot)),
    expired: snapshots.filter((snapshot) => !kept.has(snapshot)),
  }
}

/**
 * True when the snapshots form one line in which nothing but appends happened. Then no data file ever left the
 * table, and only lists and manifests can have become unreachable.
 */
export function onlyAppends(metadata: TableMetadata): boolean {
  const snapshots = (metadata.snapshots ?? []).toSorted((a, b) => a['sequence-number'] - b['sequence-number'])
  const newest = snapshots.at(-1)
  if (newest && newest['snapshot-id'] !== currentSnapshot(metadata)?.['snapshot-id']) return false
  return snapshots.every(
    (snapshot, index) =>
      snapshot.summary?.['operation'] === 'append' &&
      (index === 0 || snapshot['parent-snapshot-id'] === snapshots[index - 1]?.['snapshot-id']),
  )
}
