import { announce, type Announcements } from '../telemetry/index.ts'
import { currentContext } from '../tenancy/index.ts'

type Changed = Announcements['registry.changed']

/**
 * Says that a change is committed: called after the transaction, never in it. `tenant` is the slug of whose it is; what is
 * not a tenant itself is changed by somebody whose context this runs in.
 */
export function announceChange(
  entity: Changed['entity'],
  action: Changed['action'],
  of: { readonly id: string; readonly uri?: string; readonly tenant?: string },
): void {
  const { id, uri, tenant = currentContext()?.tenantSlug ?? '_unknown' } = of
  announce('registry.changed', { entity, action, tenant, id, uri })
}
