import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { mintTraceparent, systemClock, uuidv7, type Traceparent } from '../event/index.ts'
import type { Collect } from '../collect/index.ts'
import type { KnownTenant } from '../registry/index.ts'
import { LEFT, UNMATCHED, announce, type TracePoint } from '../telemetry/index.ts'
import { isSlug } from '../tenancy/index.ts'
import { begin, end } from './underway.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The template of its route: clients cannot mint series with it. */
    route: string
    /** This request's position in its trace; its id is in the answer, the log lines and the records. */
    trace: Traceparent
    /** The position that the caller sent: its parent where the caller is trusted, else linked. */
    caller: TracePoint | undefined
    isTrusted: boolean
    /** Whom the request acts for, where the route asks for a tenant. */
    tenant: KnownTenant | undefined
    /** What became of a collect request's events, by dataset. */
    collected: Awaited<ReturnType<Collect>>['collected'] | undefined
    /** The bytes of a JSON body, from which definitions are taken as they were sent. */
    bodyBytes: Buffer | undefined
  }
  interface FastifyReply {
    /** The code of the problem that was answered. */
    problemCode: string | undefined
  }
}

/** Gives a request its ids and the answer their headers. Called once per request, whatever becomes of it. */
export function identify(request: FastifyRequest, reply: FastifyReply): void {
  request.trace = mintTraceparent()
  request.route = request.routeOptions.url ?? UNMATCHED
  // Fastify hands its own headers to writeHead at once; headers set on the raw answer would be merged one by one.
  void reply.header('x-request-id', request.id)
  void reply.header('traceparent', request.trace.header)
}

/**
 * Ids on every answer, and one announcement for every request: also for one whose client has left before it was answered, which
 * is told as `LEFT`, and as 503 where it may have been this process that ended the connection.
 */
export function addRequestContext(app: FastifyInstance, isDraining: () => boolean): void {
  app.decorateRequest('trace')
  app.decorateRequest('route', UNMATCHED)
  app.decorateRequest('caller', undefined)
  app.decorateRequest('isTrusted', false)
  app.decorateRequest('tenant', undefined)
  app.decorateRequest('collected', undefined)
  app.decorateRequest('bodyBytes', undefined)
  app.decorateReply('problemCode', undefined)
  app.addHook('onRequest', (request, reply, done) => {
    identify(request, reply)
    begin(reply, left)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    if (end(reply)) announceFinished(request, reply)
    done()
  })
  const left = (reply: FastifyReply): void => {
    const why = isDraining() ? { status: 503, code: 'draining' } : { status: LEFT, code: 'client_left' }
    announceFinished(reply.request, reply, why)
  }
}

/** Says once what became of a request; `broken`: its connection ended, and with what. */
export function announceFinished(
  request: FastifyRequest,
  reply: FastifyReply,
  broken?: { readonly status: number; readonly code: string },
): void {
  announce('api.request.finished', {
    method: request.method,
    route: request.route,
    status: broken?.status ?? reply.statusCode,
    tookMs: reply.elapsedTime,
    isIncomplete: broken === undefined || request.raw.complete ? undefined : true,
    tenant: request.tenant?.slug,
    requestId: request.id,
    traceId: request.trace.traceId,
    spanId: request.trace.spanId,
    sampled: request.trace.sampled,
    caller: request.caller,
    trusted: request.isTrusted,
    startedAtMs: systemClock.now() - reply.elapsedTime,
    code: broken?.code ?? reply.problemCode,
    dataset: datasetOf(request),
    collected: request.collected,
  })
}

/** The dataset in the path: a slug, or nothing that could be anybody's text. */
function datasetOf({ params }: FastifyRequest): string | undefined {
  const dataset = (params as { dataset?: unknown } | undefined)?.dataset
  return typeof dataset === 'string' && isSlug(dataset) ? dataset : undefined
}

export const newRequestId = (): string => uuidv7()
