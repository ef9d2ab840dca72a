import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { canonicalUuid, isUuid } from '../../event/index.ts'
import {
  ENTITY_KINDS,
  archiveEntity,
  createEntity,
  getEntity,
  listEntities,
  patchEntity,
  schemaFacts,
  type Entity,
  type EntityChange,
  type EntityKind,
  type NewEntity,
} from '../../registry/index.ts'
import type { Store } from '../../store/index.ts'
import { entityText, found, pageText, sendText } from '../answers.ts'
import { entityMembers, etagOf, preconditionOf } from '../etags.ts'
import { memberText } from '../json-body.ts'
import { ForceQuery, entityQuery, entitySchemas } from '../schemas/entities.ts'
import { IfMatch, tagged } from '../schemas/etags.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

/** The five kinds of the registry, one path for all. */
export function addEntityRoutes(app: FastifyInstance, store: Store): void {
  for (const kind of Object.keys(ENTITY_KINDS) as EntityKind[]) addKind(app, store, kind)
}

function addKind(app: FastifyInstance, store: Store, kind: EntityKind): void {
  const { collection, noun } = ENTITY_KINDS[kind]
  const { document, page, create, patch } = entitySchemas(kind)
  const path = `/v1/${collection}`
  const tags = [collection]
  const one = async <T>(id: string, act: (id: string) => Promise<T | undefined>): Promise<T> =>
    found(isUuid(id) ? await act(canonicalUuid(id)) : undefined, noun, id)
  const send = async (request: FastifyRequest, reply: FastifyReply, status: number, entity: Entity) => {
    const facts = kind === 'schema' ? await schemaFacts(store, tenantOf(request), entity) : undefined
    return sendText(reply.header('etag', etagOf(entityMembers(entity))), status, entityText(entity, facts))
  }

  app.post<{ Body: Omit<NewEntity, 'definition'> }>(
    path,
    {
      schema: {
        tags,
        summary: `Create a ${noun}, a draft`,
        body: create,
        response: { 201: tagged(document), ...problems(400, 401, 403, 409, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const wanted = { ...request.body, definition: memberText(request.bodyBytes as Buffer, 'definition') ?? '{}' }
      return send(request, reply, 201, await createEntity(store, tenantOf(request), kind, wanted))
    },
  )
  app.get<{ Querystring: Partial<Parameters<typeof listEntities>[3]> }>(
    path,
    {
      schema: {
        tags,
        summary: `List what the tenant sees, newest first`,
        querystring: entityQuery(kind),
        response: { 200: page, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, ...query } = request.query
      const { items, next_cursor } = await listEntities(store, tenantOf(request), kind, { limit, ...query })
      return sendText(
        reply,
        200,
        pageText(
          items.map((item) => entityText(item)),
          next_cursor,
        ),
      )
    },
  )
  app.get<{ Params: { id: string } }>(
    `${path}/:id`,
    {
      schema: {
        tags,
        summary: `Get a ${noun}`,
        response: { 200: tagged(document), ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const entity = await one(request.params.id, (id) => getEntity(store, tenantOf(request), kind, id))
      return send(request, reply, 200, entity)
    },
  )
  app.patch<{ Params: { id: string }; Querystring: Static<typeof ForceQuery>; Body: Omit<EntityChange, 'definition'> }>(
    `${path}/:id`,
    {
      schema: {
        tags,
        summary: `Change a ${noun}, publish or archive it`,
        headers: IfMatch,
        querystring: ForceQuery,
        body: patch,
        response: { 200: tagged(document), ...problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const check = preconditionOf(request, entityMembers)
      const { force } = request.query
      const change = { ...request.body, definition: memberText(request.bodyBytes as Buffer, 'definition') }
      const entity = await one(request.params.id, (id) =>
        patchEntity(store, tenantOf(request), { kind, id }, change, { check, force }),
      )
      return send(request, reply, 200, entity)
    },
  )
  app.delete<{ Params: { id: string }; Querystring: Static<typeof ForceQuery> }>(
    `${path}/:id`,
    {
      schema: {
        tags,
        summary: `Archive a ${noun}`,
        headers: IfMatch,
        querystring: ForceQuery,
        response: { 200: tagged(document), ...problems(400, 401, 403, 404, 409, 412, 503) },
      },
    },
    async (request, reply) => {
      const check = preconditionOf(request, entityMembers)
      const { force } = request.query
      const entity = await one(request.params.id, (id) =>
        archiveEntity(store, tenantOf(request), { kind, id }, { check, force }),
      )
      return send(request, reply, 200, entity)
    },
  )
}
