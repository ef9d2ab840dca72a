import { daySpec, FIRST_PARTITION_ID, type PartitionSpec } from './day.ts'
import { LakeFault } from './faults.ts'
import { parseExact, stringifyExact } from './json-integers.ts'
import { metadataFault } from './metadata-shape.ts'
import type { Schema } from './schema.ts'

/** Table metadata (spec v2, "Table Metadata"), as plain data: every function here is pure. */

/** Ours are numbers below 10^15; tables that others wrote to may have 63-bit ids. */
export type SnapshotId = number | bigint

export interface Snapshot {
  readonly 'snapshot-id': SnapshotId
  readonly 'parent-snapshot-id'?: SnapshotId
  readonly 'sequence-number': number
  readonly 'timestamp-ms': number
  readonly 'manifest-list': string
  readonly summary?: Readonly<Record<string, string>>
  readonly 'schema-id'?: number
}

export interface SnapshotRef {
  readonly 'snapshot-id': SnapshotId
  readonly type: 'branch' | 'tag'
}

interface StatisticsFile {
  readonly 'snapshot-id': SnapshotId
  readonly 'statistics-path': string
}

export interface TableMetadata {
  readonly 'format-version': number
  readonly 'table-uuid': string
  readonly location: string
  readonly 'last-sequence-number': number
  readonly 'last-updated-ms': number
  readonly 'last-column-id': number
  readonly 'current-schema-id': number
  readonly schemas: readonly Schema[]
  readonly 'default-spec-id': number
  readonly 'partition-specs': readonly PartitionSpec[]
  readonly 'last-partition-id': number
  readonly 'default-sort-order-id': number
  readonly 'sort-orders': readonly unknown[]
  readonly properties?: Readonly<Record<string, string>>
  readonly 'current-snapshot-id'?: SnapshotId | null
  readonly refs?: Readonly<Record<string, SnapshotRef>>
  readonly snapshots?: readonly Snapshot[]
  readonly statistics?: readonly StatisticsFile[]
  readonly 'partition-statistics'?: readonly StatisticsFile[]
  readonly 'snapshot-log'?: readonly { readonly 'timestamp-ms': number; readonly 'snapshot-id': SnapshotId }[]
  readonly 'metadata-log'?: readonly { readonly 'timestamp-ms': number; readonly 'metadata-file': string }[]
}

/** How many earlier metadata files a table remembers, unless its properties say otherwise. */
const METADATA_LOG_LENGTH = 32
const METADATA_LOG_PROPERTY = 'write.metadata.previous-versions-max'

export interface NewTable {
  readonly location: string
  readonly tableUuid: string
  readonly schema: Schema
  readonly lastColumnId: number
  readonly dayFieldId: number
  readonly properties: Readonly<Record<string, string>>
  readonly now: number
}

/** The metadata of an empty table. */
export function newMetadata(table: NewTable): TableMetadata {
  return {
    'format-version': 2,
    'table-uuid': table.tableUuid,
    location: table.location,
    'last-sequence-number': 0,
    'last-updated-ms': table.now,
    'last-column-id': table.lastColumnId,
    'current-schema-id': table.schema['schema-id'],
    schemas: [table.schema],
    'default-spec-id': 0,
    'partition-specs': [daySpec(table.schema, table.dayFieldId)],
    'last-partition-id': FIRST_PARTITION_ID,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { [METADATA_LOG_PROPERTY]: String(METADATA_LOG_LENGTH), ...table.properties },
    'current-snapshot-id': -1, // what v2 writers have always written for none
    refs: {},
    snapshots: [],
    statistics: [],
    'snapshot-log': [],
    'metadata-log': [],
  }
}

/** Reads metadata JSON. Throws `LakeFault('table_unreadable')` for what is not a v2 table. */
export function parseMetadata(bytes: Uint8Array, location: string): TableMetadata {
  let parsed: Partial<TableMetadata>
  try {
    parsed = parseExact(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as TableMetadata
  } catch (error) {
    throw new LakeFault('table_unreadable', `${location} is not JSON: ${(error as Error).message}`, error)
  }
  if (parsed?.['format-version'] !== 2) {
    throw new LakeFault('table_unreadable', `${location} has format version ${parsed?.['format-version']}, not 2`)
  }
  const fault = metadataFault(parsed)
  if (fault !== undefined) throw new LakeFault('table_unreadable', `${location} is damaged: ${fault}`)
  return parsed as TableMetadata
}

export function encodeMetadata(metadata: TableMetadata): Uint8Array {
  return Buffer.from(stringifyExact(metadata), 'utf8')
}

export function currentSchema(metadata: TableMetadata): Schema {
  return schemaById(metadata, metadata['current-schema-id'])
}

export function schemaById(metadata: TableMetadata, id: number): Schema {
  const schema = metadata.schemas.find((candidate) => candidate['schema-id'] === id)
  if (!schema) throw new LakeFault('table_unreadable', `the table's metadata has no schema ${id}`)
  return schema
}

export function snapshotById(metadata: TableMetadata, id: SnapshotId): Snapshot | undefined {
  return metadata.snapshots?.find((snapshot) => snapshot['snapshot-id'] === id)
}

/** The current snapshot; undefined for a table without one (null, absent, or the older -1). */
export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  const id = metadata['current-snapshot-id']
  return id === null || id === undefined || id === -1 ? undefined : snapshotById(metadata, id)
}

/** The log with the base's own file added, and the files that fall off its end. */
export function nextMetadataLog(base: TableMetadata, baseLocation: string) {
  const most = Number(base.properties?.[METADATA_LOG_PROPERTY])
  const length = Number.isSafeInteger(most) && most >= 1 ? Math.min(most, 100) : METADATA_LOG_LENGTH
  const all = [
    ...(base['metadata-log'] ?? []),
    { 'timestamp-ms': base['last-updated-ms'], 'metadata-file': baseLocation },
  ]
  const log = all.slice(-length)
  return { log, dropped: all.slice(0, all.length - log.length).map((entry) => entry['metadata-file']) }
}

/** `metadata/{version}-{tag}.metadata.json`, the version one above the base's. */
export function metadataName(baseLocation: string | undefined, tag: string): string {
  const before = baseLocation === undefined ? -1 : Number(/(\d+)-[^/]*$/.exec(baseLocation)?.[1] ?? 0)
  return `metadata/${String(before + 1).padStart(5, '0')}-${tag}.metadata.json`
}
