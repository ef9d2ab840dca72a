import { openSlots } from './slots.ts'

/**
 * The labels of tenants and datasets, bounded at the source: who has a place keeps its name, everybody else is `_other`,
 * and every update lands in exactly one series, so that sums over all series stay true. Slugs cannot begin with `_`,
 * hence `_other` and `_unknown` never collide with a tenant's. docs/decisions/0020 has the reasons.
 */
export const OTHER = '_other'
export const UNKNOWN = '_unknown'

const SLUG = /^[a-z][a-z0-9_-]{0,62}$/
const PAIR = /^[a-z][a-z0-9_-]{0,62}\/(?:[a-z][a-z0-9_-]{0,62}|_unknown)$/

/** A label value that the bound has let through: the compiler takes no other for a counter. */
export type Admitted = string & { readonly admitted: never }
/** One object per tenant for as long as it has its place: what was made for it can be kept by this object. */
export interface TenantLabels {
  readonly tenant: Admitted
}
export interface PairLabels extends TenantLabels {
  readonly dataset: Admitted
}

export interface Limits {
  readonly tenants: number
  /** Datasets with series of their own; four in ten of them with histograms of their own. */
  readonly datasets: number
  /** Tenants that always have their place. */
  readonly pinned: readonly string[]
}

/** What a deployment gets that sets nothing: a worker's scrape stays below 5,000 series (`pulse telemetry budget`). */
export const DEFAULT_LIMITS: Limits = { tenants: 60, datasets: 100, pinned: [] }

export interface Bounds {
  /** The labels of a tenant that something happened to, `weight` times. */
  tenant(slug: string, weight?: number): TenantLabels
  /** The labels of a tenant's dataset: itself, `_other` of its tenant, or `_other` altogether. */
  pair(tenant: string, dataset: string, weight?: number): PairLabels
  /** The same for histograms, of which fewer have a place. */
  wide(tenant: string, dataset: string, weight?: number): PairLabels
  /** The labels of a tenant, or of its dataset, that is only looked at: nothing has happened to it. */
  tenantSeen(slug: string): TenantLabels
  pairSeen(tenant: string, dataset: string): PairLabels
  /** Gives places to who only has gauges, if all of them can have one. */
  welcome(
    seen: Iterable<readonly [labels: { readonly tenant?: string; readonly dataset?: string }, ...unknown[]]>,
  ): void
  /** Who has a place. */
  tenants(): Iterable<TenantLabels>
  /** Gives places anew where a period has passed; answers whose series are to go. */
  settle(nowMs: number): Demoted
}

interface Demoted {
  readonly tenants: readonly TenantLabels[]
  readonly pairs: readonly PairLabels[]
  readonly wide: readonly PairLabels[]
}

interface Heard {
  readonly nowMs?: number
  /** Called once for all labels that ever come to have series of their own, before they are given out. */
  readonly onTenant?: (labels: TenantLabels) => void
  readonly onPair?: (labels: PairLabels) => void
  readonly onWide?: (labels: PairLabels) => void
}

