import type { KeyHolder } from '../keys/index.ts'
import type { Sender } from '../limits/index.ts'
import type { KnownTenant } from '../registry/index.ts'

/** Who of those that send this is limited; undefined where nobody is, which costs two looks. */
export function limitsOn(tenant: KnownTenant, key: KeyHolder | undefined): readonly Sender[] | undefined {
  const ofKey = key?.limits ?? null
  if (tenant.limits === null && ofKey === null) return undefined
  const senders: Sender[] = []
  if (tenant.limits !== null) senders.push({ kind: 'tenant', id: tenant.id, name: tenant.slug, limits: tenant.limits })
  if (key !== undefined && ofKey !== null) senders.push({ kind: 'key', id: key.id, name: key.id, limits: ofKey })
  return senders
}
