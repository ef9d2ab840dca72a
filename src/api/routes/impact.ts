import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { canonicalUuid, isUuid } from '../../event/index.ts'
import { assessImpact } from '../../impact/index.ts'
import { found } from '../answers.ts'
import { AskImpact, ImpactDocument } from '../schemas/impact.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

const LAST = 1_000

/** Asks before anything is published or bound. It changes nothing, so a key that may read may ask. */
export function addImpactRoute(app: FastifyInstance, places: Parameters<typeof assessImpact>[0]): void {
  app.post<{ Params: { id: string }; Body: Static<typeof AskImpact> }>(
    '/v1/schemas/:id/impact',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['schemas'],
        summary: 'What binding a dataset to this schema would do',
        description:
          'Of a published schema or a draft: which columns of the dataset’s table would change, what would break, and how many of its newest rows and dead letters would pass or fail under it. Changes nothing.',
        body: AskImpact,
        response: { 200: ImpactDocument, ...problems(400, 401, 403, 404, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { dataset, last = LAST } = request.body
      const asked = isUuid(id) ? { schemaId: canonicalUuid(id), dataset, last } : undefined
      const answer = asked === undefined ? undefined : await assessImpact(places, tenantOf(request), asked)
      return reply.send(found(answer, 'schema', id))
    },
  )
}
