import { onlyAppends } from './expiry.ts'
import type { ManifestRow } from './manifest-list.ts'
import type { Snapshot, TableMetadata } from './metadata.ts'
import type { ObjectStore } from './port.ts'
import { liveEntries, manifestPaths, manifestRows } from './table.ts'

/** How many lists and manifests are read at once. */
const AT_ONCE = 8

/**
 * The files that expired snapshots lead to and retained ones do not: manifest lists, manifests, data
 * files and statistics. Exact: a file of another's that no snapshot named is never in it.
 * `nowReached` are the manifests of the snapshot that is being added.
 */
export async function unreachableFiles(
  store: ObjectStore,
  base: TableMetadata,
  plan: { readonly kept: readonly Snapshot[]; readonly expired: readonly Snapshot[] },
  nowReached: readonly ManifestRow[],
): Promise<string[]> {
  const { kept, expired } = plan
  if (expired.length === 0) return []
  const lists = new Set(expired.map((snapshot) => snapshot['manifest-list']))
  const left = await pathsOf(store, expired)
  const reached = await pathsOf(store, kept)
  for (const row of nowReached) reached.add(row.manifest_path)
  for (const snapshot of kept) lists.delete(snapshot['manifest-list'])
  const manifests = [...left].filter((path) => !reached.has(path))
  const files = onlyAppends(base) ? [] : await unreachableData(store, expired, kept, nowReached, manifests)
  return [...lists, ...manifests, ...files, ...expiredStatistics(base, expired)]
}

async function pathsOf(store: ObjectStore, snapshots: readonly Snapshot[]): Promise<Set<string>> {
  const paths = new Set<string>()
  await each(snapshots, async (snapshot) => {
    for (const path of await manifestPaths(store, snapshot)) paths.add(path)
  })
  return paths
}

/** The slow way, for tables in which somebody deleted, rewrote or rolled back: every live manifest is read. */
async function unreachableData(
  store: ObjectStore,
  expired: readonly Snapshot[],
  kept: readonly Snapshot[],
  nowReached: readonly ManifestRow[],
  manifests: readonly string[],
): Promise<string[]> {
  const gone = new Set(manifests)
  const suspects = new Set<string>()
  await eachManifest(
    store,
    expired,
    [],
    (path) => gone.has(path),
    (file) => suspects.add(file),
  )
  await eachManifest(
    store,
    kept,
    nowReached,
    () => true,
    (file) => suspects.delete(file),
  )
  return [...suspects]
}

async function eachManifest(
  store: ObjectStore,
  snapshots: readonly Snapshot[],
  more: readonly ManifestRow[],
  wanted: (path: string) => boolean,
  act: (file: string) => void,
): Promise<void> {
  const rows = new Map(more.map((row) => [row.manifest_path, row]))
  await each(snapshots, async (snapshot) => {
    for (const row of await manifestRows(store, snapshot)) rows.set(row.manifest_path, row)
  })
  await each(
    [...rows.values()].filter((row) => wanted(row.manifest_path)),
    async (row) => {
      for (const entry of await liveEntries(store, row)) act(entry.data_file.file_path)
    },
  )
}

/** Statistics files that belonged to expired snapshots (spec, "Table Statistics"). */
function expiredStatistics(base: TableMetadata, expired: readonly Snapshot[]): string[] {
  const ids = new Set(expired.map((snapshot) => snapshot['snapshot-id']))
  return [...(base.statistics ?? []), ...(base['partition-statistics'] ?? [])]
    .filter((file) => ids.has(file['snapshot-id']))
    .map((file) => file['statistics-path'])
}

async function each<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values()
  const run = async (): Promise<void> => {
    for (const item of left) await act(item) // the runners share one iterator
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, run))
}
