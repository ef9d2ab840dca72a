import { LakeFault } from './faults.ts'
import { addedEntry } from './manifest.ts'
import type { ManifestRow } from './manifest-list.ts'
import { existingEntry, planMerge } from './merging.ts'
import type { DataFile, ObjectStore } from './port.ts'
import { footing, stageSnapshot, sum, summary, type StageOptions, type Staged } from './stage.ts'
import { liveEntries, type Table } from './table.ts'

/**
 * Stages an append of data files to a table: plans it from the base (merging manifests where a size class is full, expiring
 * snapshots beyond the retention, bounding the log), then writes manifests, list and metadata, all durable when it resolves.
 * Nothing is committed. When the catalog has moved on meanwhile, load the table again and stage the same files with `attempt + 1`.
 * Throws `LakeFault`: `table_incompatible` where the table is no longer partitioned as the files are,
 * `table_unreadable`, or the store's faults; what was written by then stays behind under names with the file tag.
 */
export async function stageAppend(
  store: ObjectStore,
  table: Table,
  files: readonly DataFile[],
  options: StageOptions,
): Promise<Staged> {
  if (files.length === 0) throw new LakeFault('table_incompatible', 'an append needs at least one data file')
  const onto = await footing(store, table, options)
  const { spec } = onto
  const before = onto.before.filter(hasFiles)
  const merged = planMerge(before, spec['spec-id'])
  const entries = await Promise.all(merged.map((row) => liveEntries(store, row)))
  const replaced = new Set(merged)
  const rows = sum(files, (file) => file.rows)
  const bytes = sum(files, (file) => file.bytes)
  const own = {
    operation: 'append',
    'added-data-files': String(files.length),
    'added-records': String(rows),
    'added-files-size': String(bytes),
    'changed-partition-count': String(new Set(files.map((file) => file.day)).size),
  }
  const change = {
    manifests: [
      files.map((file) => addedEntry(spec, file)),
      ...(merged.length > 0 ? [entries.flat().map(existingEntry)] : []),
    ],
    carried: before.filter((row) => !replaced.has(row)),
    added: files,
    summary: summary(onto, own, { rows, files: files.length, bytes }),
  }
  return await stageSnapshot(store, table, onto, change, options)
}

/**
 * A manifest of nothing but deletions tells of the snapshot that made them, and no later one needs it. (Lists of format
 * version 1 may not say how many files there are: those stay.)
 */
const hasFiles = (row: ManifestRow): boolean => row.added_files_count !== 0 || row.existing_files_count !== 0
