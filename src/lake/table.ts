import { LakeFault } from './faults.ts'
import { decodeManifest, DELETED, type ManifestEntry } from './manifest.ts'
import { decodeManifestList, type ManifestRow } from './manifest-list.ts'
import { memoryOf } from './memory.ts'
import {
  currentSchema,
  currentSnapshot,
  encodeMetadata,
  metadataName,
  newMetadata,
  parseMetadata,
  type NewTable,
  type Snapshot,
  type SnapshotId,
  type TableMetadata,
} from './metadata.ts'
import type { ObjectStore } from './port.ts'
import type { Schema } from './schema.ts'

export interface SnapshotFacts {
  readonly id: SnapshotId
  readonly committedAtMs: number
  readonly totalRows: number
  readonly totalFiles: number
  readonly totalBytes: number
}

/** A table at one metadata file: immutable, shared, not to be changed. */
export interface Table {
  readonly metadataLocation: string
  readonly location: string
  readonly uuid: string
  readonly schema: Schema
  readonly lastColumnId: number
  readonly currentSnapshotId: SnapshotId | undefined
  /** The current snapshot's totals; undefined for a table that never had a row. */
  readonly snapshot: SnapshotFacts | undefined
  /** All retained snapshots, oldest first. */
  readonly snapshots: readonly SnapshotFacts[]
  readonly metadata: TableMetadata
}

/**
 * Writes the first metadata of an empty table partitioned by `day()` of a required timestamptz
 * column; durable when it resolves. The table exists for readers once the catalog points to it.
 */
export async function createTable(
  store: ObjectStore,
  table: Omit<NewTable, 'properties'> & {
    readonly fileTag: string
    readonly properties?: Readonly<Record<string, string>>
  },
): Promise<{ readonly metadataLocation: string; readonly written: readonly string[] }> {
  const metadata = newMetadata({ ...table, properties: table.properties ?? {} })
  const metadataLocation = `${table.location}/${metadataName(undefined, table.fileTag)}`
  const body = encodeMetadata(metadata)
  await store.put(metadataLocation, body)
  rememberTable(store, metadataLocation, metadata, body.length)
  return { metadataLocation, written: [metadataLocation] }
}

/**
 * The table at a metadata file. A file once read is not read again.
 * Throws `LakeFault`: `object_missing`, `table_unreadable`, or the store's own faults.
 */
export async function loadTable(store: ObjectStore, metadataLocation: string): Promise<Table> {
  const known = memoryOf(store).tables.get(metadataLocation)
  if (known) return known
  const body = await store.get(metadataLocation)
  return rememberTable(store, metadataLocation, parseMetadata(body, metadataLocation), body.length)
}

/** Builds and remembers the table of a metadata file that was just written or read. */
export function rememberTable(store: ObjectStore, location: string, metadata: TableMetadata, bytes: number): Table {
  const current = currentSnapshot(metadata)
  const table: Table = {
    metadataLocation: location,
    location: metadata.location.replace(/\/+$/, ''),
    uuid: metadata['table-uuid'],
    schema: currentSchema(metadata),
    lastColumnId: metadata['last-column-id'],
    currentSnapshotId: current?.['snapshot-id'],
    snapshot: current && factsOf(current),
    snapshots: (metadata.snapshots ?? []).map(factsOf),
    metadata,
  }
  memoryOf(store).tables.set(location, table, bytes)
  return table
}

/** A snapshot's totals, as its summary has them. */
export function factsOf(snapshot: Snapshot): SnapshotFacts {
  const total = (key: string): number => Number(snapshot.summary?.[key] ?? 0)
  return {
    id: snapshot['snapshot-id'],
    committedAtMs: snapshot['timestamp-ms'],
    totalRows: total('total-records'),
    totalFiles: total('total-data-files'),
    totalBytes: total('total-files-size'),
  }
}

/** The manifests of a snapshot, newest first as the list has them. */
export async function manifestRows(store: ObjectStore, snapshot: Snapshot): Promise<readonly ManifestRow[]> {
  const memory = memoryOf(store)
  const location = snapshot['manifest-list']
  const known = memory.lists.get(location)
  if (known) return known
  if (!location) throw new LakeFault('table_unreadable', `snapshot ${snapshot['snapshot-id']} has no manifest list`)
  const body = await store.get(location)
  const rows = await decodeManifestList(body, location)
  rememberRows(store, location, rows)
  return rows
}

export function rememberRows(store: ObjectStore, location: string, rows: readonly ManifestRow[]): void {
  const memory = memoryOf(store)
  memory.lists.set(location, rows, 300 * (rows.length + 1))
  memory.reach.set(
    location,
    rows.map((row) => row.manifest_path),
    40 + 8 * rows.length,
  )
}

/** The manifests' locations of a snapshot: what reachability needs, kept in far less memory. */
export async function manifestPaths(store: ObjectStore, snapshot: Snapshot): Promise<readonly string[]> {
  const known = memoryOf(store).reach.get(snapshot['manifest-list'])
  return known ?? (await manifestRows(store, snapshot)).map((row) => row.manifest_path)
}

/**
 * The live entries of a manifest, with what they inherit from its row in the list filled in (spec,
 * "Sequence Number Inheritance").
 */
export async function liveEntries(store: ObjectStore, row: ManifestRow): Promise<readonly ManifestEntry[]> {
  const memory = memoryOf(store)
  const known = memory.manifests.get(row.manifest_path)
  if (known) return known
  const { entries, rawBytes } = await decodeManifest(await store.get(row.manifest_path), row.manifest_path)
  const live = entries.filter((entry) => entry.status !== DELETED).map((entry) => inherit(entry, row))
  memory.manifests.set(row.manifest_path, live, rawBytes + 100)
  return live
}

export function inherit(entry: ManifestEntry, row: ManifestRow): ManifestEntry {
  return {
    status: entry.status,
    snapshot_id: entry.snapshot_id ?? row.added_snapshot_id,
    sequence_number: entry.sequence_number ?? row.sequence_number,
    file_sequence_number: entry.file_sequence_number ?? row.sequence_number,
    data_file: entry.data_file,
  }
}
