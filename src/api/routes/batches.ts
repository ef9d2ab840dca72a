import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { getBatch, listBatches, resultsOf, type Uploads } from '../../batch/index.ts'
import { canonicalUuid, isUuid } from '../../event/index.ts'
import type { Limiter } from '../../limits/index.ts'
import { Problem } from '../../problems/index.ts'
import type { KnownTenant } from '../../registry/index.ts'
import type { Store } from '../../store/index.ts'
import type { Sampler } from '../../telemetry/index.ts'
import { runWith } from '../../tenancy/index.ts'
import { found } from '../answers.ts'
import { limitsOn } from '../limited.ts'
import { placeInTrace } from '../place-in-trace.ts'
import { BatchDocument, BatchPage, ResultsBody, UploadBody, UploadHeaders, UploadQuery } from '../schemas/batches.ts'
import { problems } from '../schemas/wire.ts'
import { letIn, tenantOf, type Door } from '../tenant-hook.ts'

export const UPLOAD_ROUTE = '/v1/datasets/:dataset/batch'

interface UploadRoutePlaces extends Door {
  readonly uploads: Uploads
  readonly sampler: Sampler
  readonly limiter: Limiter
}

const tags = ['batches']
type UploadParams = { readonly dataset: string }

/** Files on their way in. */
export function addUploadRoute(app: FastifyInstance, places: UploadRoutePlaces): void {
  const { uploads, sampler, limiter } = places
  /** Who may send events now. */
  const sender = (request: FastifyRequest): Promise<KnownTenant> => letIn(request, places, 'collect')

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { id: tenantId, slug: tenantSlug } = await sender(request)
    placeInTrace(request, reply, sampler)
    const { headers } = request
    const context = { tenantId, tenantSlug, requestId: request.id, trace: request.trace }
    const { socket } = request.raw
    const silenceMs = socket.timeout ?? 0
    // How long it may be silent is judged where the file is read: while rows wait for the bus nobody reads.
    socket.setTimeout(0)
    const batch = await runWith(context, () =>
      uploads.take({
        tenantId,
        tenantSlug,
        dataset: (request.params as UploadParams).dataset,
        contentType: headers['content-type'],
        contentEncoding: headers['content-encoding'],
        contentLength: headers['content-length'],
        uploadId: headers['upload-id'] as string | undefined,
        uploadOffset: headers['upload-offset'] as string | undefined,
        given: givenOf(request.query),
        body: request.raw,
        traceId: request.trace.traceId,
        isAllowed: async () => void (await sender(request)),
        charge(events, bytes) {
          const senders = request.tenant === undefined ? undefined : limitsOn(request.tenant, request.key)
          return senders === undefined ? undefined : limiter.charge(senders, events, bytes)
        },
      }),
    ).finally(() => socket.setTimeout(silenceMs))
    return reply.code(202).header('location', `/v1/batches/${batch.batch_id}`).send(batch)
  }

  // Answers before Fastify would look at the body: a file is read as it arrives.
  app.post(
    UPLOAD_ROUTE,
    {
      schema: {
        tags,
        summary: 'Upload a file of rows',
        description:
          'Reads NDJSON, a JSON array, CSV or Parquet as it arrives and sends each row the way of all events. The answer comes when the file is read; a Parquet file is carried on after it. An upload that was cut goes on with the same `upload-id`, and a repeated one adds nothing.',
        querystring: UploadQuery,
        headers: UploadHeaders,
        body: UploadBody,
        response: { 202: BatchDocument, ...problems(400, 401, 403, 404, 408, 409, 413, 415, 429, 503) },
      },
      config: { scope: 'collect' },
      validatorCompiler: () => () => true,
      onRequest: take,
    },
    () => {
      throw new Error('the upload has not answered')
    },
  )
}

/** What became of uploads: for keys that may read, and for those that send. */
export function addBatchRoutes(app: FastifyInstance, { store }: { readonly store: Store }): void {
  const config = { scope: ['read', 'collect'] } as const
  app.get(
    '/v1/batches',
    {
      schema: {
        tags,
        summary: 'List uploads, newest first',
        description: "The tenant's last 200 of the last 30 days.",
        response: { 200: BatchPage, ...problems(400, 401, 403, 503) },
      },
      config,
    },
    async (request, reply) => reply.send({ items: await listBatches(store, tenantOf(request)), next_cursor: null }),
  )
  app.get<{ Params: { id: string } }>(
    '/v1/batches/:id',
    {
      schema: {
        tags,
        summary: 'How far an upload came',
        description: 'While it runs, and afterwards. It is at most some seconds behind.',
        response: { 200: BatchDocument, ...problems(400, 401, 403, 404, 503) },
      },
      config,
    },
    async (request, reply) => reply.send(await batchOf(request)),
  )
  app.get<{ Params: { id: string } }>(
    '/v1/batches/:id/results',
    {
      schema: {
        tags,
        summary: 'The rejected rows of an upload',
        description:
          'One a line: the line of the file, why it was refused, and where. The first 10,000; all are counted.',
        response: { 200: ResultsBody, ...problems(400, 401, 403, 404, 503) },
      },
      config,
    },
    async (request, reply) => {
      const { batch_id } = await batchOf(request)
      const text = await resultsOf(store, tenantOf(request), batch_id)
      return reply.header('content-type', 'application/x-ndjson; charset=utf-8').send(text)
    },
  )

  async function batchOf(request: FastifyRequest<{ Params: { id: string } }>) {
    const { id } = request.params
    const batch = isUuid(id) ? await getBatch(store, tenantOf(request), canonicalUuid(id)) : undefined
    return found(batch, 'batch', id)
  }
}

/** The parameters that there are; another is refused, not passed over. */
function givenOf(query: unknown): Parameters<Uploads['take']>[0]['given'] {
  const given = query as Record<string, string | string[]>
  const odd = Object.keys(given).find((name) => !(name in UploadQuery.properties))
  if (odd !== undefined)
    throw new Problem('invalid_parameter', `There is no parameter ${JSON.stringify(odd.slice(0, 80))} here.`, {
      errors: [{ pointer: `/${odd.slice(0, 80)}`, keyword: 'additionalProperties', message: 'is not known' }],
    })
  return given
}
