import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { readBody, type Collect } from '../../collect/index.ts'
import { CollectDocument, CollectHeaders, CollectRequest } from '../schemas/collect.ts'
import { problems } from '../schemas/wire.ts'
import type { Limiter, Sender } from '../../limits/index.ts'
import type { Sampler } from '../../telemetry/index.ts'
import { keepFailed, placeInTrace } from '../place-in-trace.ts'
import { limitsOn } from '../limited.ts'
import { admit, type Door } from '../tenant-hook.ts'

export const COLLECT_ROUTE = '/v1/collect'

interface CollectRoutePlaces extends Door {
  readonly collect: Collect
  readonly sampler: Sampler
  readonly limiter: Limiter
  readonly limits: { readonly maxBodyBytes: number; readonly bodyTimeoutMs: number }
}

/**
 * The hot path. The route answers in a hook that runs before Fastify would look at the body, so that an
 * event is parsed once and its bytes carried on to the bus.
 */
export function addCollectRoute(app: FastifyInstance, places: CollectRoutePlaces): void {
  const { collect, bindings, limiter, limits, sampler, identity } = places

  async function handle(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const named = identity.tenantOf(request, 'collect')
    const tenantId = typeof named === 'string' ? named : await named
    request.tenant = bindings.peekTenant(tenantId) ?? (await bindings.tenant(tenantId))
    const tenant = admit(request.tenant)
    placeInTrace(request, reply, sampler)
    const senders = limitsOn(tenant, request.key)
    if (senders !== undefined) {
      tell(reply, limiter, senders)
      try {
        await limiter.enter(senders)
      } catch (problem) {
        tell(reply, limiter, senders)
        throw problem
      }
    }
    const { headers } = request
    const answer = await collect({
      tenantId,
      tenantSlug: tenant.slug,
      contentType: headers['content-type'],
      contentEncoding: headers['content-encoding'],
      idempotencyKey: headers['idempotency-key'] as string | undefined,
      body: await readBody(request.raw, limits),
      trace: request.trace,
      keepFailed: () => keepFailed(request, reply, sampler),
      charge: senders && ((events, bytes) => limiter.charge(senders, events, bytes)),
    })
    if (senders !== undefined) tell(reply, limiter, senders)
    request.collected = answer.collected
    if (request.trace.sampled) void reply.header('server-timing', timing(answer.took))
    if (answer.kind === 'problem') throw answer.problem
    return reply.code(answer.status).header('content-type', 'application/json; charset=utf-8').send(answer.body)
  }

  app.post(
    COLLECT_ROUTE,
    {
      schema: {
        tags: ['collect'],
        summary: 'Accept events',
        headers: CollectHeaders,
        body: CollectRequest,
        response: { 202: CollectDocument, ...problems(400, 401, 403, 413, 415, 422, 429, 503) },
      },
      config: { scope: 'collect' },
      validatorCompiler: () => () => true,
      onRequest: handle,
    },
    () => {
      throw new Error('collect has not answered')
    },
  )
}

/** What may be sent, and what is left of it: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/. */
function tell(reply: FastifyReply, limiter: Limiter, senders: readonly Sender[]): void {
  const { policy, limit } = limiter.describe(senders)
  void reply.header('ratelimit-policy', policy).header('ratelimit', limit)
}

/** Where the time went, for browsers and `curl -i`: https://www.w3.org/TR/server-timing/. */
const timing = ({ validateMs, publishMs }: Awaited<ReturnType<Collect>>['took']): string =>
  `validate;dur=${validateMs.toFixed(3)}, publish;dur=${publishMs.toFixed(3)}`
