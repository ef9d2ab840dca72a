import { decodeAvro, encodeAvro } from './avro.ts'
import type { PartitionSpec } from './day.ts'
import { LakeFault } from './faults.ts'
import { stringifyExact } from './json-integers.ts'
import type { SnapshotId } from './metadata.ts'
import type { DataFile } from './port.ts'
import type { Schema } from './schema.ts'

/** Manifests (spec v2, "Manifests"): the data files of some commits, each with its state and statistics. */

export const EXISTING = 0
export const ADDED = 1
export const DELETED = 2

interface Pair<V> {
  readonly key: number
  readonly value: V
}

/** `data_file` as Avro holds it; members of foreign writers that we do not name are kept while they fit our schema. */
interface DataFileRecord {
  readonly content: number
  readonly file_path: string
  readonly file_format: string
  readonly partition: Readonly<Record<string, unknown>>
  readonly record_count: number
  readonly file_size_in_bytes: number
  readonly column_sizes?: readonly Pair<number>[] | null
  readonly value_counts?: readonly Pair<number>[] | null
  readonly null_value_counts?: readonly Pair<number>[] | null
  readonly nan_value_counts?: readonly Pair<number>[] | null
  readonly lower_bounds?: readonly Pair<Buffer>[] | null
  readonly upper_bounds?: readonly Pair<Buffer>[] | null
  readonly key_metadata?: Buffer | null
  readonly split_offsets?: readonly number[] | null
  readonly equality_ids?: readonly number[] | null
  readonly sort_order_id?: number | null
}

export interface ManifestEntry {
  readonly status: number
  readonly snapshot_id: SnapshotId | null
  readonly sequence_number: number | null
  readonly file_sequence_number: number | null
  readonly data_file: DataFileRecord
}

function mapOf(name: string, keyId: number, valueId: number, value: string) {
  const fields = [
    { name: 'key', type: 'int', 'field-id': keyId },
    { name: 'value', type: value, 'field-id': valueId },
  ]
  return ['null', { type: 'array', logicalType: 'map', items: { type: 'record', name, fields } }]
}

function listOf(elementId: number, items: string) {
  return ['null', { type: 'array', 'element-id': elementId, items }]
}

/** The Avro schema of entries, with the field ids that the spec fixes. The day is `date`, as the reference writer has it. */
function entrySchema(spec: PartitionSpec) {
  const optional = (name: string, id: number, type: unknown) => ({ name, type, default: null, 'field-id': id })
  const partition = spec.fields.map((field) =>
    optional(field.name, field['field-id'], ['null', { type: 'int', logicalType: 'date' }]),
  )
  const dataFile = [
    { name: 'content', type: 'int', 'field-id': 134 },
    { name: 'file_path', type: 'string', 'field-id': 100 },
    { name: 'file_format', type: 'string', 'field-id': 101 },
    { name: 'partition', type: { type: 'record', name: 'r102', fields: partition }, 'field-id': 102 },
    { name: 'record_count', type: 'long', 'field-id': 103 },
    { name: 'file_size_in_bytes', type: 'long', 'field-id': 104 },
    optional('column_sizes', 108, mapOf('k117_v118', 117, 118, 'long')),
    optional('value_counts', 109, mapOf('k119_v120', 119, 120, 'long')),
    optional('null_value_counts', 110, mapOf('k121_v122', 121, 122, 'long')),
    optional('nan_value_counts', 137, mapOf('k138_v139', 138, 139, 'long')),
    optional('lower_bounds', 125, mapOf('k126_v127', 126, 127, 'bytes')),
    optional('upper_bounds', 128, mapOf('k129_v130', 129, 130, 'bytes')),
    optional('key_metadata', 131, ['null', 'bytes']),
    optional('split_offsets', 132, listOf(133, 'long')),
    optional('equality_ids', 135, listOf(136, 'int')),
    optional('sort_order_id', 140, ['null', 'int']),
  ]
  const fields = [
    { name: 'status', type: 'int', 'field-id': 0 },
    optional('snapshot_id', 1, ['null', 'long']),
    optional('sequence_number', 3, ['null', 'long']),
    optional('file_sequence_number', 4, ['null', 'long']),
    { name: 'data_file', type: { type: 'record', name: 'r2', fields: dataFile }, 'field-id': 2 },
  ]
  return JSON.stringify({ type: 'record', name: 'manifest_entry', fields })
}

