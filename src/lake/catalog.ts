import { LakeFault } from './faults.ts'

/**
 * The SQL catalog's pointer, in the tables that Iceberg's JdbcCatalog (schema version V1) and
 * PyIceberg's SqlCatalog read. Every function takes the caller's open transaction.
 */
interface CatalogSql {
  /** Rows of a statement. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
}

/** The catalog's name is part of the key: readers look it up by the name they give their catalog. */
const CATALOG_NAME = 'pulse'
const TABLES = 'iceberg_catalog.iceberg_tables'
const NAMESPACES = 'iceberg_catalog.iceberg_namespace_properties'

/** Makes a namespace exist: JDBC catalogs see one that has a property. Says nothing when it was there. */
export async function insertNamespace(sql: CatalogSql, namespace: string, location: string): Promise<void> {
  await sql.query(
    `INSERT INTO ${NAMESPACES} (catalog_name, namespace, property_key, property_value)
     VALUES ($1, $2, 'exists', 'true'), ($1, $2, 'location', $3) ON CONFLICT DO NOTHING`,
    [CATALOG_NAME, namespace, location],
  )
}

/** Points a new table at its first metadata. Throws the database's unique violation where the name is taken. */
export async function insertTable(
  sql: CatalogSql,
  table: { readonly namespace: string; readonly name: string; readonly metadataLocation: string },
): Promise<void> {
  if (table.metadataLocation.length > 1000) {
    throw new LakeFault('store_refused', 'the metadata location is longer than the 1,000 characters that catalogs hold')
  }
  await sql.query(
    `INSERT INTO ${TABLES} (catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type)
     VALUES ($1, $2, $3, $4, NULL, 'TABLE')`,
    [CATALOG_NAME, table.namespace, table.name, table.metadataLocation],
  )
}

/** Where a table's current metadata lies; undefined for a table that the catalog does not have. */
export async function pointerOf(sql: CatalogSql, namespace: string, name: string): Promise<string | undefined> {
  return (await pointersOf(sql, namespace, [name])).get(name)
}

/** Where the current metadata of several tables of a namespace lies, by name; missing ones are left out. */
export async function pointersOf(
  sql: CatalogSql,
  namespace: string,
  names: readonly string[],
): Promise<Map<string, string>> {
  const rows = await sql.query(
    `SELECT table_name, metadata_location FROM ${TABLES}
     WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = ANY($3) AND iceberg_type IS DISTINCT FROM 'VIEW'`,
    [CATALOG_NAME, namespace, names],
  )
  return new Map(rows.map((row) => [String(row['table_name']), String(row['metadata_location'])]))
}

/** Moves a pointer if it still is where it was; false when somebody else moved it first. */
export async function movePointer(
  sql: CatalogSql,
  table: { readonly namespace: string; readonly name: string; readonly from: string; readonly to: string },
): Promise<boolean> {
  const rows = await sql.query(
    `UPDATE ${TABLES} SET metadata_location = $5, previous_metadata_location = $4
     WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3 AND metadata_location = $4 RETURNING 1`,
    [CATALOG_NAME, table.namespace, table.name, table.from, table.to],
  )
  return rows.length === 1
}
