import { randomUUID } from 'node:crypto'

/** A table as the catalog has it, and how the isolation test speaks to it. */
export interface OwnedTable {
  readonly name: string
  /** `tenant_id = '…'` and its like: true for that tenant's rows. */
  ownedBy(tenantId: string): string
  readonly columns: readonly Column[]
}

interface Column {
  readonly name: string
  readonly type: string
  /** NOT NULL, and nothing fills it by itself. */
  readonly needed: boolean
}

export interface Querier {
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
}

const namespaceSql = (tenantId: string): string => `pulse_${tenantId.replaceAll('-', '')}`

/** Every table that has a policy named tenant_isolation and is not a partition of another, from the catalog: a new one is attacked by itself. */
export async function ownedTables(admin: Querier): Promise<OwnedTable[]> {
  const rows = await admin.query<{ name: string; columns: Column[] }>(`
    SELECT c.oid::regclass::text AS name,
      (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL),
          'needed', a.attnotnull AND NOT a.atthasdef AND a.attidentity = '') ORDER BY a.attnum)
       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_isolation')
    ORDER BY 1`)
  return rows.map(({ name, columns }) => ({
    name,
    columns,
    ownedBy: (tenantId) => {
      const { column, value } = ownerOf(name, tenantId)
      return `${column} = '${value}'`
    },
  }))
}

function ownerOf(table: string, tenantId: string): { column: string; value: string } {
  if (table === 'tenants') return { column: 'id', value: tenantId }
  if (table === 'iceberg_catalog.iceberg_tables') return { column: 'table_namespace', value: namespaceSql(tenantId) }
  if (table === 'iceberg_catalog.iceberg_namespace_properties')
    return { column: 'namespace', value: namespaceSql(tenantId) }
  return { column: 'tenant_id', value: tenantId }
}

/** Values that a check constraint asks for; everything else is made from the column's type. */
const ASKED: Readonly<Record<string, () => unknown>> = {
  slug: () => `s${randomUUID()}`,
  status: () => 'active',
  'pdm_entities.status': () => 'draft',
  'batches.status': () => 'running',
  kind: () => 'schema',
  secret_hash: () => Buffer.alloc(32, 7),
  reason: () => 'invalid',
  catalog_name: () => 'pulse',
  epoch: () => 1,
}

/** INSERT statement and values of a row that belongs to the tenant, with as few columns as the table allows. */
export function rowOf(table: OwnedTable, tenantId: string): { readonly text: string; readonly values: unknown[] } {
  const owner = ownerOf(table.name, tenantId)
  const given = table.columns.filter((column) => column.needed || column.name === owner.column)
  const values = given.map((column) =>
    column.name === owner.column
      ? owner.value
      : (ASKED[`${table.name}.${column.name}`] ?? ASKED[column.name] ?? (() => example(table, column)))(),
  )
  const text = `INSERT INTO ${table.name} (${given.map((column) => column.name).join(', ')}) VALUES (${given.map((_, i) => `$${i + 1}`).join(', ')})`
  return { text, values }
}

function example(table: OwnedTable, { name, type }: Column): unknown {
  switch (type) {
    case 'uuid':
      return randomUUID()
    case 'text':
    case 'character varying':
      return `x-${randomUUID()}`
    case 'smallint':
    case 'integer':
      return 0
    case 'bigint':
      return type === 'bigint' && /records|rows|duplicates|dead_letters|replayed/.test(name)
        ? 0
        : Math.floor(Math.random() * 2 ** 40)
    case 'boolean':
      return false
    case 'json':
    case 'jsonb':
      return '{}'
    case 'bytea':
      return Buffer.from('x')
    case 'date':
    case 'timestamp with time zone':
      return new Date()
    case 'text[]':
    case 'uuid[]':
      return []
    default:
      throw new Error(
        `The isolation test cannot make a value for ${table.name}.${name} (${type}): teach test/kit/isolation.ts.`,
      )
  }
}