/** Opens the bound. One tenant has at most a tenth of the places for datasets. */
export function openBounds(limits: Limits = DEFAULT_LIMITS, heard: Heard = {}): Bounds {
  const { nowMs = performance.now(), onTenant = ignore, onPair = ignore, onWide = ignore } = heard
  const tenth = (places: number): number => Math.max(1, Math.floor(places / 10))
  const pairOfKey = (key: string): PairLabels => {
    const at = key.indexOf('/')
    return pairLabels(key.slice(0, at), key.slice(at + 1))
  }
  // Of each tenant with a place the labels of what is beyond its datasets' bound.
  const rests = new WeakMap<TenantLabels, { pair?: PairLabels; wide?: PairLabels }>()

  const fixed = new Map([OTHER, UNKNOWN].map((tenant) => [tenant, tenantLabels(tenant)] as const))
  const other = fixed.get(OTHER) ?? tenantLabels(OTHER)
  const otherPair = pairLabels(OTHER, OTHER)
  const unknownPair = pairLabels(UNKNOWN, UNKNOWN)
  for (const labels of fixed.values()) onTenant(labels)
  for (const labels of [otherPair, unknownPair]) {
    onPair(labels)
    onWide(labels)
  }

  const tenantPlaces = openSlots<TenantLabels>({
    limit: limits.tenants,
    pinned: limits.pinned,
    nowMs,
    isKey: (key) => SLUG.test(key),
    labelsOf: tenantLabels,
    onAdmitted: onTenant,
  })
  const placesFor = (limit: number, onAdmitted: (labels: PairLabels) => void) =>
    openSlots<PairLabels>({
      limit,
      share: tenth(limit),
      nowMs,
      isKey: (key) => PAIR.test(key),
      labelsOf: pairOfKey,
      onAdmitted,
    })
  const pairPlaces = placesFor(limits.datasets, onPair)
  const widePlaces = placesFor(wideOf(limits.datasets), onWide)

  const tenant = (slug: string, weight = 0): TenantLabels =>
    tenantPlaces.admit(slug, slug, weight) ?? fixed.get(slug) ?? other

  const restOf = (labels: TenantLabels, kind: 'pair' | 'wide'): PairLabels => {
    if (labels === other) return otherPair
    const rest = rests.get(labels) ?? {}
    rests.set(labels, rest)
    if (rest[kind] === undefined) {
      rest[kind] = pairLabels(labels.tenant, OTHER)
      ;(kind === 'pair' ? onPair : onWide)(rest[kind])
    }
    return rest[kind]
  }
  const pairOf = (labels: TenantLabels, dataset: string, weight: number | undefined): PairLabels => {
    if (labels === other) return otherPair
    if (labels.tenant === UNKNOWN) return unknownPair
    const key = `${labels.tenant}/${dataset}`
    const place = weight === undefined ? pairPlaces.find(key) : pairPlaces.admit(key, labels.tenant, weight)
    return place ?? restOf(labels, 'pair')
  }
  const tenantSeen = (slug: string): TenantLabels => fixed.get(slug) ?? tenantPlaces.find(slug) ?? other

  return {
    tenant,
    pair: (slug, dataset, weight = 0) => pairOf(tenant(slug, weight), dataset, weight),
    wide(slug, dataset, weight = 0) {
      const labels = tenant(slug)
      const pair = pairOf(labels, dataset, 0)
      if (pair === otherPair || pair === unknownPair) return pair
      if (pair.dataset === OTHER) return restOf(labels, 'wide')
      return widePlaces.admit(`${pair.tenant}/${pair.dataset}`, pair.tenant, weight) ?? restOf(labels, 'wide')
    },
    tenantSeen,
    pairSeen: (slug, dataset) => pairOf(tenantSeen(slug), dataset, undefined),
    welcome(seen) {
      const slugs = new Set<string>()
      const keys = new Map<string, string>()
      for (const [{ tenant: slug = '' }] of tenantPlaces.free === 0 ? [] : seen) {
        if (tenantPlaces.find(slug) === undefined && SLUG.test(slug)) slugs.add(slug)
        if (slugs.size > tenantPlaces.free) return
      }
      for (const slug of slugs) tenantPlaces.welcome(slug, slug)
      for (const [{ tenant: slug = '', dataset }] of pairPlaces.free === 0 ? [] : seen) {
        if (dataset === undefined || tenantPlaces.find(slug) === undefined) continue
        const key = `${slug}/${dataset}`
        if (pairPlaces.find(key) === undefined && PAIR.test(key)) keys.set(key, slug)
        if (keys.size > pairPlaces.free) return
      }
      for (const [key, slug] of keys) pairPlaces.welcome(key, slug)
    },
    *tenants() {
      yield* fixed.values()
      yield* tenantPlaces.taken
    },
    settle(atMs) {
      const tenants = tenantPlaces.settle(atMs, () => true)
      const hasPlace = (_key: string, owner: string): boolean => tenantPlaces.find(owner) !== undefined
      const isHomeless = (key: string, owner: string): boolean => !hasPlace(key, owner)
      const pairs = [...pairPlaces.drop(isHomeless), ...pairPlaces.settle(atMs, hasPlace)]
      const wide = [
        ...widePlaces.drop((key) => pairPlaces.find(key) === undefined),
        ...widePlaces.settle(atMs, (key) => pairPlaces.find(key) !== undefined),
      ]
      return { tenants, pairs, wide }
    },
  }
}

/** A histogram is a dozen series and more: fewer datasets have their own. */
export const wideOf = (datasets: number): number => Math.max(1, Math.floor(datasets * 0.4))

const ignore = (): void => undefined
const tenantLabels = (tenant: string): TenantLabels => Object.freeze({ tenant: tenant as Admitted })
const pairLabels = (tenant: string, dataset: string): PairLabels =>
  Object.freeze({ tenant: tenant as Admitted, dataset: dataset as Admitted })
