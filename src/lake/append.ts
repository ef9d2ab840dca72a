import { randomInt } from 'node:crypto'
import { dayField, type PartitionSpec } from './day.ts'
import { planExpiry, type Retention } from './expiry.ts'
import { LakeFault } from './faults.ts'
import { addedEntry, encodeManifest, type ManifestEntry } from './manifest.ts'
import { encodeManifestList, manifestRow, type ManifestRow } from './manifest-list.ts'
import { existingEntry, planMerge } from './merging.ts'
import {
  currentSchema,
  currentSnapshot,
  encodeMetadata,
  metadataName,
  nextMetadataLog,
  snapshotById,
  type Snapshot,
  type TableMetadata,
} from './metadata.ts'
import type { DataFile, ObjectStore } from './port.ts'
import { liveEntries, manifestRows, rememberRows, rememberTable, type Table } from './table.ts'
import { unreachableFiles } from './unreachable.ts'

interface AppendOptions extends Retention {
  /** In every file's name; unique to the commit that these files belong to. */
  readonly fileTag: string
  /** Which try this is, from 0: a table that moved is staged again under other names. */
  readonly attempt: number
  /** Chosen once per commit, so that a commit whose answer was lost is recognised; minted where absent. */
  readonly snapshotId?: number
  readonly now: number
}

/** Files of a commit that are durable and that nobody sees until the catalog points to `metadataLocation`. */
export interface Staged {
  readonly metadataLocation: string
  /** What the catalog must still point to when it is moved. */
  readonly baseLocation: string
  readonly snapshotId: number
  /** Everything this call wrote: to be removed when the commit does not come about. */
  readonly written: readonly string[]
  /** What retained snapshots no longer lead to once the commit stands: to be removed after a grace for readers. */
  readonly unreachable: readonly string[]
  readonly totalRows: number
  readonly totalFiles: number
  readonly totalBytes: number
}

/** An id that a double holds exactly and that stays short of 16 digits, so that plain JSON parsing is exact. */
export function mintSnapshotId(): number {
  return randomInt(1, 2 ** 47) * 7 + randomInt(0, 7)
}

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
  options: AppendOptions,
): Promise<Staged> {
  const { metadata: base, location } = table
  if (files.length === 0) throw new LakeFault('table_incompatible', 'an append needs at least one data file')
  const spec = appendableSpec(base)
  const parent = currentSnapshot(base)
  const snapshot = {
    id: options.snapshotId ?? mintSnapshotId(),
    parentId: parent?.['snapshot-id'],
    sequenceNumber: base['last-sequence-number'] + 1,
  }
  if (snapshotById(base, snapshot.id)) {
    throw new LakeFault('table_incompatible', `the table has snapshot ${snapshot.id} already: it was committed`)
  }
  const now = Math.max(options.now, base['last-updated-ms'])
  const tag = options.attempt === 0 ? options.fileTag : `${options.fileTag}-${options.attempt}`

  const before = parent ? await manifestRows(store, parent) : []
  const merged = planMerge(before, spec['spec-id'])
  const manifests: { location: string; body: Uint8Array; row: ManifestRow }[] = []
  const manifest = async (entries: readonly ManifestEntry[]): Promise<void> => {
    const body = await encodeManifest(spec, table.schema, entries)
    const named = { location: `${location}/metadata/${tag}-m${manifests.length}.avro`, bytes: body.length }
    const row = manifestRow({ ...named, specId: spec['spec-id'] }, entries, snapshot)
    manifests.push({ location: named.location, body, row })
  }
  await manifest(files.map((file) => addedEntry(spec, file)))
  if (merged.length > 0) {
    const entries = await Promise.all(merged.map((row) => liveEntries(store, row)))
    await manifest(entries.flat().map(existingEntry))
  }
  const replaced = new Set(merged)
  const rows = [...manifests.map(({ row }) => row), ...before.filter((row) => !replaced.has(row))]

  const expiry = planExpiry(base, options, now)
  const listLocation = `${location}/metadata/snap-${snapshot.id}-${options.attempt}-${options.fileTag}.avro`
  const summary = summarise(parent, before, files)
  const log = nextMetadataLog(base, table.metadataLocation)
  const next = appended(base, expiry.kept, expiry.expired, log.log, {
    'snapshot-id': snapshot.id,
    ...(parent ? { 'parent-snapshot-id': parent['snapshot-id'] } : {}),
    'sequence-number': snapshot.sequenceNumber,
    'timestamp-ms': now,
    'manifest-list': listLocation,
    summary,
    'schema-id': base['current-schema-id'],
  })
  const metadataLocation = `${location}/${metadataName(table.metadataLocation, tag)}`
  const body = encodeMetadata(next)
  const unreachable = [...log.dropped, ...(await unreachableFiles(store, base, expiry, { rows, files }))]

  // All at once: nothing leads to any of them before the catalog does, and a shared folder is synced together.
  const list = await encodeManifestList(rows, snapshot)
  const puts = await Promise.allSettled([
    ...manifests.map((made) => store.put(made.location, made.body)),
    store.put(listLocation, list),
    store.put(metadataLocation, body),
  ])
  // Settled, not raced: after a failure nothing of this call is still being written.
  for (const put of puts) if (put.status === 'rejected') throw put.reason
  rememberRows(store, listLocation, rows)
  rememberTable(store, metadataLocation, next, body.length)
  return {
    metadataLocation,
    baseLocation: table.metadataLocation,
    snapshotId: snapshot.id,
    written: [...manifests.map((made) => made.location), listLocation, metadataLocation],
    unreachable,
    totalRows: Number(summary['total-records']),
    totalFiles: Number(summary['total-data-files']),
    totalBytes: Number(summary['total-files-size']),
  }
}

