import { loadTable, openDuckDb, planScan, pointerOf, readParquetSql, type ObjectStore } from '../../src/lake/index.ts'
import type { Store } from '../../src/store/index.ts'

interface TablePlaces {
  readonly store: Store
  readonly objects: ObjectStore
  /** Where DuckDB may spill. */
  readonly tempDir: string
}

/** Reads a table's current snapshot by the catalog and our own manifests: a DuckDB select list and what follows the files. */
export async function tableRows(
  { store, objects, tempDir }: TablePlaces,
  table: { readonly tenantId: string; readonly namespace: string; readonly name: string },
  columns = '*',
  rest = '',
): Promise<Array<Record<string, unknown>>> {
  const location = await store.asTenant(table.tenantId, (sql) => pointerOf(sql, table.namespace, table.name))
  if (location === undefined) throw new Error('the table is not in the catalog')
  const { files, schema, formerNames } = await planScan(objects, await loadTable(objects, location))
  if (files.length === 0) return []
  const paths = await Promise.all(files.map((file) => objects.localCopy(file.location)))
  await using duck = await openDuckDb({ tempDir })
  const connection = await duck.connect()
  try {
    const result = await connection.runAndReadAll(
      `SELECT ${columns} FROM ${readParquetSql(schema, paths, formerNames)} ${rest}`,
    )
    return result.getRowObjectsJson() as Array<Record<string, unknown>>
  } finally {
    connection.closeSync()
  }
}
