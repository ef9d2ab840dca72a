import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { canonicalUuid, isUuid } from '../../event/index.ts'
import { Problem } from '../../problems/index.ts'
import {
  createTenant,
  getTenant,
  isReservedSlug,
  listTenants,
  patchTenant,
  type Bindings,
  type TenantPlaces,
} from '../../registry/index.ts'
import { found, sendText, tenantText } from '../answers.ts'
import { memberText } from '../json-body.ts'
import { pageText } from '../json-text.ts'
import { CreateTenant, PatchTenant, TenantDocument, TenantPage, TenantQuery } from '../schemas/tenants.ts'
import { problems } from '../schemas/wire.ts'

const MAX_METADATA_BYTES = 16 * 1024
const tags = ['tenants']

/** Tenants: they need no tenant, they mint one. */
export function addTenantRoutes(
  app: FastifyInstance,
  places: TenantPlaces & { readonly bindings: Pick<Bindings, 'forget'> },
): void {
  app.post<{ Body: Static<typeof CreateTenant> }>(
    '/v1/tenants',
    {
      schema: {
        tags,
        summary: 'Create a tenant',
        body: CreateTenant,
        response: { 201: TenantDocument, ...problems(400, 409, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { slug, name } = request.body
      if (isReservedSlug(slug)) {
        throw new Problem('invalid', 'Slugs that begin with pulse- are reserved for Pulse itself: choose another.', {
          errors: [{ pointer: '/slug', keyword: 'reserved', message: 'must not begin with pulse-' }],
        })
      }
      const tenant = await createTenant(places, { slug, name, metadata: metadataOf(request.bodyBytes) })
      places.bindings.forget(tenant.id)
      return sendText(reply, 201, tenantText(tenant))
    },
  )
  app.get<{ Querystring: Static<typeof TenantQuery> }>(
    '/v1/tenants',
    {
      schema: {
        tags,
        summary: 'List tenants, newest first',
        querystring: TenantQuery,
        response: { 200: TenantPage, ...problems(400, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, cursor, slug } = request.query
      const page = await listTenants(places.store, { limit, cursor, slug: slug?.replaceAll('\0', '\u{fffd}') })
      return sendText(reply, 200, pageText(page.items.map(tenantText), page.next_cursor))
    },
  )
  app.get<{ Params: { id: string } }>(
    '/v1/tenants/:id',
    { schema: { tags, summary: 'Get a tenant', response: { 200: TenantDocument, ...problems(404, 503) } } },
    async (request, reply) => {
      const { id } = request.params
      const tenant = isUuid(id) ? await getTenant(places.store, canonicalUuid(id)) : undefined
      return sendText(reply, 200, tenantText(found(tenant, 'tenant', id)))
    },
  )
  app.patch<{ Params: { id: string }; Body: Static<typeof PatchTenant> }>(
    '/v1/tenants/:id',
    {
      schema: {
        tags,
        summary: 'Rename, annotate, suspend or resume a tenant',
        body: PatchTenant,
        response: { 200: TenantDocument, ...problems(400, 404, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { name, status } = request.body
      const change = { name, status, metadata: metadataOf(request.bodyBytes) }
      const tenant = isUuid(id) ? await patchTenant(places.store, canonicalUuid(id), change) : undefined
      places.bindings.forget(found(tenant, 'tenant', id).id)
      return sendText(reply, 200, tenantText(found(tenant, 'tenant', id)))
    },
  )
}

/** Metadata as the client wrote it, checked for what Postgres' jsonb cannot keep. */
function metadataOf(bytes: Buffer | undefined): string | undefined {
  const text = bytes === undefined ? undefined : memberText(bytes, 'metadata')
  if (text === undefined) return undefined
  const fault = (keyword: string, message: string) => ({ errors: [{ pointer: '/metadata', keyword, message }] })
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) {
    throw new Problem(
      'invalid',
      'metadata is larger than 16 KiB: keep it elsewhere and put a reference here.',
      fault('maxBytes', 'must be at most 16 KiB'),
    )
  }
  if (text.includes('\\u0000')) {
    throw new Problem(
      'invalid',
      'metadata holds the character NUL, which cannot be stored.',
      fault('nul', 'must not hold \\u0000'),
    )
  }
  return text
}
