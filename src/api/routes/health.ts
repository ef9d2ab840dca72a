import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Dependency, DependencyFacts } from '../../places/index.ts'
import { scrub, type Telemetry } from '../../telemetry/index.ts'
import { problems } from '../schemas/wire.ts'
import { isHealthy, readiness, type ApiFacts } from '../verdicts.ts'

const tags = ['health']
const Checks = Type.Object({ postgres: Type.Boolean(), kafka: Type.Boolean(), minio: Type.Boolean() })
const Detail = Type.Object({
  asked: Type.Boolean({ description: 'Whether it was asked since the start.' }),
  age_ms: Type.Number({ description: 'How long ago it last answered, or failed to.' }),
  latency_ms: Type.Number({ description: 'How long that took.' }),
  error: Type.Union([Type.String(), Type.Null()], { description: 'Why it failed, without secrets.' }),
})
/** The last three only if asked for, with `verbose`. */
const Ready = (status: string) =>
  Type.Object({
    status: Type.Literal(status),
    checks: Checks,
    draining: Type.Optional(Type.Boolean({ description: 'Whether the process is stopping.' })),
    event_loop_age_ms: Type.Optional(Type.Integer({ description: 'How long ago the event loop last turned.' })),
    details: Type.Optional(Type.Object({ postgres: Detail, kafka: Detail, minio: Detail })),
  })
const Status = (status: string) => Type.Object({ status: Type.Literal(status) })
const Verbose = Type.Object({
  verbose: Type.Optional(
    Type.String({ description: 'Adds latency, age and last error of each check, and whether the process drains.' }),
  ),
})

/** Which of the two it is, `Accept` decides. */
const EXPOSITION = {
  description: 'All metrics, as text.',
  content: {
    'text/plain': { schema: Type.String() },
    'application/openmetrics-text': { schema: Type.String() },
  },
}

/** What probes and scrapers ask: answered also while the process drains. */
export const PROBES: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics', '/metrics/'])

/** None of it waits for anybody: verdicts are of facts that somebody else keeps fresh. */
export function addHealthRoutes(
  app: FastifyInstance,
  places: { readonly facts: () => ApiFacts; readonly metrics: Telemetry['metrics'] },
): void {
  app.get(
    '/health',
    { schema: { tags, summary: 'This process serves', response: { 200: Status('ok'), 503: Status('hung') } } },
    (_request, reply) =>
      isHealthy(places.facts()) ? reply.send({ status: 'ok' }) : reply.code(503).send({ status: 'hung' }),
  )
  app.get<{ Querystring: { verbose?: string } }>(
    '/ready',
    {
      schema: {
        tags,
        summary: 'Postgres, Kafka and the lake are reachable',
        querystring: Verbose,
        response: { 200: Ready('ready'), 503: Ready('not_ready'), ...problems(400) },
      },
    },
    (request, reply) => {
      const facts = places.facts()
      const { ready, checks } = readiness(facts)
      const body = { status: ready ? 'ready' : 'not_ready', checks }
      return reply.code(ready ? 200 : 503).send('verbose' in request.query ? { ...body, ...detailsOf(facts) } : body)
    },
  )
  app.get('/metrics', { schema: { hide: true } }, (_request, reply) =>
    reply.header('cache-control', 'no-store').redirect('/metrics/', 308),
  )
  app.get(
    '/metrics/',
    { schema: { tags, summary: 'Prometheus metrics', response: { 200: EXPOSITION } } },
    async (request, reply) => {
      const { contentType, bytes } = await places.metrics.exposition(request.headers.accept)
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(bytes)
    },
  )
}

function detailsOf({ draining, sinceTurnMs, dependencies }: ApiFacts): object {
  const of = ({ answered, agoMs, tookMs, detail }: DependencyFacts): object => ({
    asked: answered !== undefined,
    age_ms: Math.round(agoMs),
    latency_ms: Math.round(tookMs * 1000) / 1000,
    error: detail === '' ? null : scrub(detail),
  })
  const details = Object.entries(dependencies).map(([name, facts]) => [name as Dependency, of(facts)] as const)
  return { draining, event_loop_age_ms: Math.round(sinceTurnMs), details: Object.fromEntries(details) }
}
