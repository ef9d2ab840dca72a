import { onlyAppends } from './expiry.ts'
import type { ManifestRow } from './manifest-list.ts'
import type { Snapshot, TableMetadata } from './metadata.ts'
import type { DataFile, ObjectStore } from './port.ts'
import { liveEntries, manifestPaths, manifestRows } from './table.ts'

/** How many lists and manifests are read at once. */
const AT_ONCE = 8

/**
 * The files that expired snapshots lead to and retained ones do not: manifest lists, manifests, data
 * files and statistics. Exact: a file that no snapshot named is never in it. `adds` is the snapshot that is being
 * staged: its manifests (the carried over ones are its parent's, which is retained) and its new data files.
 */
export async function unreachableFiles(
  store: ObjectStore,
  base: TableMetadata,
  plan: { readonly kept: readonly Snapshot[]; readonly expired: readonly Snapshot[] },
  adds: { readonly rows: readonly ManifestRow[]; readonly files: readonly DataFile[] },
): Promise<string[]> {
  const { kept, expired } = plan
  if (expired.length === 0) return []
  const lists = new Set(expired.map((snapshot) => snapshot['manifest-list']))
  const left = await pathsOf(store, expired)
  const reached = await pathsOf(store, kept)
  for (const row of adds.rows) reached.add(row.manifest_path)
  for (const snapshot of kept) lists.delete(snapshot['manifest-list'])
  const manifests = new Set([...left].filter((path) => !reached.has(path)))
  const files = onlyAppends(base) ? new Set<string>() : await unreachableData(store, plan, manifests)
  for (const file of adds.files) files.delete(file.location)
  return [...lists, ...manifests, ...files, ...expiredStatistics(base, expired)]
}

async function pathsOf(store: ObjectStore, snapshots: readonly Snapshot[]): Promise<Set<string>> {
  const paths = new Set<string>()
  await each(snapshots, async (snapshot) => {
    for (const path of await manifestPaths(store, snapshot)) paths.add(path)
  })
  return paths
}

/** The slow way, for tables in which somebody deleted, rewrote, rolled back or tagged: every live manifest is read. */
async function unreachableData(
  store: ObjectStore,
  { kept, expired }: { readonly kept: readonly Snapshot[]; readonly expired: readonly Snapshot[] },
  manifests: ReadonlySet<string>,
): Promise<Set<string>> {
  const suspects = new Set<string>()
  await eachFile(
    store,
    expired,
    (path) => manifests.has(path),
    (file) => suspects.add(file),
  )
  if (suspects.size > 0)
    await eachFile(
      store,
      kept,
      () => true,
      (file) => suspects.delete(file),
    )
  return suspects
}

/** Tells of every data file in the wanted manifests of some snapshots. */
async function eachFile(
  store: ObjectStore,
  snapshots: readonly Snapshot[],
  wanted: (manifest: string) => boolean,
  tell: (file: string) => void,
): Promise<void> {
  const rows = new Map<string, ManifestRow>()
  await each(snapshots, async (snapshot) => {
    for (const row of await manifestRows(store, snapshot))
      if (wanted(row.manifest_path)) rows.set(row.manifest_path, row)
  })
  await each([...rows.values()], async (row) => {
    for (const entry of await liveEntries(store, row)) tell(entry.data_file.file_path)
  })
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
