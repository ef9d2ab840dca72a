import { LakeFault } from './faults.ts'
import { formerNames, type FormerNames } from './former-names.ts'
import { dataFileOf } from './manifest.ts'
import { daysOf } from './manifest-list.ts'
import { currentSnapshot, schemaById, snapshotById, type SnapshotId } from './metadata.ts'
import type { DataFile, ObjectStore } from './port.ts'
import type { Schema } from './schema.ts'
import { factsOf, liveEntries, manifestRows, type SnapshotFacts, type Table } from './table.ts'

interface ScanPlan {
  /** Undefined for a table that never had a row. */
  readonly snapshot: SnapshotFacts | undefined
  /** The snapshot's own schema, the current one where it does not say. */
  readonly schema: Schema
  /** What members of structs were called in files that are older than their names. */
  readonly formerNames: FormerNames
  /** Live data files with their bounds, newest manifest first. */
  readonly files: readonly DataFile[]
}

/**
 * The data files of a snapshot, the current one where none is named; manifests are read once and remembered. `days` leaves
 * out what lies outside. Throws `LakeFault`: `unknown_snapshot`; `table_incompatible` where rows were deleted by delete files,
 * which this room cannot apply.
 */
export async function planScan(
  store: ObjectStore,
  table: Table,
  snapshotId?: SnapshotId,
  days?: { readonly from: number; readonly to: number },
): Promise<ScanPlan> {
  const { metadata } = table
  const snapshot = snapshotId === undefined ? currentSnapshot(metadata) : snapshotById(metadata, snapshotId)
  if (snapshot === undefined) {
    if (snapshotId !== undefined) throw new LakeFault('unknown_snapshot', `the table has no snapshot ${snapshotId}`)
    return { snapshot: undefined, schema: table.schema, formerNames: new Map(), files: [] }
  }
  const schema =
    snapshotId === undefined || snapshot['schema-id'] === undefined
      ? table.schema
      : schemaById(metadata, snapshot['schema-id'])
  const inside = (from: number, to: number): boolean => days === undefined || (to >= days.from && from <= days.to)
  const files: DataFile[] = []
  for (const row of await manifestRows(store, snapshot)) {
    if (row.content !== 0) throw new LakeFault('table_incompatible', 'the snapshot has delete files')
    const covers = daysOf(row)
    if (covers && !inside(covers.from, covers.to)) continue
    for (const entry of await liveEntries(store, row)) {
      const file = dataFileOf(entry.data_file)
      if (inside(file.day, file.day)) files.push(file)
    }
  }
  return { snapshot: factsOf(snapshot), schema, formerNames: formerNames(metadata), files }
}
