import { Problem } from '../problems/index.ts'
import { CANARY_SLUG } from '../tenancy/index.ts'
import { createTenant, type TenantPlaces } from './tenants.ts'

/** Slugs that only Pulse itself may give. */
export const isReservedSlug = (slug: string): boolean => slug.startsWith('pulse-')

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 10_000

/**
 * Sees to it that the canary tenant exists, trying again with backoff until it does or `signal`
 * aborts. Never rejects; `said` hears each failure. Safe from many processes at once.
 */
export async function ensureCanaryTenant(
  places: TenantPlaces,
  options: {
    readonly signal: AbortSignal
    readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
    readonly said?: (error: unknown) => void
  },
): Promise<void> {
  for (let waitMs = FIRST_WAIT_MS; !options.signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    try {
      await createTenant(places, { slug: CANARY_SLUG, name: 'Pulse canary' })
      return
    } catch (error) {
      if (error instanceof Problem && error.code === 'tenant_slug_taken') return
      options.said?.(error)
    }
    await options.wait(waitMs, options.signal)
  }
}
