import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import type { Traceparent } from '../event/index.ts'
import type { Sampler } from '../telemetry/index.ts'
import { runWith } from '../tenancy/index.ts'

/**
 * Decides, once per request and before anything is sent on, whether its trace is kept and whose it is. Called as soon as the tenant
 * is known; a request that ends before is not sampled.
 */
export function placeInTrace(request: FastifyRequest, reply: FastifyReply, sampler: Sampler): void {
  const header = request.headers['traceparent'] as string | undefined
  const { trace, caller, trusted } = sampler.place(request.trace, request.tenant?.slug, header)
  request.caller = caller
  request.isTrusted = trusted === true
  move(request, reply, trace)
}

/** For the routes that know no tenant: places the request, and lets what it asks of the places be its children. */
export const placing =
  (sampler: Sampler): onRequestHookHandler =>
  (request, reply, done) => {
    placeInTrace(request, reply, sampler)
    runWith({ requestId: request.id, trace: request.trace }, done)
  }

/** A request that has failed is kept after all, as far as the rate for failed ones allows. */
export function keepFailed(request: FastifyRequest, reply: FastifyReply, sampler: Sampler): boolean {
  move(request, reply, sampler.afterFailure(request.trace))
  return request.trace.sampled
}

/** The answer's header says what was decided last. */
function move(request: FastifyRequest, reply: FastifyReply, trace: Traceparent): void {
  if (trace === request.trace) return
  request.trace = trace
  void reply.header('traceparent', trace.header)
}
