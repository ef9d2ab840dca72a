import type { FastifyRequest } from 'fastify'
import type { Problem, ProblemCode } from '../problems/index.ts'
import { announce, type Announcements } from '../telemetry/index.ts'
import { COLLECT_ROUTE } from './routes/collect.ts'

/** Why a tenant was not established, by the problem that says so. */
const FAILURES: Readonly<Partial<Record<ProblemCode, Announcements['api.auth.failed']['reason']>>> = {
  tenant_required: 'missing',
  tenant_malformed: 'malformed',
  tenant_unknown: 'unknown',
  tenant_suspended: 'suspended',
}

/** Why a collect request was refused before its events were judged; a defect of ours has no reason. */
function reasonOf({ code }: Problem): Announcements['collect.refused']['reason'] | undefined {
  if (code in FAILURES) return 'auth'
  switch (code) {
    case 'internal':
      return undefined
    case 'too_large':
      return 'too_large'
    case 'overloaded':
      return 'shedding'
    case 'rate_limited':
      return 'rate_limited'
    case 'quota_exceeded':
      return 'quota'
    case 'dependency_away':
    case 'draining':
      return 'unavailable'
    default:
      return 'malformed'
  }
}

const UNKNOWN = '_unknown'

/** Says what a refusal means: nobody established, load shed, a collect request refused whole. */
export function announceRefusal(request: FastifyRequest, problem: Problem): void {
  const {
    route,
    trace: { traceId },
  } = request
  const failure = FAILURES[problem.code]
  if (failure !== undefined) announce('api.auth.failed', { reason: failure, route, traceId })
  if (problem.shed !== undefined) announce('api.request.shed', { reason: problem.shed, route })
  // Its requests are counted by event as well: those that never got so far must not be missing.
  if (route !== COLLECT_ROUTE || request.collected !== undefined) return
  const reason = reasonOf(problem)
  if (reason === undefined) return
  announce('collect.refused', { tenant: request.tenant?.slug ?? UNKNOWN, reason, code: problem.code, traceId })
}
