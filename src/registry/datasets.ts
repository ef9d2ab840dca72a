import { isUuid, uuidv7 } from '../event/index.ts'
import { createTable, insertNamespace, insertTable, type ObjectStore } from '../lake/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, CommitUnknown, type Sql, type Store } from '../store/index.ts'
import { isSlug, namespaceOf } from '../tenancy/index.ts'
import { IntentCondemned, abandonIntent, closeIntent, openIntent } from '../upkeep/index.ts'
import { announceChange } from './changed.ts'
import { loadNotes } from './descriptors.ts'
import { pageOf, positionOf, type Page, type PageQuery } from './pages.ts'
import { holdPublished, publishedSchema } from './published.ts'
import { uniqueViolation } from './rows.ts'
import { designTable, namespaceLocation, type TableDesign } from './shape.ts'

export interface Dataset {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly schema_id: string
  readonly schema_uri: string
  readonly namespace: string
  readonly table_name: string
  readonly created_at: string
  readonly updated_at: string
}
interface NewDataset {
  readonly slug: string
  readonly name: string
  readonly schema_uri: string
}
export interface DatasetPlaces {
  readonly store: Store
  readonly objects: ObjectStore
  /** `file:///…` or `s3://…`, with or without a slash at the end. */
  readonly warehouse: string
  /** Who opens intents: an API process, never a member of the workers. */
  readonly owner: string
  /** How long files that nothing leads to any more stay for whoever reads them. */
  readonly readerGraceSeconds: number
  readonly clock: { now(): number }
}

/** What a dataset's answer is made of. */
export const DATASET_COLUMNS = `id, slug, name, schema_id, schema_uri, namespace, table_name,
  ${rfc3339('created_at')} AS created_at, ${rfc3339('updated_at')} AS updated_at`
const SLUG_TAKEN = `SELECT 1 AS taken FROM pdm_datasets WHERE slug = $1`
const INSERT = `INSERT INTO pdm_datasets (id, tenant_id, slug, name, schema_id, schema_uri, namespace, table_name, table_uuid)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${DATASET_COLUMNS}`
const BIND = `INSERT INTO dataset_bindings (tenant_id, dataset_id, schema_id, shape) VALUES ($1, $2, $3, $4::json)`
// A slug cannot hold a hyphenated id's form and be one: an id is looked for first, then a slug.
const FIND = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE slug = $1 OR id = $2::uuid ORDER BY id = $2::uuid DESC NULLS LAST LIMIT 1`
const LIST = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets
  WHERE ($1::timestamptz IS NULL OR (created_at, id) < ($1::timestamptz, $2::uuid)) AND ($4::text IS NULL OR schema_uri = $4)
  ORDER BY created_at DESC, id DESC LIMIT $3`
