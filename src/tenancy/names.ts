const SLUG = /^[a-z][a-z0-9_-]{0,62}$/

/** Tenants and datasets: a lower-case letter, then up to 62 letters, digits, `_` or `-`. */
export const isSlug = (text: string): boolean => SLUG.test(text)

/** The Iceberg namespace of a tenant: `pulse_` and the id's 32 hex digits. The catalog's row policy says the same in SQL. */
export const namespaceOf = (tenantId: string): string => `pulse_${tenantId.replaceAll('-', '').toLowerCase()}`

/** The tenant that exists from the first start, so that an installation without users has a partition to own. */
export const CANARY_SLUG = 'pulse-canary'

/** The canary's dataset: the only one whose rows are taken out again, a day after their own. */
export const CANARY_DATASET = 'canary'
