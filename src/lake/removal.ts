import { LakeFault } from './faults.ts'
import { DELETED, dataFileOf, type ManifestEntry } from './manifest.ts'
import { daysOf, type ManifestRow } from './manifest-list.ts'
import { existingEntry } from './merging.ts'
import type { DataFile, ObjectStore } from './port.ts'
import { footing, stageSnapshot, sum, summary, type Footing, type StageOptions, type Staged } from './stage.ts'
import { liveEntries, type Table } from './table.ts'

export interface StagedRemoval extends Staged {
  readonly removedRows: number
  readonly removedFiles: number
}

/**
 * Stages a delete of every data file whose day lies before `beforeDay` (days since 1970-01-01): whole files, by their partition
 * alone, so that no row is read. Manifests with such files are written anew with what stays as EXISTING and what goes as DELETED
 * (spec, "Manifest Entry Fields"); the files themselves stay where they are until the last snapshot that has them expires.
 * Undefined where there are none. Throws `LakeFault`: `table_incompatible` where the table is not partitioned by `day()`
 * alone or has delete files, which would outlive the rows they mean; otherwise as `stageAppend`.
 */
export async function stageRemoval(
  store: ObjectStore,
  table: Table,
  beforeDay: number,
  options: StageOptions,
): Promise<StagedRemoval | undefined> {
  const onto = await footing(store, table, options)
  const plan = await planRemoval(store, onto, beforeDay)
  if (plan.gone.length === 0) return undefined
  const rows = sum(plan.gone, (file) => file.rows)
  const bytes = sum(plan.gone, (file) => file.bytes)
  const own = {
    operation: 'delete',
    'deleted-data-files': String(plan.gone.length),
    'deleted-records': String(rows),
    'removed-files-size': String(bytes),
    'changed-partition-count': String(new Set(plan.gone.map((file) => file.day)).size),
  }
  const change = {
    manifests: plan.rewritten,
    carried: plan.carried,
    added: [],
    summary: summary(onto, own, { rows: -rows, files: -plan.gone.length, bytes: -bytes }),
  }
  const staged = await stageSnapshot(store, table, onto, change, options)
  return { ...staged, removedRows: rows, removedFiles: plan.gone.length }
}

interface RemovalPlan {
  readonly gone: readonly DataFile[]
  readonly rewritten: readonly (readonly ManifestEntry[])[]
  readonly carried: readonly ManifestRow[]
}

/** Reads the manifests that may have such files, and only those. */
async function planRemoval(store: ObjectStore, onto: Footing, beforeDay: number): Promise<RemovalPlan> {
  const gone: DataFile[] = []
  const rewritten: ManifestEntry[][] = []
  const carried: ManifestRow[] = []
  for (const row of onto.before) {
    if (row.content !== 0) throw new LakeFault('table_incompatible', 'the snapshot has delete files')
    if (row.partition_spec_id !== onto.spec['spec-id'])
      throw new LakeFault('table_incompatible', 'the snapshot has files of another partitioning')
    const days = daysOf(row)
    const entries = days !== undefined && days.from >= beforeDay ? [] : await liveEntries(store, row)
    const leaving = entries.filter((entry) => dataFileOf(entry.data_file).day < beforeDay)
    if (leaving.length === 0) {
      // One of nothing but deletions is the last snapshot's own.
      if (row.added_files_count !== 0 || row.existing_files_count !== 0) carried.push(row)
      continue
    }
    const left = new Set(leaving)
    rewritten.push(entries.map((entry) => (left.has(entry) ? deletedEntry(entry, onto) : existingEntry(entry))))
    gone.push(...leaving.map((entry) => dataFileOf(entry.data_file)))
  }
  return { gone, rewritten, carried }
}

/** The snapshot named is the one that deletes; the sequence numbers stay those that the file came with. */
function deletedEntry(entry: ManifestEntry, { snapshot }: Footing): ManifestEntry {
  return { ...entry, status: DELETED, snapshot_id: snapshot.id }
}