const LOCK = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE id = $1 FOR NO KEY UPDATE`
const RENAME = `UPDATE pdm_datasets SET name = coalesce($2, name),
    updated_at = CASE WHEN $2 IS NULL THEN updated_at ELSE clock_timestamp() END WHERE id = $1 RETURNING ${DATASET_COLUMNS}`

interface Plan {
  readonly id: string
  readonly tableUuid: string
  readonly flushId: string
  readonly namespace: string
  readonly location: string
  readonly schemaId: string
  readonly design: TableDesign
}

/**
 * Creates a dataset: its table's first metadata under an intent, then namespace, table pointer, dataset
 * and binding in one transaction. What fails on the way leaves no half: the row is not there, and the
 * files belong to an intent that the sweeper ends. Throws `dataset_slug_taken`, `reference_not_found`,
 * `schema_not_published`, `schema_needs_timestamp`, `columns_collide`, …, `dependency_away`.
 */
export async function createDataset(places: DatasetPlaces, tenantId: string, wanted: NewDataset): Promise<Dataset> {
  const dataset = await makeDataset(places, tenantId, wanted)
  announceChange('dataset', 'created', { id: dataset.id })
  return dataset
}

async function makeDataset(places: DatasetPlaces, tenantId: string, wanted: NewDataset): Promise<Dataset> {
  const plan = await planDataset(places, tenantId, wanted)
  await openIntent(places.store, { flushId: plan.flushId, tenantId, worker: places.owner, locations: [plan.location] })
  try {
    const { metadataLocation } = await writeTable(places, plan, wanted)
    return await places.store.asTenant(
      tenantId,
      (sql) => insertDataset(sql, { tenantId, warehouse: places.warehouse, wanted, plan, metadataLocation }),
      { name: 'dataset' },
    )
  } catch (error) {
    if (error instanceof CommitUnknown) return whatBecame(places.store, { tenantId, id: plan.id }, error)
    // Nothing was committed: the sweeper may take the files at once. Where this fails too, it takes them later.
    await abandonIntent(places.store, { tenantId, flushId: plan.flushId }).catch(() => undefined)
    if (uniqueViolation(error) !== undefined) throw slugTaken(wanted.slug, error)
    if (!(error instanceof IntentCondemned)) throw error
    throw new Problem('dependency_away', 'Making the dataset took too long and was given up: send it again.', {
      retryAfterSeconds: 1,
      cause: error,
    })
  }
}

async function whatBecame(
  store: Store,
  made: { readonly tenantId: string; readonly id: string },
  cause: CommitUnknown,
): Promise<Dataset> {
  const found = await getDataset(store, made.tenantId, made.id).catch(() => undefined)
  if (found !== undefined) return found
  const detail = 'Postgres went away while the dataset was made. Look whether it is there, then send it again.'
  throw new Problem('dependency_away', detail, { retryAfterSeconds: 1, cause })
}

async function planDataset(places: DatasetPlaces, tenantId: string, wanted: NewDataset): Promise<Plan> {
  const schema = await places.store.asTenant(
    tenantId,
    async (sql) => {
      const [taken] = await sql.query(SLUG_TAKEN, [wanted.slug])
      if (taken !== undefined) throw slugTaken(wanted.slug)
      const found = await publishedSchema(sql, wanted.schema_uri)
      return { ...found, notes: await loadNotes(sql, wanted.schema_uri) }
    },
    { name: 'dataset' },
  )
  const [id, tableUuid, flushId] = [uuidv7(), uuidv7(), uuidv7()]
  const namespace = namespaceOf(tenantId)
  // A table of the same name may have lain here before: the tail of its uuid keeps folders apart.
  const folder = `${wanted.slug}-${tableUuid.slice(-12)}`
  return {
    id,
    tableUuid,
    flushId,
    namespace,
    schemaId: schema.id,
    location: `${namespaceLocation(places.warehouse, namespace)}/${folder}`,
    design: designTable(schema.composed, schema.notes),
  }
}

async function writeTable(
  places: DatasetPlaces,
  plan: Plan,
  wanted: NewDataset,
): Promise<{ metadataLocation: string }> {
  const { schema, lastColumnId, dayFieldId } = plan.design
  try {
    return await createTable(places.objects, {
      location: plan.location,
      schema,
      lastColumnId,
      dayFieldId,
      tableUuid: plan.tableUuid,
      properties: { 'pulse.dataset': wanted.slug },
      fileTag: plan.flushId,
      now: Math.floor(places.clock.now()),
    })
  } catch (error) {
    throw new Problem(
      'dependency_away',
      'The lake could not be written: look at /ready, then send the dataset again.',
      {
        retryAfterSeconds: 2,
        cause: error,
      },
    )
  }
}

async function insertDataset(
  sql: Sql,
  made: {
    readonly tenantId: string
    readonly warehouse: string
    readonly wanted: NewDataset
    readonly plan: Plan
    readonly metadataLocation: string
  },
): Promise<Dataset> {
  const { tenantId, wanted, plan } = made
  await holdPublished(sql, { id: plan.schemaId, uri: wanted.schema_uri })
  await insertNamespace(sql, plan.namespace, namespaceLocation(made.warehouse, plan.namespace))
  const [row] = await sql.query<Dataset>(INSERT, [
    plan.id,
    tenantId,
    wanted.slug,
    wanted.name,
    plan.schemaId,
    wanted.schema_uri,
    plan.namespace,
    wanted.slug,
    plan.tableUuid,
  ])
  await insertTable(sql, { namespace: plan.namespace, name: wanted.slug, metadataLocation: made.metadataLocation })
  await sql.query(BIND, [tenantId, plan.id, plan.schemaId, JSON.stringify(plan.design.shape)])
  await closeIntent(sql, plan.flushId)
  return row as Dataset
}

const slugTaken = (slug: string, cause?: unknown): Problem =>
  new Problem('dataset_slug_taken', `The dataset slug ${slug} is taken in this tenant: choose another.`, {
    errors: [{ pointer: '/slug', keyword: 'unique', message: 'is taken' }],
    cause,
  })

/** The dataset of that slug or id, or undefined. */
export const getDataset = (store: Store, tenantId: string, slugOrId: string): Promise<Dataset | undefined> =>
  store.asTenant(tenantId, (sql) => findDataset(sql, slugOrId), { name: 'dataset' })

/** The same in a transaction of the tenant's. */
export async function findDataset(sql: Sql, slugOrId: string): Promise<Dataset | undefined> {
  const id = isUuid(slugOrId) ? slugOrId : null
  if (id === null && !isSlug(slugOrId)) return undefined
  return (await sql.query<Dataset>(FIND, [slugOrId, id]))[0]
}

/** Newest first; with `schema_uri`, those bound to it now. Throws `invalid_parameter` for a bad cursor. */
export async function listDatasets(
  store: Store,
  tenantId: string,
  query: PageQuery & { readonly schema_uri?: string | undefined },
): Promise<Page<Dataset>> {
  const after = positionOf(query.cursor)
  const values = [after.createdAt, after.id, query.limit + 1, query.schema_uri ?? null]
  const rows = await store.asTenant(tenantId, (sql) => sql.query<Dataset>(LIST, values), { name: 'dataset' })
  return pageOf(rows, query.limit)
}

/** Renames a dataset; undefined where there is none. The table keeps its name. `check` looks at the locked row first, and may throw. */
export async function patchDataset(
  store: Store,
  tenantId: string,
  slugOrId: string,
  change: { readonly name?: string | undefined },
  check?: (current: Dataset) => void,
): Promise<Dataset | undefined> {
  const found = await getDataset(store, tenantId, slugOrId)
  if (found === undefined) return undefined
  const { name = null } = change
  const patch = async (sql: Sql): Promise<Dataset[]> => {
    if (check !== undefined) for (const current of await sql.query<Dataset>(LOCK, [found.id])) check(current)
    return sql.query<Dataset>(RENAME, [found.id, name])
  }
  const [patched] = await store.asTenant(tenantId, patch, { name: 'dataset' })
  if (patched !== undefined && name !== null) announceChange('dataset', 'changed', { id: patched.id })
  return patched
}
