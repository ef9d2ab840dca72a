import type { Admin, TopicInfo } from '../bus/index.ts'
import { uuidv7 } from '../event/index.ts'
import { insertNamespace } from '../lake/index.ts'
import { keepLimits, type Limits, type WantedLimits } from '../limits/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, CommitUnknown, type Sql, type Store } from '../store/index.ts'
import { namespaceOf } from '../tenancy/index.ts'
import { addSources } from '../upkeep/index.ts'
import { busProblem } from './away.ts'
import { announceChange } from './changed.ts'
import { pageOf, positionOf, type Page, type PageQuery } from './pages.ts'
import { uniqueViolation } from './rows.ts'
import { namespaceLocation } from './shape.ts'
import { ensureTenantTopics } from './topics.ts'

/** A tenant as the API answers it. `metadata` is JSON text. */
export interface Tenant {
  readonly id: string
  readonly slug: string
  readonly name: string
  readonly status: 'creating' | 'active' | 'suspended'
  readonly metadata: string
  /** Null: it may send as much as it will. */
  readonly limits: Limits | null
  readonly created_at: string
  readonly updated_at: string
}
interface NewTenant {
  readonly slug: string
  readonly name: string
  /** JSON text of an object. */
  readonly metadata?: string | undefined
}
interface TenantChange {
  readonly name?: string | undefined
  readonly metadata?: string | undefined
  readonly status?: 'active' | 'suspended' | undefined
  /** Whole: what is not named is not limited any more. */
  readonly limits?: WantedLimits | undefined
}
export interface TenantPlaces {
  readonly store: Store
  readonly admin: Admin
  readonly topicPartitions: number
  /** The topic of dead letters keeps its copies as long as the rows are kept. */
  readonly deadLetterDays: number
  /** `file:///…` or `s3://…`: where the tenant's namespace lies. */
  readonly warehouse: string
}

const COLUMNS = `id, slug, name, status, metadata::text AS metadata, limits_of(id) AS limits,
  ${rfc3339('created_at')} AS created_at, ${rfc3339('updated_at')} AS updated_at`

const BEGIN = `SELECT ${COLUMNS} FROM tenant_begin($1, $2, $3, $4::jsonb)`
// updated_at is this transaction's now() only where this transaction turned 'creating' into 'active'.
const ACTIVATE = `SELECT ${COLUMNS}, updated_at = now() AS ours FROM tenant_activate($1)`
const GET = `SELECT ${COLUMNS} FROM tenant_get($1) WHERE status <> 'creating'`
const BY_SLUG = `SELECT ${COLUMNS} FROM tenant_by_slug($1) WHERE status <> 'creating'`
const LIST = `SELECT ${COLUMNS} FROM tenant_list($1, $2, $3)`
const LOCK = 'SELECT tenant_lock($1)'
const PATCH = `SELECT ${COLUMNS} FROM tenant_patch($1, $2, $3::jsonb, $4)`

/**
 * Creates a tenant: a row in `creating`, which holds slug and id and is seen by nobody; its two
 * topics; then namespace, source partitions and `active` in one transaction. Whatever fails in
 * between, the same slug again goes on with the same id. Of several at once exactly one is answered,
 * the others get `tenant_slug_taken`. Throws `tenant_slug_taken`, `dependency_away`.
 */
export async function createTenant(places: TenantPlaces, wanted: NewTenant): Promise<Tenant> {
  const begun = await beginTenant(places.store, wanted)
  const raw = await ensureTenantTopics(places, begun.id).catch((error: unknown) => {
    throw busProblem(
      error,
      `The tenant ${wanted.slug} is not finished: its topics could not be made. Send the same again.`,
    )
  })
  const tenant = await finishTenant(places, begun, raw)
  announceChange('tenant', 'created', { id: tenant.id, tenant: tenant.slug })
  return tenant
}

