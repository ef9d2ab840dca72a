import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { canonicalUuid, instantOf, isUuid } from '../../event/index.ts'
import {
  createKey,
  getKey,
  listKeys,
  patchKey,
  revokeKey,
  rotateKey,
  type Key,
  type KeyBook,
  type Scope,
} from '../../keys/index.ts'
import { Problem } from '../../problems/index.ts'
import type { Store } from '../../store/index.ts'
import { found, keyText, pageText, sendText } from '../answers.ts'
import { etagOf, keyMembers, preconditionOf } from '../etags.ts'
import { IfMatch, tagged } from '../schemas/etags.ts'
import { CreateKey, KeyDocument, KeyPage, MadeKeyDocument, PatchKey, RotateKey } from '../schemas/keys.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

const tags = ['keys']
const OVERLAP_SECONDS = 86_400
const send = (reply: FastifyReply, status: number, key: Key): FastifyReply =>
  sendText(reply.header('etag', etagOf(keyMembers(key))), status, keyText(key))

/** A tenant's keys: for the operator, and for keys with the scope `manage`. */
export function addKeyRoutes(
  app: FastifyInstance,
  { store, book }: { readonly store: Store; readonly book: Pick<KeyBook, 'forget'> | undefined },
): void {
  app.post<{ Body: Static<typeof CreateKey> }>(
    '/v1/keys',
    {
      schema: {
        tags,
        summary: 'Make a key',
        body: CreateKey,
        response: { 201: tagged(MadeKeyDocument), ...problems(400, 401, 403, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { name, scopes, expires_at: expiresAt, limits } = request.body
      refuseMore(request, scopes)
      const wanted = { name, scopes, expiresAt: endOf(expiresAt), limits: limits ?? undefined }
      const made = await createKey(store, tenantOf(request), wanted)
      return send(reply, 201, made)
    },
  )
  app.get(
    '/v1/keys',
    {
      schema: {
        tags,
        summary: "List the tenant's keys, newest first",
        response: { 200: KeyPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const items = await listKeys(store, tenantOf(request))
      return sendText(reply, 200, pageText(items.map(keyText), null))
    },
  )
  app.get<{ Params: { id: string } }>(
    '/v1/keys/:id',
    {
      schema: {
        tags,
        summary: 'Get a key, without its secret',
        response: { 200: tagged(KeyDocument), ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const key = isUuid(id) ? await getKey(store, tenantOf(request), canonicalUuid(id)) : undefined
      return send(reply, 200, found(key, 'key', id))
    },
  )
  app.patch<{ Params: { id: string }; Body: Static<typeof PatchKey> }>(
    '/v1/keys/:id',
    {
      schema: {
        tags,
        summary: 'Rename or limit a key',
        description: 'Effective on every process within two seconds. What a key may do is what it was made with.',
        headers: IfMatch,
        body: PatchKey,
        response: { 200: tagged(KeyDocument), ...problems(400, 401, 403, 404, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { name, limits } = request.body
      const check = preconditionOf(request, keyMembers)
      const change = { name, limits: limits === null ? {} : limits }
      const key = isUuid(id) ? await patchKey(store, tenantOf(request), canonicalUuid(id), change, check) : undefined
      book?.forget(found(key, 'key', id).id)
      return send(reply, 200, found(key, 'key', id))
    },
  )
  app.post<{ Params: { id: string }; Body: Static<typeof RotateKey> }>(
    '/v1/keys/:id/rotate',
    {
      schema: {
        tags,
        summary: 'Make a key in the place of another, which holds a while longer',
        headers: IfMatch,
        body: RotateKey,
        response: { 201: tagged(MadeKeyDocument), ...problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const tenantId = tenantOf(request)
      const old = isUuid(id) ? await getKey(store, tenantId, canonicalUuid(id)) : undefined
      refuseMore(request, found(old, 'key', id).scopes)
      const overlap = request.body.overlap_seconds ?? OVERLAP_SECONDS
      const check = preconditionOf(request, keyMembers)
      const made = await rotateKey(store, tenantId, canonicalUuid(id), overlap, check)
      book?.forget(canonicalUuid(id))
      return send(reply, 201, found(made, 'key', id))
    },
  )
  app.delete<{ Params: { id: string } }>(
    '/v1/keys/:id',
    {
      schema: {
        tags,
        summary: 'Revoke a key: refused everywhere within two seconds',
        headers: IfMatch,
        response: { 200: tagged(KeyDocument), ...problems(400, 401, 403, 404, 412, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const check = preconditionOf(request, keyMembers)
      const key = isUuid(id) ? await revokeKey(store, tenantOf(request), canonicalUuid(id), check) : undefined
      book?.forget(found(key, 'key', id).id)
      return send(reply, 200, found(key, 'key', id))
    },
  )
}

/** Nobody gives away what he has not: a key with `manage` alone makes no key that reads. */
function refuseMore({ key }: FastifyRequest, scopes: readonly Scope[]): void {
  if (key?.tenantId === undefined) return
  const beyond = scopes.filter((scope) => !key.scopes.has(scope))
  if (beyond.length > 0)
    throw new Problem('scope_missing', `The key cannot give what it has not: ${beyond.join(', ')}.`)
}

/** As Postgres takes it. */
const endOf = (text: string | undefined): string | undefined => (text === undefined ? undefined : instantOf(text))
