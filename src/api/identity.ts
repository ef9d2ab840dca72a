import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { canonicalUuid, isUuid } from '../event/index.ts'
import { OPERATE, type KeyBook, type KeyHolder, type Scope } from '../keys/index.ts'
import { Problem } from '../problems/index.ts'
import { currentContext, runWith } from '../tenancy/index.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who showed a key; undefined where none is asked for. One frozen object a key. */
    key: KeyHolder | undefined
  }
}

/** Who may come in: decided before a body is read. */
export interface Identity {
  /**
   * The tenant that a request acts for, where it may act so (of several scopes any will do); at once where the key is known here. Throws or rejects with
   * `tenant_required`, `tenant_malformed`, and with keys `key_required`, `key_invalid`, `scope_missing`, `tenant_mismatch`, `dependency_away`.
   */
  tenantOf(
    request: FastifyRequest,
    scope: Scope | readonly Scope[],
    more?: { readonly operatorToo: true },
  ): string | Promise<string>
  /** For what concerns tenants themselves: the operator, or with `tenantId` whoever has a key of that tenant. */
  readonly operating: onRequestHookHandler
}

/** HEAD is GET without the body. */
export const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'

const BEARER = /^bearer +(\S+) *$/i

/** Without `book` the door is open: who can reach the port names the tenant. */
export function openIdentity(book: KeyBook | undefined): Identity {
  if (book === undefined) {
    return { tenantOf: (request) => namedTenant(request), operating: (_request, _reply, done) => done() }
  }
  const holder = (request: FastifyRequest): KeyHolder | Promise<KeyHolder> => {
    const { authorization } = request.headers
    const text = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1]
    if (text === undefined)
      throw new Problem('key_required', 'Show a key: Authorization: Bearer pulse_… (PULSE_AUTH=keys asks for one).')
    return book.holderOf(text)
  }

  function admit(
    request: FastifyRequest,
    key: KeyHolder,
    asked: Scope | readonly Scope[],
    operatorToo: boolean,
  ): string {
    request.key = key
    if (key.tenantId === undefined) {
      if (operatorToo) return namedTenant(request)
      throw new Problem(
        'scope_missing',
        "The operator's key makes tenants and their keys: use a key of the tenant here.",
      )
    }
    const lacks = typeof asked === 'string' ? !key.scopes.has(asked) : !asked.some((one) => key.scopes.has(one))
    if (lacks) {
      const named = typeof asked === 'string' ? asked : asked.join(' or ')
      throw new Problem('scope_missing', `The key lacks the scope ${named}: ask for one that has it.`)
    }
    const named = request.headers['x-tenant-id']
    if (named !== undefined && named !== '' && namedTenant(request) !== key.tenantId)
      throw new Problem('tenant_mismatch', 'X-Tenant-ID names another tenant than the key: leave the header out.')
    return key.tenantId
  }

  return {
    tenantOf(request, scope, more) {
      const found = holder(request)
      return found instanceof Promise
        ? found.then((key) => admit(request, key, scope, more !== undefined))
        : admit(request, found, scope, more !== undefined)
    },
    operating(request, _reply, done) {
      const decide = (key: KeyHolder): void => {
        request.key = key
        if (key.scopes.has(OPERATE) || (isReading(request.method) && key.scopes.has('read'))) done()
        else
          done(
            new Problem(
              'scope_missing',
              "Tenants are the operator's: use its key, or one with the scope read to look at your own.",
            ),
          )
      }
      try {
        const found = holder(request)
        if (found instanceof Promise) found.then(decide, done)
        else decide(found)
      } catch (error) {
        done(error as Error)
      }
    },
  }
}

/** Who asks, as the audit names him. Without keys nobody in particular does. */
export function actorOf({ key }: FastifyRequest): string {
  if (key === undefined) return 'open'
  return `${key.tenantId === undefined ? 'operator' : 'key'}:${key.id}`
}

/** For routes without a tenant of their own, once it is known who asks: what is changed from here on is changed by him. */
export const acting: onRequestHookHandler = (request, _reply, done) =>
  runWith({ ...currentContext(), actor: actorOf(request) }, done)

/** The tenant id in the header. Throws `tenant_required`, `tenant_malformed`. */
function namedTenant(request: FastifyRequest): string {
  const header = request.headers['x-tenant-id']
  if (header === undefined || header === '') {
    throw new Problem('tenant_required', 'Name the tenant in the header X-Tenant-ID: <its id>.')
  }
  if (!isUuid(header)) throw new Problem('tenant_malformed', 'X-Tenant-ID must be one UUID, the id of a tenant.')
  return canonicalUuid(header)
}

/** Says how to show who one is, on every answer that asks for it (RFC 9110, 11.6.1). */
export function askForKey(reply: FastifyReply, problem: Problem): void {
  if (problem.code === 'key_required' || problem.code === 'key_invalid')
    void reply.header('www-authenticate', 'Bearer realm="pulse"')
}
