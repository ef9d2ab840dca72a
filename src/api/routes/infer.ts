import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { readBody, unpack } from '../../collect/index.ts'
import { inferDefinition, readSamples, type SampleForm } from '../../infer/index.ts'
import { Problem } from '../../problems/index.ts'
import { InferQuery, InferRequest, ProposalDocument } from '../schemas/infer.ts'
import { problems } from '../schemas/wire.ts'
import { compileForRoute } from '../validation.ts'

const MAX_BODY_BYTES = 4 * 1024 * 1024
/** Bodies of this route that are read at once, all together. */
const MAX_PENDING_BYTES = 32 * 1024 * 1024

const FORMS: ReadonlyMap<string, SampleForm> = new Map([
  ['application/json', 'json'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['text/csv', 'csv'],
])

/** Proposes a schema from samples. Nothing is kept of them, so a key that may read may ask. */
export function addInferRoute(app: FastifyInstance, { bodyTimeoutMs }: { readonly bodyTimeoutMs: number }): void {
  const limits = { maxBodyBytes: MAX_BODY_BYTES, maxPendingBytes: MAX_PENDING_BYTES, bodyTimeoutMs }
  // In a scope of its own, in which JSON is read here and not by the server.
  void app.register(async (own) => {
    own.removeAllContentTypeParsers()
    own.addContentTypeParser('*', ({ headers }: FastifyRequest, payload: IncomingMessage) =>
      readBody(payload, limits)
        .then((body) => unpack(body, headers['content-encoding'], MAX_BODY_BYTES))
        .catch((error: unknown) => {
          throw error instanceof Problem && error.code === 'too_large' ? tooMuch(error) : error
        }),
    )
    own.post<{ Body: Buffer | undefined; Querystring: { delimiter?: string } }>(
      '/v1/schemas/infer',
      {
        config: { scope: 'read' },
        schema: {
          tags: ['schemas'],
          summary: 'Propose a schema from sample events',
          description:
            'Types, formats, enumerations, required members and maps, as up to 10,000 samples (4 MiB) show them. The definition can be registered as it is, or edited first; the samples are judged by it and not kept.',
          querystring: InferQuery,
          body: InferRequest,
          response: { 200: ProposalDocument, ...problems(400, 401, 403, 408, 413, 415, 422, 503) },
        },
        validatorCompiler: (part) => (part.httpPart === 'body' ? () => true : compileForRoute(part)),
      },
      async (request, reply) => {
        const form = formOf(request.headers['content-type'])
        const { body } = request
        if (body === undefined || body === null)
          throw new Problem('malformed', 'The request has no body: send sample events.')
        return reply.send(await inferDefinition(readSamples(body, form, request.query.delimiter)))
      },
    )
  })
}

const tooMuch = (cause: Problem): Problem =>
  new Problem('too_large', `Samples may have ${MAX_BODY_BYTES} bytes: a part of what you have is enough.`, { cause })

function formOf(contentType: string | undefined): SampleForm {
  const form = FORMS.get((contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '')
  if (form !== undefined) return form
  throw new Problem(
    'unsupported_media_type',
    'Send samples as application/json, application/x-ndjson or text/csv: say which in Content-Type.',
  )
}
