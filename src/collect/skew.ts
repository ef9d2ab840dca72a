import { announce } from '../telemetry/index.ts'

/** The member that says when an event happened; every class of events has it. */
export const timestampOf = ({ timestamp }: Readonly<Record<string, unknown>>): string | undefined =>
  typeof timestamp === 'string' ? timestamp : undefined

/**
 * Says how far a request's first event is from this process's clock: one a request tells a client's clock that is wrong, and
 * costs 0.3 us. Of an event that nobody judged good nothing is said.
 */
export function compareClocks(
  { firstAt, request }: { readonly firstAt: string | undefined; readonly request: { readonly tenantSlug: string } },
  nowMs: number,
): void {
  if (firstAt === undefined) return
  const skewMs = Date.parse(firstAt) - nowMs
  if (!Number.isNaN(skewMs)) announce('collect.clock.compared', { tenant: request.tenantSlug, skewMs })
}
