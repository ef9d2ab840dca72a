import { DuckDBInstance } from '@duckdb/node-api'
import { loadTable, openObjectStore, planScan, type ObjectStore } from '../../src/lake/index.ts'
import { call } from './api.ts'

/**
 * Reads a whole dataset from its files, not through Pulse's preview: the current snapshot's data
 * files by our own manifests, the rows by DuckDB. What a test says about the lake rests on this.
 */
interface LakeRows {
  readonly snapshotId: string | null
  readonly totalRows: number
  readonly files: readonly string[]
  readonly rows: ReadonlyArray<Record<string, unknown>>
}

/** The newest metadata file of a table whose current snapshot is the one named. */
async function metadataOf(objects: ObjectStore, tableLocation: string, snapshotId: string): Promise<string> {
  const versions: string[] = []
  for await (const { location } of objects.list(`${tableLocation}/metadata/`))
    if (location.endsWith('.metadata.json')) versions.push(location)
  for (const version of versions.sort().reverse()) {
    const text = Buffer.from(await objects.get(version)).toString()
    if (new RegExp(`"current-snapshot-id"\\s*:\\s*${snapshotId}\\b`).test(text)) return version
  }
  throw new Error(`No metadata file of ${tableLocation} has the current snapshot ${snapshotId}.`)
}

/**
 * `columns` is a DuckDB select list over the files, e.g. `_event_id::varchar id, _source`. `store` is the lake where it is no
 * local folder.
 */
export async function readLake(
  baseUrl: string,
  tenantId: string,
  dataset: string,
  columns = '_event_id::varchar AS id, _source AS source',
  store?: ObjectStore,
): Promise<LakeRows> {
  const { status, body } = await call(baseUrl, 'GET', `/v1/datasets/${dataset}`, { tenantId })
  if (status !== 200) throw new Error(`GET dataset answered ${status}: ${JSON.stringify(body)}`)
  const snapshotId = body['snapshot_id']
  if (typeof snapshotId !== 'string') return { snapshotId: null, totalRows: 0, files: [], rows: [] }
  const location = String(body['location'])
  const objects = store ?? openObjectStore({ warehouse: location, cacheDir: '/nonexistent' })
  const table = await loadTable(objects, await metadataOf(objects, location, snapshotId))
  const scan = await planScan(objects, table)
  const files = await Promise.all(scan.files.map((file) => objects.localCopy(file.location)))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  try {
    await connection.run(`SET timezone='UTC'`)
    const list = files.map((file) => `'${file.replaceAll(`'`, `''`)}'`).join(', ')
    const rows =
      files.length === 0
        ? []
        : await (
            await connection.runAndReadAll(
              `SELECT ${columns} FROM read_parquet([${list}], hive_partitioning=false, union_by_name=true)`,
            )
          ).getRowObjects()
    return {
      snapshotId,
      totalRows: Number(body['rows']),
      files,
      rows: rows as ReadonlyArray<Record<string, unknown>>,
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
