import { isUuid, type Clock } from '../event/index.ts'
import { isSlug } from '../tenancy/index.ts'
import type { Store } from '../store/index.ts'
import { loadById, loadBySlug, loadTenants, recheck, type Binding, type KnownTenant } from './binding-rows.ts'
import { gathered } from './gathered.ts'
import { openValidators } from './validators.ts'

/** What collect and ingest ask on every event: which dataset is meant, and how its events are judged and read. */
export interface Bindings {
  /** A binding that is at most `maxAgeMs` old, without waiting; undefined says nothing but "ask `bySlug`". */
  peek(tenantId: string, slug: string): Binding | undefined
  /** The binding, read through on a miss; undefined: there is none. Rejects `dependency_away` while Postgres is away. */
  bySlug(tenantId: string, slug: string): Promise<Binding | undefined>
  /** The dataset under the schema version named if it was ever bound to it, else under its current one. */
  byId(tenantId: string, datasetId: string, schemaId?: string): Promise<Binding | undefined>
  /** A finished tenant that is at most `maxAgeMs` old, without waiting. */
  peekTenant(tenantId: string): KnownTenant | undefined
  tenant(tenantId: string): Promise<KnownTenant | undefined>
  /** Drops what is known of a tenant: this process has just changed it. */
  forget(tenantId: string): void
}

interface BindingsOptions {
  /** A change made anywhere is effective here after this long. */
  readonly maxAgeMs: number
  /** Tenants kept, least recently used first out. */
  readonly maxTenants?: number
  /** Only differences count, so the default never steps. */
  readonly clock?: Clock
}

/** Tenants, and datasets of one tenant, that one reading asks for: a binding may bring a schema of 256 KiB. */
const TENANTS_AT_ONCE = 1_000
const DATASETS_AT_ONCE = 64

const monotonic: Clock = { now: () => performance.now() }

interface Known {
  tenant: KnownTenant
  /** When the reading began that these facts come from: true until then, whatever happened since. */
  verifiedAt: number
  verifying: Promise<unknown> | undefined
  readonly bySlug: Map<string, Binding>
  /** Asks Postgres for the current binding of a slug. */
  readonly askBySlug: (slug: string) => Promise<Binding | Error | undefined>
  readonly byId: Map<string, Binding>
  /** `datasetId/schemaId`: a version once bound never changes, so these need no verification. */
  readonly versions: Map<string, Binding>
}

/**
 * The cache of bindings of one process. A tenant's facts (its status, the schema of each dataset that
 * is in use) are verified together, by one transaction, when they are used and older than half of
 * `maxAgeMs`: so whoever sends steadily never waits, an idle tenant costs nothing, and nothing older
 * than `maxAgeMs` is ever used. Nothing is remembered of what is not there.
 */