async function finishTenant(places: TenantPlaces, begun: Tenant, raw: TopicInfo): Promise<Tenant> {
  try {
    return await places.store.asTenant(
      begun.id,
      async (sql) => {
        await insertNamespace(sql, namespaceOf(begun.id), namespaceLocation(places.warehouse, namespaceOf(begun.id)))
        await addSources(sql, begun.id, raw)
        return activate(sql, begun)
      },
      { name: 'tenant' },
    )
  } catch (error) {
    if (!(error instanceof CommitUnknown)) throw error
    const finished = await getTenant(places.store, begun.id).catch(() => undefined)
    if (finished !== undefined) return finished
    throw new Problem('dependency_away', 'Postgres went away while the tenant was finished. Send the same again.', {
      retryAfterSeconds: 1,
      cause: error,
    })
  }
}

async function beginTenant(store: Store, wanted: NewTenant): Promise<Tenant> {
  try {
    const [row] = await store.asSystem(
      (sql) => sql.query<Tenant>(BEGIN, [uuidv7(), wanted.slug, wanted.name, wanted.metadata ?? '{}']),
      { name: 'tenant' },
    )
    return row as Tenant
  } catch (error) {
    if (uniqueViolation(error) !== undefined) throw slugTaken(wanted.slug, error)
    throw error
  }
}

async function activate(sql: Sql, begun: Tenant): Promise<Tenant> {
  const [row] = await sql.query<Tenant & { ours: boolean }>(ACTIVATE, [begun.id])
  if (row === undefined) throw new Error(`tenant ${begun.id} vanished while it was being created`)
  const { ours, ...tenant } = row
  // Two who ask for one slug at once must not both be told that the tenant is theirs.
  if (!ours) throw slugTaken(begun.slug)
  return tenant
}

const slugTaken = (slug: string, cause?: unknown): Problem =>
  new Problem(
    'tenant_slug_taken',
    `The tenant slug ${slug} is taken: choose another, or look at it with GET /v1/tenants?slug=${slug}.`,
    {
      errors: [{ pointer: '/slug', keyword: 'unique', message: 'is taken' }],
      cause,
    },
  )

/** A finished tenant, or undefined. */
export async function getTenant(store: Store, id: string): Promise<Tenant | undefined> {
  return (await store.asSystem((sql) => sql.query<Tenant>(GET, [id]), { name: 'tenant' }))[0]
}

/** Finished tenants, newest first; with `slug`, the one of that slug. Throws `invalid_parameter` for a bad cursor. */
export async function listTenants(
  store: Store,
  query: PageQuery & { readonly slug?: string | undefined },
): Promise<Page<Tenant>> {
  const { slug } = query
  if (slug !== undefined) {
    const items = await store.asSystem((sql) => sql.query<Tenant>(BY_SLUG, [slug]), { name: 'tenant' })
    return { items, next_cursor: null }
  }
  const after = positionOf(query.cursor)
  const rows = await store.asSystem((sql) => sql.query<Tenant>(LIST, [query.limit + 1, after.createdAt, after.id]), {
    name: 'tenant',
  })
  return pageOf(rows, query.limit)
}

/** Changes what is named; undefined where there is no such (finished) tenant. `check` looks at the locked row first, and may throw. */
export async function patchTenant(
  store: Store,
  id: string,
  change: TenantChange,
  check?: (current: Tenant) => void,
): Promise<Tenant | undefined> {
  const values = [id, change.name ?? null, change.metadata ?? null, change.status ?? null]
  const patch = async (sql: Sql): Promise<Tenant[]> => {
    if (check !== undefined || change.limits !== undefined) {
      await sql.query(LOCK, [id])
      const [current] = await sql.query<Tenant>(GET, [id])
      if (current === undefined) return []
      check?.(current)
      if (change.limits !== undefined) await keepLimits(sql, id, id, change.limits)
    }
    return sql.query<Tenant>(PATCH, values)
  }
  // Limits are the tenant's own rows, under its policy.
  const [tenant] = await (change.limits === undefined
    ? store.asSystem(patch, { name: 'tenant' })
    : store.asTenant(id, patch, { name: 'tenant' }))
  if (tenant !== undefined) announceChange('tenant', 'changed', { id, tenant: tenant.slug })
  return tenant
}
