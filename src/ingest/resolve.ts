import type { Binding, Bindings } from '../registry/index.ts'

/** A dataset's schema version as a record names it. */
export interface Resolution {
  readonly binding: Binding
  /** The record was validated against exactly this version; false = the current one stands in for it. */
  readonly named: boolean
}

/**
 * Bindings by what records carry, answered at once or not yet: the consumer asks `peek` for every
 * record and waits for `load` only when it meets something new, so that there is no promise per
 * record.
 */
export interface Resolver {
  /** `undefined`: not known here, `load` it. `null`: there is no such dataset. */
  peek(tenantId: string, datasetId: string, schemaId: string, nowMs: number): Resolution | null | undefined
  /** Rejects while Postgres is away: nobody knows then, so nothing may be judged. */
  load(tenantId: string, datasetId: string, schemaId: string, nowMs: number): Promise<void>
  /** The tenant's slug; `_unknown` until loaded. */
  tenantSlug(tenantId: string): string
  loadTenant(tenantId: string): Promise<void>
}

/** How long an absent dataset, or one whose named version was never bound, is believed to be so (api.md: effective within 2 s). */
const DOUBT_MS = 2_000
const MAX_ENTRIES = 20_000

const keyOf = (datasetId: string, schemaId: string): string => `${datasetId}/${schemaId}`

interface Entry {
  readonly resolution: Resolution | null
  readonly untilMs: number
}

export function openResolver(bindings: Pick<Bindings, 'byId' | 'tenant'>): Resolver {
  // By tenant first: what one tenant's records claim about another's dataset must not be remembered for that other.
  const known = new Map<string, Map<string, Entry>>()
  const tenants = new Map<string, string>()
  let entries = 0

  return {
    peek(tenantId, datasetId, schemaId, nowMs) {
      const entry = known.get(tenantId)?.get(keyOf(datasetId, schemaId))
      return entry === undefined || nowMs > entry.untilMs ? undefined : entry.resolution
    },
    async load(tenantId, datasetId, schemaId, nowMs) {
      const binding = await bindings.byId(tenantId, datasetId, schemaId === '' ? undefined : schemaId)
      if (entries >= MAX_ENTRIES) {
        known.clear()
        entries = 0
      }
      let versions = known.get(tenantId)
      if (versions === undefined) {
        versions = new Map()
        known.set(tenantId, versions)
      }
      entries += 1
      const named = binding !== undefined && binding.schemaId === schemaId
      // A version once bound stays what it is for ever; anything else may change.
      const untilMs = named ? Number.POSITIVE_INFINITY : nowMs + DOUBT_MS
      versions.set(keyOf(datasetId, schemaId), {
        resolution: binding === undefined ? null : { binding, named },
        untilMs,
      })
    },
    tenantSlug: (tenantId) => tenants.get(tenantId) ?? '_unknown',
    async loadTenant(tenantId) {
      if (tenants.has(tenantId)) return
      const tenant = await bindings.tenant(tenantId)
      if (tenant !== undefined) tenants.set(tenantId, tenant.slug)
    },
  }
}