export function openBindings(store: Store, options: BindingsOptions): Bindings {
  const { maxAgeMs, maxTenants = 10_000, clock = monotonic } = options
  const validators = openValidators()
  const tenants = new Map<string, Known>()
  const asked = new Map<string, Promise<unknown>>()
  const askTenant = gathered((ids) => loadTenants(store, ids), TENANTS_AT_ONCE)

  /** The facts if they may still be used; starts verifying them when they are getting old. */
  function fresh(tenantId: string): Known | undefined {
    const known = tenants.get(tenantId)
    if (known === undefined) return undefined
    const age = clock.now() - known.verifiedAt
    if (age > maxAgeMs / 2 && known.verifying === undefined) void verify(tenantId, known).catch(() => {})
    return age <= maxAgeMs ? known : undefined
  }

  function verify(tenantId: string, known: Known): Promise<unknown> {
    const startedAt = clock.now()
    known.verifying = recheck(store, tenantId, known.byId, validators)
      .then(({ tenant, changed, gone }) => {
        if (tenants.get(tenantId) !== known) return
        if (tenant === undefined) return void tenants.delete(tenantId)
        known.tenant = tenant
        for (const binding of changed) keep(known, binding)
        for (const binding of gone) {
          known.byId.delete(binding.datasetId)
          known.bySlug.delete(binding.datasetSlug)
        }
        known.verifiedAt = startedAt
      })
      .finally(() => (known.verifying = undefined))
    return known.verifying
  }

  function keep(known: Known, binding: Binding): Binding {
    known.bySlug.set(binding.datasetSlug, binding)
    known.byId.set(binding.datasetId, binding)
    known.versions.set(`${binding.datasetId}/${binding.schemaId}`, binding)
    return binding
  }

  async function know(tenantId: string): Promise<Known | undefined> {
    const known = fresh(tenantId)
    if (known !== undefined) return touch(tenantId, known)
    const stale = tenants.get(tenantId)
    if (stale === undefined) return learn(tenantId)
    if (stale.verifying !== undefined) {
      await stale.verifying
      const verified = fresh(tenantId)
      if (verified !== undefined) return verified
    }
    // It began after this call did, so its answer is new enough however long it took.
    if (tenants.get(tenantId) === stale) await (stale.verifying ?? verify(tenantId, stale))
    // Not there may mean that others have taken its place meanwhile: only Postgres says that there is none.
    return tenants.get(tenantId) ?? learn(tenantId)
  }

  async function learn(tenantId: string): Promise<Known | undefined> {
    const startedAt = clock.now()
    const tenant = await askTenant(tenantId)
    // Of those who asked together, one adds it.
    return tenants.get(tenantId) ?? (tenant === undefined ? undefined : addTenant(tenant, startedAt))
  }

  function addTenant(tenant: KnownTenant, startedAt: number): Known {
    const { id: tenantId } = tenant
    const known: Known = {
      tenant,
      verifiedAt: startedAt,
      verifying: undefined,
      bySlug: new Map(),
      askBySlug: gathered((slugs) => loadBySlug(store, tenantId, slugs, validators), DATASETS_AT_ONCE),
      byId: new Map(),
      versions: new Map(),
    }
    tenants.set(tenantId, known)
    if (tenants.size > maxTenants) tenants.delete(tenants.keys().next().value as string)
    return known
  }

  function touch(tenantId: string, known: Known): Known {
    if (tenants.size > maxTenants / 2 && tenants.get(tenantId) === known) {
      tenants.delete(tenantId)
      tenants.set(tenantId, known)
    }
    return known
  }

  /** Joins those who ask for the same at the same time. A joined "not there" may be older than the asker: it asks itself. */
  async function once<T>(key: string, ask: () => Promise<T | undefined>): Promise<T | undefined> {
    const running = asked.get(key) as Promise<T | undefined> | undefined
    if (running !== undefined) {
      const answer = await running
      return answer ?? ask()
    }
    const mine = ask().finally(() => asked.delete(key))
    asked.set(key, mine)
    return mine
  }

  async function loadSlug(known: Known, slug: string): Promise<Binding | undefined> {
    const binding = await known.askBySlug(slug)
    if (binding instanceof Error) throw binding
    if (binding === undefined) return undefined
    // The others who asked together get the same.
    const kept = known.bySlug.get(slug)
    return kept?.schemaId === binding.schemaId ? kept : keep(known, binding)
  }

  async function load(tenantId: string, datasetId: string, schemaId?: string): Promise<Binding | undefined> {
    const known = await know(tenantId)
    if (known === undefined) return undefined
    const key = `${tenantId}/${datasetId}/${schemaId ?? ''}`
    const loaded = await once(key, () => loadById(store, tenantId, { datasetId, schemaId }, validators))
    if (loaded === undefined) return undefined
    const { binding, current } = loaded
    if (!current) known.versions.set(`${binding.datasetId}/${binding.schemaId}`, binding)
    else keep(known, binding)
    return binding
  }

  return {
    peek: (tenantId, slug) => fresh(tenantId)?.bySlug.get(slug),
    peekTenant: (tenantId) => fresh(tenantId)?.tenant,
    async tenant(tenantId) {
      return isUuid(tenantId) ? (await know(tenantId))?.tenant : undefined
    },
    async bySlug(tenantId, slug) {
      if (!isUuid(tenantId) || !isSlug(slug)) return undefined
      const known = await know(tenantId)
      return known === undefined ? undefined : (known.bySlug.get(slug) ?? loadSlug(known, slug))
    },
    async byId(tenantId, datasetId, schemaId) {
      if (!isUuid(tenantId) || !isUuid(datasetId)) return undefined
      const version = schemaId !== undefined && isUuid(schemaId) ? schemaId : undefined
      const exact = tenants.get(tenantId)?.versions.get(`${datasetId}/${version ?? ''}`)
      if (exact !== undefined) return exact
      if (version !== undefined) return load(tenantId, datasetId, version)
      return (await know(tenantId))?.byId.get(datasetId) ?? load(tenantId, datasetId)
    },
    forget: (tenantId) => void tenants.delete(tenantId),
  }
}
