import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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
  type Tenant,
  type TenantPlaces,
} from '../../registry/index.ts'
import { found, pageText, sendText, tenantText } from '../answers.ts'
import { etagOf, preconditionOf, tenantMembers } from '../etags.ts'
import { memberText } from '../json-body.ts'
import { IfMatch, tagged } from '../schemas/etags.ts'
import { CreateTenant, PatchTenant, TenantDocument, TenantPage, TenantQuery } from '../schemas/tenants.ts'
import { problems } from '../schemas/wire.ts'

const MAX_METADATA_BYTES = 16 * 1024
const tags = ['tenants']
const send = (reply: FastifyReply, status: number, tenant: Tenant): FastifyReply =>
  sendText(reply.header('etag', etagOf(tenantMembers(tenant))), status, tenantText(tenant))

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
        response: { 201: tagged(TenantDocument), ...problems(400, 401, 403, 409, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { slug, name } = request.body
      if (isReservedSlug(slug)) {
        throw new Problem('invalid', 'Slugs that begin with pulse- are reserved for Pulse itself: choose another.', {
          errors: [{ pointer: '/slug', keyword: 'reserved', message: 'must not begin with pulse-' }],
        })
      }
      const tenant = await createTenant(places, { slug, name, metadata: metadataOf(request) })
      places.bindings.forget(tenant.id)
      return send(reply, 201, tenant)
    },
  )
  app.get<{ Querystring: Static<typeof TenantQuery> }>(
    '/v1/tenants',
    {
      schema: {
        tags,
        summary: 'List tenants, newest first',
        querystring: TenantQuery,
        response: { 200: TenantPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, cursor, slug } = request.query
      const own = request.key?.tenantId
      if (own !== undefined) {
        // A tenant's key sees its own, as if there were no other.
        const tenant = await getTenant(places.store, own)
        const isAsked = tenant !== undefined && cursor === undefined && (slug === undefined || slug === tenant.slug)
        return sendText(reply, 200, pageText(isAsked ? [tenantText(tenant)] : [], null))
      }
      const page = await listTenants(places.store, { limit, cursor, slug: slug?.replaceAll('\0', '\u{fffd}') })
      return sendText(reply, 200, pageText(page.items.map(tenantText), page.next_cursor))
    },
  )
  app.get<{ Params: { id: string } }>(
    '/v1/tenants/:id',
    {
      schema: {
        tags,
        summary: 'Get a tenant',
        response: { 200: tagged(TenantDocument), ...problems(401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const own = request.key?.tenantId
      const isSeen = isUuid(id) && (own === undefined || own === canonicalUuid(id))
      const tenant = isSeen ? await getTenant(places.store, canonicalUuid(id)) : undefined
      return send(reply, 200, found(tenant, 'tenant', id))
    },
  )
  app.patch<{ Params: { id: string }; Body: Static<typeof PatchTenant> }>(
    '/v1/tenants/:id',
    {
      schema: {
        tags,
        summary: 'Rename, annotate, limit, suspend or resume a tenant',
        headers: IfMatch,
        body: PatchTenant,
        response: { 200: tagged(TenantDocument), ...problems(400, 401, 403, 404, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { name, status, limits } = request.body
      const check = preconditionOf(request, tenantMembers)
      const change = { name, status, metadata: metadataOf(request), limits: limits === null ? {} : limits }
      const tenant = isUuid(id) ? await patchTenant(places.store, canonicalUuid(id), change, check) : undefined
      places.bindings.forget(found(tenant, 'tenant', id).id)
      return send(reply, 200, found(tenant, 'tenant', id))
    },
  )
}

/** Metadata as the client wrote it, checked for what Postgres' jsonb cannot keep or would blow up. */
function metadataOf({ body, bodyBytes }: FastifyRequest): string | undefined {
  const text = bodyBytes === undefined ? undefined : memberText(bodyBytes, 'metadata')
  if (text === undefined) return undefined
  const refuse = (detail: string, keyword: string, message: string): Problem =>
    new Problem('invalid', detail, { errors: [{ pointer: '/metadata', keyword, message }] })
  if (Buffer.byteLength(text) > MAX_METADATA_BYTES) {
    const detail = 'metadata is larger than 16 KiB: keep it elsewhere and put a reference here.'
    throw refuse(detail, 'maxBytes', 'must be at most 16 KiB')
  }
  if (text.includes('\\u0000')) {
    throw refuse('metadata holds the character NUL, which cannot be stored.', 'nul', 'must not hold \\u0000')
  }
  // jsonb writes 1e131000 out as 131,001 digits: a small body could become a large row.
  if (hasInfinity((body as { metadata: unknown }).metadata)) {
    throw refuse(
      'metadata holds a number beyond 1.8e308: send it as a string.',
      'range',
      'must hold numbers that a double can',
    )
  }
  return text
}

function hasInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInfinity)
}
