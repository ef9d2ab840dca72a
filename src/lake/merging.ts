import { EXISTING, type ManifestEntry } from './manifest.ts'
import type { ManifestRow } from './manifest-list.ts'

/**
 * Which manifests to merge. Every commit adds one small manifest; left alone, lists and plans would
 * grow with the number of commits. Manifests are merged by size class, as log-structured trees do: sixteen of one
 * class become one of the next. So each entry is rewritten at most three times in its life, a
 * list has at most 15 manifests per class and one per 4,096 files, and a commit does at most one merge.
 */

const FAN_IN = 16
/** Manifests of this many entries are full: about 100 bytes an entry compressed, and 0.1 s to write. */
const FULL = 4096

/** The manifests that the next commit should merge, oldest first; empty when no class is full. */
export function planMerge(rows: readonly ManifestRow[], specId: number): readonly ManifestRow[] {
  const classes = new Map<number, ManifestRow[]>()
  // Lists are newest first; merging the oldest keeps days together.
  for (const row of rows.toReversed()) {
    const entries = row.added_files_count + row.existing_files_count
    const ours = row.content === 0 && row.partition_spec_id === specId && !row.key_metadata
    if (!ours || !(entries < FULL)) continue
    const size = entries < FAN_IN ? 0 : entries < FAN_IN * FAN_IN ? 1 : 2
    const alike = classes.get(size) ?? []
    alike.push(row)
    classes.set(size, alike)
  }
  for (const size of [0, 1, 2]) {
    const alike = classes.get(size) ?? []
    if (alike.length >= FAN_IN) return fitting(alike)
  }
  return []
}

/** As many of the oldest as fit into a full manifest; none unless that makes fewer of them. */
function fitting(alike: readonly ManifestRow[]): readonly ManifestRow[] {
  let entries = 0
  const chosen: ManifestRow[] = []
  for (const row of alike.slice(0, FAN_IN)) {
    entries += row.added_files_count + row.existing_files_count
    if (entries > FULL) break
    chosen.push(row)
  }
  return chosen.length < 2 ? [] : chosen
}

/** Entries of merged manifests: no longer new, so everything they inherited is written out (spec, "Manifest Entry Fields"). */
export function existingEntry(entry: ManifestEntry): ManifestEntry {
  return { ...entry, status: EXISTING }
}
