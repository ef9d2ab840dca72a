import { randomInt } from 'node:crypto'
import { dayField, type PartitionSpec } from './day.ts'
import { planExpiry, type Retention } from './expiry.ts'
import { LakeFault } from './faults.ts'
import { encodeManifest, type ManifestEntry } from './manifest.ts'
import { encodeManifestList, manifestRow, type ManifestRow } from './manifest-list.ts'
import {
  currentSchema,
  currentSnapshot,
  encodeMetadata,
  metadataName,
  nextMetadataLog,
  snapshotById,
  type Snapshot,
  type SnapshotId,
  type TableMetadata,
} from './metadata.ts'
import type { DataFile, ObjectStore } from './port.ts'
import { manifestRows, rememberRows, rememberTable, type Table } from './table.ts'
import { unreachableFiles } from './unreachable.ts'

export interface StageOptions extends Retention {
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
  /** Snapshots that the table retains, this one included, and the size of its metadata file. */
  readonly snapshots: number
  readonly metadataBytes: number
}

/** What a snapshot to come stands on. */
export interface Footing {
  readonly spec: PartitionSpec
  readonly parent: Snapshot | undefined
  /** The parent's manifests. */
  readonly before: readonly ManifestRow[]
  readonly snapshot: {
    readonly id: number
    readonly parentId: SnapshotId | undefined
    readonly sequenceNumber: number
  }
}

/** How a snapshot differs from its parent. */
interface Change {
  /** New manifests, in the list's order. */
  readonly manifests: readonly (readonly ManifestEntry[])[]
  /** Manifests of the parent that stay as they are. */
  readonly carried: readonly ManifestRow[]
  /** Data files that the parent does not have. */
  readonly added: readonly DataFile[]
  readonly summary: Readonly<Record<string, string>>
}

/** An id that a double holds exactly and that stays short of 16 digits, so that plain JSON parsing is exact. */
export function mintSnapshotId(): number {
  return randomInt(1, 2 ** 47) * 7 + randomInt(0, 7)
}

/**
 * Looks at the table that a snapshot is to be added to. Throws `LakeFault`: `table_incompatible` where the table is not
 * partitioned by `day()` of one column, or already has a snapshot of that id; `table_unreadable`, or the store's faults.
 */
export async function footing(
  store: ObjectStore,
  { metadata: base }: Table,
  { snapshotId }: Pick<StageOptions, 'snapshotId'>,
): Promise<Footing> {
  const spec = daySpecOf(base)
  const parent = currentSnapshot(base)
  const id = snapshotId ?? mintSnapshotId()
  if (snapshotById(base, id)) {
    throw new LakeFault('table_incompatible', `the table has snapshot ${id} already: it was committed`)
  }
  return {
    spec,
    parent,
    before: parent ? await manifestRows(store, parent) : [],
    snapshot: { id, parentId: parent?.['snapshot-id'], sequenceNumber: base['last-sequence-number'] + 1 },
  }
}

/** The table's default spec, which must be `day()` of one column: the data files carry a day and nothing else. */
function daySpecOf(base: TableMetadata): PartitionSpec {
  const spec = base['partition-specs'].find((candidate) => candidate['spec-id'] === base['default-spec-id'])
  const field = spec?.fields.length === 1 ? spec.fields[0] : undefined
  if (!spec || field?.transform !== 'day') {
    throw new LakeFault('table_incompatible', 'the table is no longer partitioned by day() of one column')
  }
  dayField(currentSchema(base), field['source-id'])
  return spec
}

/**
 * Writes a snapshot's manifests, list and metadata, all durable when it resolves; expires snapshots beyond the retention and
 * bounds the logs. Nothing is committed. What was written when it throws stays behind under names with the file tag.
 */
export async function stageSnapshot(
  store: ObjectStore,
  table: Table,
  { spec, parent, snapshot }: Footing,
  change: Change,
  options: StageOptions,
): Promise<Staged> {
  const { metadata: base, location } = table
  const now = Math.max(options.now, base['last-updated-ms'])
  const tag = options.attempt === 0 ? options.fileTag : `${options.fileTag}-${options.attempt}`
  const manifests = await Promise.all(
    change.manifests.map(async (entries, n) => {
      const body = await encodeManifest(spec, table.schema, entries)
      const named = { location: `${location}/metadata/${tag}-m${n}.avro`, bytes: body.length }
      return {
        location: named.location,
        body,
        row: manifestRow({ ...named, specId: spec['spec-id'] }, entries, snapshot),
      }
    }),
  )
  const rows = [...manifests.map(({ row }) => row), ...change.carried]

  const expiry = planExpiry(base, options, now)
  const listLocation = `${location}/metadata/snap-${snapshot.id}-${options.attempt}-${options.fileTag}.avro`
  const log = nextMetadataLog(base, table.metadataLocation)
  const next = grown(base, expiry.kept, expiry.expired, log.log, {
    'snapshot-id': snapshot.id,
    ...(parent ? { 'parent-snapshot-id': parent['snapshot-id'] } : {}),
    'sequence-number': snapshot.sequenceNumber,
    'timestamp-ms': now,
    'manifest-list': listLocation,
    summary: change.summary,
    'schema-id': base['current-schema-id'],
  })
  const metadataLocation = `${location}/${metadataName(table.metadataLocation, tag)}`
  const body = encodeMetadata(next)
  const unreachable = [...log.dropped, ...(await unreachableFiles(store, base, expiry, { rows, files: change.added }))]

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
    totalRows: Number(change.summary['total-records']),
    totalFiles: Number(change.summary['total-data-files']),
    totalBytes: Number(change.summary['total-files-size']),
    snapshots: next.snapshots?.length ?? 0,
    metadataBytes: body.length,
  }
}

/** The base with one snapshot more, fewer old ones, and its logs moved on. Pure. */
function grown(
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

/** A snapshot's totals before a change, by the keys of its summary. */
interface Totals {
  readonly rows: number
  readonly files: number
  readonly bytes: number
}

/** What a summary says when so many rows, files and bytes come (or, below zero, go): its operation's own members, and the new totals (spec, "Optional Snapshot Summary Fields"). */
export function summary(
  { parent, before }: Pick<Footing, 'parent' | 'before'>,
  own: Readonly<Record<string, string>>,
  more: Totals,
): Record<string, string> {
  const data = before.filter((row) => row.content === 0)
  // Foreign writers may leave totals out; files and rows can be told from the list, bytes cannot.
  const total = (key: string, otherwise: () => number): number => {
    const known = Number(parent?.summary?.[key])
    return parent === undefined ? 0 : Number.isSafeInteger(known) ? known : otherwise()
  }
  const rows = total('total-records', () => sum(data, (row) => row.added_rows_count + row.existing_rows_count))
  const files = total('total-data-files', () => sum(data, (row) => row.added_files_count + row.existing_files_count))
  const bytes = total('total-files-size', () => 0)
  return {
    ...own,
    'total-records': String(rows + more.rows),
    'total-files-size': String(Math.max(0, bytes + more.bytes)),
    'total-data-files': String(files + more.files),
    'total-delete-files': String(total('total-delete-files', () => 0)),
    'total-position-deletes': String(total('total-position-deletes', () => 0)),
    'total-equality-deletes': String(total('total-equality-deletes', () => 0)),
  }
}

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
