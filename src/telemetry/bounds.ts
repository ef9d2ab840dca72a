/**
 * The bound on the labels `tenant` and `dataset`: the first so many keep their names, everybody after
 * them is `_other`. Newcomers overflow and the admitted keep their series, so sums over all series
 * stay true. Slugs cannot begin with `_`, hence `_other` and `_unknown` never collide with a tenant's.
 */
export const OTHER = '_other'
export const UNKNOWN = '_unknown'

const LABEL = /^[a-z][a-z0-9_-]{0,62}$/

interface Pair {
  readonly tenant: string
  readonly dataset: string
}

export interface Bounds {
  /** The label for a tenant: its slug while it is admitted. */
  tenant(slug: string): string
  /** The labels for a dataset of a tenant, both named or both `_other`. */
  pair(tenant: string, dataset: string): Pair
}

const OTHER_PAIR: Pair = { tenant: OTHER, dataset: OTHER }

/**
 * Keeps one worker's scrape small: 60 tenants and 100 pairs are about 1,500 series of a 10-bucket
 * histogram. What is not a slug (and not `_unknown`) is never admitted.
 */
export function openBounds(limits: { tenants: number; pairs: number } = { tenants: 60, pairs: 100 }): Bounds {
  const tenants = new Set<string>()
  const pairs = new Set<string>()

  const tenant = (slug: string): string => {
    if (slug === UNKNOWN || tenants.has(slug)) return slug
    if (tenants.size >= limits.tenants || !LABEL.test(slug)) return OTHER
    tenants.add(slug)
    return slug
  }

  const pair = (tenantSlug: string, dataset: string): Pair => {
    const label = tenant(tenantSlug)
    if (label === OTHER) return OTHER_PAIR
    // Slugs hold no slash, so the two together are one key.
    const key = `${label}/${dataset}`
    if (!pairs.has(key)) {
      if (pairs.size >= limits.pairs || (dataset !== UNKNOWN && !LABEL.test(dataset))) return OTHER_PAIR
      pairs.add(key)
    }
    return { tenant: label, dataset }
  }

  return { tenant, pair }
}