/** Encodes a manifest of data files. The header says everything a reader needs without the table's metadata. */
export function encodeManifest(
  spec: PartitionSpec,
  schema: Schema,
  entries: readonly ManifestEntry[],
): Promise<Uint8Array> {
  return encodeAvro(entrySchema(spec), entries, {
    schema: stringifyExact(schema),
    'schema-id': String(schema['schema-id']),
    'partition-spec': stringifyExact(spec.fields),
    'partition-spec-id': String(spec['spec-id']),
    'format-version': '2',
    content: 'data',
  })
}

/** Decodes a manifest of any writer. Throws `LakeFault('table_unreadable')`. */
export async function decodeManifest(bytes: Uint8Array, name: string) {
  const file = await decodeAvro<ManifestEntry>(bytes, name)
  if (!file.records.every(isEntry)) throw new LakeFault('table_unreadable', `${name} lists what is no data file`)
  return { entries: file.records, rawBytes: file.rawBytes }
}

/** The members that nothing can be made of a file without; what a writer's own schema left out is missing here. */
const isEntry = ({ status, data_file: file }: ManifestEntry): boolean =>
  typeof status === 'number' &&
  typeof file?.file_path === 'string' &&
  typeof file.record_count === 'number' &&
  typeof file.file_size_in_bytes === 'number' &&
  typeof file.partition === 'object' &&
  file.partition !== null

/** A new data file as an entry: snapshot id and sequence numbers are inherited from the manifest list. */
export function addedEntry(spec: PartitionSpec, file: DataFile): ManifestEntry {
  return {
    status: ADDED,
    snapshot_id: null,
    sequence_number: null,
    file_sequence_number: null,
    data_file: {
      content: 0,
      file_path: file.location,
      file_format: 'PARQUET',
      partition: Object.fromEntries(spec.fields.map((field) => [field.name, file.day])),
      record_count: file.rows,
      file_size_in_bytes: file.bytes,
      column_sizes: pairs(file.columnSizes),
      value_counts: pairs(file.valueCounts),
      null_value_counts: pairs(file.nullCounts),
      nan_value_counts: pairs(file.nanCounts),
      lower_bounds: pairs(file.lowerBounds, asBuffer),
      upper_bounds: pairs(file.upperBounds, asBuffer),
      key_metadata: null,
      split_offsets: file.splitOffsets === undefined ? null : [...file.splitOffsets],
      equality_ids: null,
      sort_order_id: null,
    },
  }
}

/**
 * An entry's data file as this room's callers see it. Statistics become maps when they are asked for, anew each time: a plan
 * of thousands of files is asked for two of the six (5,760 files of 16 columns: 25 ms instead of 120, measured).
 */
export function dataFileOf(record: DataFileRecord): DataFile {
  const day = Object.values(record.partition)[0]
  if (typeof day !== 'number') {
    throw new LakeFault('table_unreadable', `${record.file_path} has no day as its partition`)
  }
  return {
    location: record.file_path,
    day,
    rows: record.record_count,
    bytes: record.file_size_in_bytes,
    get columnSizes() {
      return mapFrom(record.column_sizes)
    },
    get valueCounts() {
      return mapFrom(record.value_counts)
    },
    get nullCounts() {
      return mapFrom(record.null_value_counts)
    },
    get nanCounts() {
      return mapFrom(record.nan_value_counts)
    },
    get lowerBounds() {
      return mapFrom(record.lower_bounds)
    },
    get upperBounds() {
      return mapFrom(record.upper_bounds)
    },
    ...(record.split_offsets ? { splitOffsets: record.split_offsets } : {}),
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function pairs<V>(map: ReadonlyMap<number, V>): Pair<V>[] | null
function pairs<V, W>(map: ReadonlyMap<number, V>, convert: (value: V) => W): Pair<W>[] | null
function pairs<V>(map: ReadonlyMap<number, V>, convert?: (value: V) => unknown): Pair<unknown>[] | null {
  if (map.size === 0) return null
  return Array.from(map, ([key, value]) => ({ key, value: convert ? convert(value) : value }))
}

function mapFrom<V>(list: readonly Pair<V>[] | null | undefined): Map<number, V> {
  return new Map((list ?? []).map(({ key, value }) => [key, value]))
}
