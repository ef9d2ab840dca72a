import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Telemetry } from '../../telemetry/index.ts'
import type { Dependencies } from '../../places/index.ts'

const tags = ['health']
const Checks = Type.Object({ postgres: Type.Boolean(), kafka: Type.Boolean(), minio: Type.Boolean() })
const ready = (status: string) => Type.Object({ status: Type.Literal(status), checks: Checks })

/** What probes and Prometheus ask. None of it waits for anybody. */
export function addHealthRoutes(
  app: FastifyInstance,
  places: {
    readonly readiness: Pick<Dependencies, 'verdicts'>
    readonly metrics: Telemetry['metrics']
    readonly isDraining: () => boolean
  },
): void {
  app.get(
    '/health',
    {
      schema: { tags, summary: 'This process serves', response: { 200: Type.Object({ status: Type.Literal('ok') }) } },
    },
    () => ({ status: 'ok' }),
  )
  app.get(
    '/ready',
    {
      schema: {
        tags,
        summary: 'Postgres, Kafka and the lake are reachable',
        response: { 200: ready('ready'), 503: ready('not_ready') },
      },
    },
    (_request, reply) => {
      const { postgres, kafka, minio } = places.readiness.verdicts()
      const isReady = postgres && kafka && minio && !places.isDraining()
      return reply
        .code(isReady ? 200 : 503)
        .send({ status: isReady ? 'ready' : 'not_ready', checks: { postgres, kafka, minio } })
    },
  )
  app.get('/metrics', { schema: { hide: true } }, (_request, reply) => reply.redirect('/metrics/', 308))
  app.get(
    '/metrics/',
    { schema: { tags, summary: 'Prometheus metrics', response: { 200: Type.String() } } },
    async (request, reply) => {
      const { contentType, bytes } = await places.metrics.exposition(request.headers.accept)
      return reply.header('content-type', contentType).header('cache-control', 'no-store').send(bytes)
    },
  )
}
