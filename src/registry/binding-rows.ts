import type { LineShape } from '../lake/index.ts'
import type { Limits } from '../limits/index.ts'
import type { Validator } from '../pdm/index.ts'
import type { Sql, Store } from '../store/index.ts'
import type { Validators } from './validators.ts'

/** A dataset bound to one version of a schema. */
export interface Binding {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly datasetId: string
  readonly datasetSlug: string
  /** What the ledger carries instead of the id. */
  readonly datasetNumber: number
  readonly schemaId: string
  readonly namespace: string
  readonly table: string
  /** What the schema does not name at the top is kept in `_extra`. */
  readonly keepsExtra: boolean
  readonly shape: LineShape
  /** Of the table's schemas the one that this version's columns came with: without it a row cannot be written. */
  readonly tableSchemaId: number
  readonly validate: Validator
}
export interface KnownTenant {
  readonly id: string
  readonly slug: string
  readonly status: 'active' | 'suspended'
  /** What it may send; null: as much as it likes. */
  readonly limits: Limits | null
}

// Read under the tenant's own policy: the row is there for that tenant only.
const TENANT = `SELECT id, slug, status, limits_of(id) AS limits FROM tenants WHERE status <> 'creating'`
// Of many tenants at once, so by the operator's function.
const TENANTS = `SELECT t.id, t.slug, t.status, limits_of(t.id) AS limits FROM unnest($1::uuid[]) AS asked (id), tenant_get(asked.id) AS t
  WHERE t.status <> 'creating'`
const SELECT_BINDING = `SELECT t.slug AS "tenantSlug", d.id AS "datasetId", d.slug AS "datasetSlug", d.number::text AS number,
    b.schema_id AS "schemaId", d.schema_id = b.schema_id AS current, d.namespace, d.table_name AS "table",
    b.shape::text AS shape, b.table_schema_id AS "tableSchemaId", e.composed::text AS composed
  FROM pdm_datasets d
  JOIN tenants t ON t.id = d.tenant_id
  JOIN dataset_bindings b ON b.dataset_id = d.id
  JOIN pdm_entities e ON e.id = b.schema_id`
const BY_SLUG = `${SELECT_BINDING} WHERE d.slug = ANY($1::text[]) AND b.schema_id = d.schema_id`
// The version named first, where it was ever bound; the current one otherwise.
const BY_ID = `${SELECT_BINDING} WHERE d.id = $1 AND (b.schema_id = d.schema_id OR b.schema_id = $2::uuid)
  ORDER BY b.schema_id = $2::uuid DESC NULLS LAST LIMIT 1`
const CURRENT = `SELECT id, schema_id FROM pdm_datasets WHERE id = ANY($1::uuid[])`

interface BindingRow {
  readonly tenantSlug: string
  readonly datasetId: string
  readonly datasetSlug: string
  readonly number: string
  readonly schemaId: string
  readonly current: boolean
  readonly namespace: string
  readonly table: string
  readonly shape: string
  readonly tableSchemaId: number
  readonly composed: string
}

interface LoadedBinding {
  readonly binding: Binding
  /** Whether it is the version that new events are judged by. */
  readonly current: boolean
}

/** Those of the tenants that there are, finished, by id. */
export async function loadTenants(store: Store, tenantIds: readonly string[]): Promise<Map<string, KnownTenant>> {
  const rows = await store.asSystem((sql) => sql.query<KnownTenant>(TENANTS, [tenantIds]), { name: 'binding' })
  return new Map(rows.map((row) => [row.id, row]))
}

/** The current bindings of those of the slugs that name a dataset; an error where a binding cannot be used. */
export async function loadBySlug(
  store: Store,
  tenantId: string,
  slugs: readonly string[],
  validators: Validators,
): Promise<Map<string, Binding | Error>> {
  const rows = await store.asTenant(tenantId, (sql) => sql.query<BindingRow>(BY_SLUG, [slugs]), { name: 'binding' })
  return new Map(rows.map((row) => [row.datasetSlug, usable(tenantId, row, validators)]))
}

/** One dataset whose schema does not compile must not keep the others from being found. */
function usable(tenantId: string, row: BindingRow, validators: Validators): Binding | Error {
  try {
    return fromRow(tenantId, row, validators).binding
  } catch (error) {
    return error as Error
  }
}

export async function loadById(
  store: Store,
  tenantId: string,
  which: { readonly datasetId: string; readonly schemaId?: string | undefined },
  validators: Validators,
): Promise<LoadedBinding | undefined> {
  return store.asTenant(
    tenantId,
    async (sql) => {
      const [row] = await sql.query<BindingRow>(BY_ID, [which.datasetId, which.schemaId ?? null])
      return row === undefined ? undefined : fromRow(tenantId, row, validators)
    },
    { name: 'binding' },
  )
}

/** What became of a tenant and of the datasets that are in use, in one transaction. */
export async function recheck(
  store: Store,
  tenantId: string,
  inUse: ReadonlyMap<string, Binding>,
  validators: Validators,
): Promise<{ tenant: KnownTenant | undefined; changed: Binding[]; gone: Binding[] }> {
  const known = [...inUse.values()]
  return store.asTenant(
    tenantId,
    async (sql) => {
      const [[tenant], rows] = await Promise.all([
        sql.query<KnownTenant>(TENANT),
        known.length === 0
          ? []
          : sql.query<{ id: string; schema_id: string }>(CURRENT, [known.map((binding) => binding.datasetId)]),
      ])
      const schemaOf = new Map(rows.map((row) => [row.id, row.schema_id]))
      const gone = known.filter((binding) => !schemaOf.has(binding.datasetId))
      const moved = known.filter(
        (binding) => (schemaOf.get(binding.datasetId) ?? binding.schemaId) !== binding.schemaId,
      )
      const changed = await Promise.all(moved.map((binding) => current(sql, tenantId, binding, validators)))
      return { tenant, changed, gone }
    },
    { name: 'binding' },
  )
}

async function current(sql: Sql, tenantId: string, binding: Binding, validators: Validators): Promise<Binding> {
  const [row] = await sql.query<BindingRow>(BY_ID, [binding.datasetId, null])
  if (row === undefined) throw new Error(`the dataset ${binding.datasetId} names a schema that it is not bound to`)
  return fromRow(tenantId, row, validators).binding
}

function fromRow(tenantId: string, row: BindingRow, validators: Validators): LoadedBinding {
  const shape = JSON.parse(row.shape) as LineShape
  const { number, composed, current: isCurrent, shape: _, ...names } = row
  return {
    current: isCurrent,
    binding: {
      ...names,
      tenantId,
      datasetNumber: Number(number),
      shape,
      keepsExtra: shape.envelope.some((field) => field.key === '_extra'),
      validate: validators.of(row.schemaId, composed),
    },
  }
}
