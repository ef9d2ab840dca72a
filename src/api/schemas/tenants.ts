import { Type } from 'typebox'
import { LimitsDocument, SetLimits } from './limits.ts'
import { Id, Metadata, Name, PAGE_QUERY, Slug, Time, closed, pageOf } from './wire.ts'

const Status = Type.Enum(['active', 'suspended'])

export const TenantDocument = Type.Object({
  id: Id,
  slug: Slug,
  name: Name,
  status: Status,
  metadata: Metadata,
  limits: Type.Optional(LimitsDocument),
  created_at: Time,
  updated_at: Time,
})
export const TenantPage = pageOf(TenantDocument)
export const CreateTenant = closed(
  { slug: Slug, name: Name, metadata: Type.Optional(Metadata) },
  { examples: [{ slug: 'acme', name: 'Acme' }] },
)
export const PatchTenant = closed(
  {
    name: Type.Optional(Name),
    metadata: Type.Optional(Metadata),
    status: Type.Optional(Status),
    limits: Type.Optional(SetLimits),
  },
  { minProperties: 1, examples: [{ status: 'suspended' }, { limits: { events_per_second: 2_000 } }] },
)
export const TenantQuery = closed({ ...PAGE_QUERY, slug: Type.Optional(Type.String({ maxLength: 200 })) })
