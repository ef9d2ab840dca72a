import { encodeMetadata, metadataName, nextMetadataLog, type TableMetadata } from './metadata.ts'
import type { ObjectStore } from './port.ts'
import type { Field, Schema } from './schema.ts'
import { rememberTable, type Table } from './table.ts'

/** A metadata file with other columns, durable, that nobody sees until the catalog points to it. */
export interface StagedSchema {
  readonly metadataLocation: string
  /** What the catalog must still point to when it is moved. */
  readonly baseLocation: string
  /** The schema that rows are written with from then on. */
  readonly schemaId: number
  /** To be removed when the commit does not come about. */
  readonly written: readonly string[]
  /** Metadata files that fell off the log: to be removed after a grace for readers. */
  readonly unreachable: readonly string[]
}

/**
 * Writes a table's metadata anew with other columns (spec, "Schema Evolution"): a schema with an id of its own beside the
 * earlier ones, which snapshots still name. No row, no data file and no snapshot is touched. When the catalog has moved on
 * meanwhile, decide anew on the table as it is then, with `attempt + 1`.
 */
export async function stageSchema(
  store: ObjectStore,
  table: Table,
  columns: { readonly fields: readonly Field[]; readonly lastColumnId: number },
  options: { readonly fileTag: string; readonly attempt: number; readonly now: number },
): Promise<StagedSchema> {
  const { metadata: base, location } = table
  const tag = options.attempt === 0 ? options.fileTag : `${options.fileTag}-${options.attempt}`
  const log = nextMetadataLog(base, table.metadataLocation)
  const schemaId = Math.max(...base.schemas.map((schema) => schema['schema-id'])) + 1
  const schema: Schema = { type: 'struct', 'schema-id': schemaId, fields: columns.fields }
  const next: TableMetadata = {
    ...base,
    'last-updated-ms': Math.max(options.now, base['last-updated-ms']),
    'last-column-id': Math.max(columns.lastColumnId, base['last-column-id']),
    'current-schema-id': schemaId,
    schemas: [...base.schemas, schema],
    'metadata-log': log.log,
  }
  const metadataLocation = `${location}/${metadataName(table.metadataLocation, tag)}`
  const body = encodeMetadata(next)
  await store.put(metadataLocation, body)
  rememberTable(store, metadataLocation, next, body.length)
  return {
    metadataLocation,
    baseLocation: table.metadataLocation,
    schemaId,
    written: [metadataLocation],
    unreachable: log.dropped,
  }
}