/** The table's default spec, which must be `day()` of one column: the data files carry a day and nothing else. */
function appendableSpec(base: TableMetadata): PartitionSpec {
  const spec = base['partition-specs'].find((candidate) => candidate['spec-id'] === base['default-spec-id'])
  const field = spec?.fields.length === 1 ? spec.fields[0] : undefined
  if (!spec || field?.transform !== 'day') {
    throw new LakeFault('table_incompatible', 'the table is no longer partitioned by day() of one column')
  }
  dayField(currentSchema(base), field['source-id'])
  return spec
}

/** The base with one snapshot more, fewer old ones, and its logs moved on. Pure. */
function appended(
  base: TableMetadata,
  kept: readonly Snapshot[],
  expired: readonly Snapshot[],
  metadataLog: TableMetadata['metadata-log'] & object,
  snapshot: Snapshot,
): TableMetadata {
  const gone = new Set(expired.map((old) => old['snapshot-id']))
  const id = snapshot['snapshot-id']
  const keptStatistics = (files: TableMetadata['statistics']) => files?.filter((file) => !gone.has(file['snapshot-id']))
  const partitionStatistics = keptStatistics(base['partition-statistics'])
  return {
    ...base,
    'last-sequence-number': snapshot['sequence-number'],
    'last-updated-ms': snapshot['timestamp-ms'],
    'current-snapshot-id': id,
    refs: { ...base.refs, main: { ...base.refs?.['main'], 'snapshot-id': id, type: 'branch' } },
    snapshots: [...kept, snapshot],
    statistics: keptStatistics(base.statistics) ?? [],
    ...(partitionStatistics ? { 'partition-statistics': partitionStatistics } : {}),
    'snapshot-log': [
      ...(base['snapshot-log'] ?? []).filter((entry) => !gone.has(entry['snapshot-id'])),
      { 'timestamp-ms': snapshot['timestamp-ms'], 'snapshot-id': id },
    ],
    'metadata-log': metadataLog,
  }
}

/** A snapshot's summary (spec, "Optional Snapshot Summary Fields"): what was added, and the new totals. */
function summarise(
  parent: Snapshot | undefined,
  before: readonly ManifestRow[],
  files: readonly DataFile[],
): Record<string, string> {
  const added = { files: files.length, rows: sum(files, (file) => file.rows), bytes: sum(files, (file) => file.bytes) }
  const data = before.filter((row) => row.content === 0)
  // Foreign writers may leave totals out; files and rows can be told from the list, bytes cannot.
  const total = (key: string, otherwise: () => number): number => {
    const known = Number(parent?.summary?.[key])
    return parent === undefined ? 0 : Number.isSafeInteger(known) ? known : otherwise()
  }
  const rows = total('total-records', () => sum(data, (row) => row.added_rows_count + row.existing_rows_count))
  const count = total('total-data-files', () => sum(data, (row) => row.added_files_count + row.existing_files_count))
  const bytes = total('total-files-size', () => 0)
  return {
    operation: 'append',
    'added-data-files': String(added.files),
    'added-records': String(added.rows),
    'added-files-size': String(added.bytes),
    'changed-partition-count': String(new Set(files.map((file) => file.day)).size),
    'total-records': String(rows + added.rows),
    'total-files-size': String(bytes + added.bytes),
    'total-data-files': String(count + added.files),
    'total-delete-files': String(total('total-delete-files', () => 0)),
    'total-position-deletes': String(total('total-position-deletes', () => 0)),
    'total-equality-deletes': String(total('total-equality-deletes', () => 0)),
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
