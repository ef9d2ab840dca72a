import { decodeAvro, encodeAvro } from './avro.ts'
import { LakeFault } from './faults.ts'
import { ADDED, DELETED, type ManifestEntry } from './manifest.ts'
import type { SnapshotId } from './metadata.ts'

/** Manifest lists (spec v2, "Manifest Lists"): the manifests of one snapshot, with what planning needs to skip them. */

interface PartitionSummary {
  readonly contains_null: boolean
  readonly contains_nan?: boolean | null
  readonly lower_bound?: Buffer | null
  readonly upper_bound?: Buffer | null
}

export interface ManifestRow {
  readonly manifest_path: string
  readonly manifest_length: number
  readonly partition_spec_id: number
  readonly content: number
  readonly sequence_number: number
  readonly min_sequence_number: number
  readonly added_snapshot_id: SnapshotId
  readonly added_files_count: number
  readonly existing_files_count: number
  readonly deleted_files_count: number
  readonly added_rows_count: number
  readonly existing_rows_count: number
  readonly deleted_rows_count: number
  readonly partitions?: readonly PartitionSummary[] | null
  readonly key_metadata?: Buffer | null
}

const column = (name: string, type: string, id: number) => ({ name, type, 'field-id': id })

const LIST_SCHEMA = JSON.stringify({
  type: 'record',
  name: 'manifest_file',
  fields: [
    column('manifest_path', 'string', 500),
    column('manifest_length', 'long', 501),
    column('partition_spec_id', 'int', 502),
    column('content', 'int', 517),
    column('sequence_number', 'long', 515),
    column('min_sequence_number', 'long', 516),
    column('added_snapshot_id', 'long', 503),
    column('added_files_count', 'int', 504),
    column('existing_files_count', 'int', 505),
    column('deleted_files_count', 'int', 506),
    column('added_rows_count', 'long', 512),
    column('existing_rows_count', 'long', 513),
    column('deleted_rows_count', 'long', 514),
    {
      name: 'partitions',
      type: [
        'null',
        {
          type: 'array',
          'element-id': 508,
          items: {
            type: 'record',
            name: 'r508',
            fields: [
              column('contains_null', 'boolean', 509),
              { name: 'contains_nan', type: ['null', 'boolean'], default: null, 'field-id': 518 },
              { name: 'lower_bound', type: ['null', 'bytes'], default: null, 'field-id': 510 },
              { name: 'upper_bound', type: ['null', 'bytes'], default: null, 'field-id': 511 },
            ],
          },
        },
      ],
      default: null,
      'field-id': 507,
    },
    { name: 'key_metadata', type: ['null', 'bytes'], default: null, 'field-id': 519 },
  ],
})

/** Encodes the list of a snapshot. */
export function encodeManifestList(
  rows: readonly ManifestRow[],
  snapshot: { readonly id: SnapshotId; readonly parentId: SnapshotId | undefined; readonly sequenceNumber: number },
): Promise<Uint8Array> {
  return encodeAvro(LIST_SCHEMA, rows, {
    'snapshot-id': String(snapshot.id),
    'parent-snapshot-id': snapshot.parentId === undefined ? 'null' : String(snapshot.parentId),
    'sequence-number': String(snapshot.sequenceNumber),
    'format-version': '2',
  })
}

/** Decodes a list of any writer, v1 lists included (their counts may be null there, content is data). */
export async function decodeManifestList(bytes: Uint8Array, name: string): Promise<readonly ManifestRow[]> {
  const file = await decodeAvro<ManifestRow>(bytes, name)
  const isRow = ({ manifest_path: path, partition_spec_id: spec }: ManifestRow): boolean =>
    typeof path === 'string' && typeof spec === 'number'
  if (!file.records.every(isRow)) throw new LakeFault('table_unreadable', `${name} lists what is no manifest`)
  return file.records.map((row) => ({ ...row, content: row.content ?? 0 }))
}

/** Describes a manifest for the list: counts and the range of days that its entries cover. */
export function manifestRow(
  manifest: { readonly location: string; readonly bytes: number; readonly specId: number },
  entries: readonly ManifestEntry[],
  snapshot: { readonly id: SnapshotId; readonly sequenceNumber: number },
): ManifestRow {
  const count = { added: 0, existing: 0, deleted: 0 }
  const rows = { added: 0, existing: 0, deleted: 0 }
  let least = Infinity
  let most = -Infinity
  let minSequence = snapshot.sequenceNumber
  for (const entry of entries) {
    const state = entry.status === ADDED ? 'added' : entry.status === DELETED ? 'deleted' : 'existing'
    count[state] += 1
    rows[state] += entry.data_file.record_count
    const day = Object.values(entry.data_file.partition)[0] as number
    least = Math.min(least, day)
    most = Math.max(most, day)
    if (state !== 'deleted') minSequence = Math.min(minSequence, entry.sequence_number ?? snapshot.sequenceNumber)
  }
  return {
    manifest_path: manifest.location,
    manifest_length: manifest.bytes,
    partition_spec_id: manifest.specId,
    content: 0,
    sequence_number: snapshot.sequenceNumber,
    min_sequence_number: minSequence,
    added_snapshot_id: snapshot.id,
    added_files_count: count.added,
    existing_files_count: count.existing,
    deleted_files_count: count.deleted,
    added_rows_count: rows.added,
    existing_rows_count: rows.existing,
    deleted_rows_count: rows.deleted,
    partitions: [{ contains_null: false, contains_nan: false, lower_bound: int32(least), upper_bound: int32(most) }],
    key_metadata: null,
  }
}

/** The days that a manifest covers; undefined where it does not say. */
export function daysOf(row: ManifestRow): { readonly from: number; readonly to: number } | undefined {
  const summary = row.partitions?.[0]
  const [from, to] = [summary?.lower_bound, summary?.upper_bound]
  // A bound of another length is not a day's: nothing is known of what the manifest covers.
  if (from?.length !== 4 || to?.length !== 4 || summary?.contains_null) return undefined
  return { from: from.readInt32LE(0), to: to.readInt32LE(0) }
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes
}
