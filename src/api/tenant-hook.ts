import type { FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Scope } from '../keys/index.ts'
import { Problem } from '../problems/index.ts'
import type { Bindings, KnownTenant } from '../registry/index.ts'
import type { Sampler } from '../telemetry/index.ts'
import { runWith } from '../tenancy/index.ts'
import { actorOf, isReading, type Identity } from './identity.ts'
import { placeInTrace } from './place-in-trace.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must be allowed (of several, any), where it is not what the method says: a POST that changes nothing asks to `read`. */
    readonly scope?: Scope | readonly Scope[]
  }
}

/** What a key must be allowed where a route does not say it. `forKeys`: at what concerns keys. */
export const scopeOf = (method: string, forKeys: boolean): Scope => (forKeys || !isReading(method) ? 'manage' : 'read')

/** Throws `tenant_unknown`, `tenant_suspended`. */
export function admit(tenant: KnownTenant | undefined): KnownTenant {
  if (tenant === undefined) {
    throw new Problem(
      'tenant_unknown',
      'There is no tenant with the id in X-Tenant-ID: create one with POST /v1/tenants.',
    )
  }
  if (tenant.status === 'suspended') {
    throw new Problem('tenant_suspended', `The tenant ${tenant.slug} is suspended: set its status to active to go on.`)
  }
  return tenant
}

/** Those who know whom a request acts for. */
export interface Door {
  readonly bindings: Pick<Bindings, 'peekTenant' | 'tenant'>
  readonly identity: Pick<Identity, 'tenantOf'>
}

/** The tenant that a request acts for. Rejects with what `tenantOf` and `admit` throw. */
export async function letIn(
  request: FastifyRequest,
  { bindings, identity }: Door,
  scope: Scope | readonly Scope[],
  more?: { readonly operatorToo: true },
): Promise<KnownTenant> {
  const id = await identity.tenantOf(request, scope, more)
  // Also one that is not let in is named by what is said of the request.
  request.tenant = bindings.peekTenant(id) ?? (await bindings.tenant(id))
  return admit(request.tenant)
}

/**
 * An onRequest hook: finds the tenant before a body is read. What follows runs in the tenant's context,
 * so that a log line from anywhere below names tenant, request and trace, and the places' spans are its children.
 */
export function requireTenant(
  bindings: Pick<Bindings, 'peekTenant' | 'tenant'>,
  sampler: Sampler,
  identity: Pick<Identity, 'tenantOf'>,
  /** For what concerns keys: always `manage`, and the operator may, too. */
  forKeys = false,
): onRequestHookHandler {
  const find = async (request: FastifyRequest): Promise<KnownTenant> => {
    const scope = request.routeOptions.config.scope ?? scopeOf(request.method, forKeys)
    return letIn(request, { bindings, identity }, scope, forKeys ? { operatorToo: true } : undefined)
  }
  return (request, reply, done) => {
    const go = (tenant: KnownTenant): void => {
      placeInTrace(request, reply, sampler)
      const context = {
        tenantId: tenant.id,
        tenantSlug: tenant.slug,
        requestId: request.id,
        actor: actorOf(request),
        trace: request.trace,
      }
      runWith(context, done)
    }
    find(request).then(go, done)
  }
}

/** The id of the tenant that `requireTenant` has found. */
export function tenantOf(request: FastifyRequest): string {
  if (request.tenant === undefined) throw new Error('a route that asks for its tenant lacks the hook that finds it')
  return request.tenant.id
}
