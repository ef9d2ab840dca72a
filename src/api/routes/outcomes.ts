import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Collect } from '../../collect/index.ts'
import { canonicalUuid, isUuid } from '../../event/index.ts'
import {
  countLetters,
  getLetter,
  listLetters,
  payloadOf,
  receiptOf,
  replayLetter,
  replaySlice,
  withoutQuotes,
  type LetterWithPayload,
  type Replayer,
  type Watermarks,
} from '../../outcomes/index.ts'
import { Problem } from '../../problems/index.ts'
import { getDataset } from '../../registry/index.ts'
import type { Store } from '../../store/index.ts'
import type { Sampler } from '../../telemetry/index.ts'
import { found, sendText } from '../answers.ts'
import { memberText } from '../json-body.ts'
import { keepFailed } from '../place-in-trace.ts'
import {
  LetterDocument,
  LetterPage,
  LetterQuery,
  MOST_REPLAYED,
  ReceiptDocument,
  ReceiptQuery,
  ReplayLetter,
  ReplayLetters,
  ReplayedDocument,
  ReplayedSliceDocument,
} from '../schemas/outcomes.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

interface OutcomePlaces {
  readonly store: Store
  readonly collect: Collect
  readonly watermarks: Watermarks
  readonly sampler: Sampler
  readonly limits: { readonly maxEvents: number }
}

const SLICE = 500
const tags = ['dead letters']

/** What became of events: dead letters of a dataset and of the whole tenant, their replay, and receipts. */
export function addOutcomeRoutes(app: FastifyInstance, places: OutcomePlaces): void {
  addLetterRoutes(app, places, '/v1/datasets/:dataset/dead-letters', 'of a dataset')
  addLetterRoutes(app, places, '/v1/dead-letters', 'of the tenant, those of no dataset too')
  addReceiptRoute(app, places)
}

type LetterParams = { readonly dataset?: string; readonly id?: string }

function addLetterRoutes(app: FastifyInstance, places: OutcomePlaces, path: string, whose: string): void {
  const { store, collect, sampler, limits } = places
  const datasetOf = async (request: FastifyRequest): Promise<string | undefined> => {
    const { dataset } = request.params as LetterParams
    if (dataset === undefined) return undefined
    return found(await getDataset(store, tenantOf(request), dataset), 'dataset', dataset).id
  }
  const replayer = (request: FastifyRequest, reply: FastifyReply): Replayer => ({
    tenantId: tenantOf(request),
    tenantSlug: request.tenant?.slug ?? '',
    trace: request.trace,
    keepFailed: () => keepFailed(request, reply, sampler),
    seesPayloads: seesAll(request),
  })

  app.get<{ Querystring: Static<typeof LetterQuery> }>(
    path,
    {
      schema: {
        tags,
        summary: `List the dead letters ${whose}, or count them`,
        description:
          'Accepted events that could not become rows, newest first, without their payload. With `group`, how many there are.',
        querystring: LetterQuery,
        response: { 200: LetterPage, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, cursor, group, event_id: eventId, ...filter } = request.query
      const datasetId = await datasetOf(request)
      const which = { ...filter, datasetId, eventId: eventId === undefined ? undefined : canonicalUuid(eventId) }
      if (group !== undefined) return reply.send(await countLetters(store, tenantOf(request), which, group))
      const page = await listLetters(store, tenantOf(request), which, { limit, cursor })
      return reply.send(seesAll(request) ? page : { ...page, items: page.items.map(withoutQuotes) })
    },
  )
  app.get<{ Params: LetterParams }>(
    `${path}/:id`,
    {
      schema: {
        tags,
        summary: `Get a dead letter ${whose}, with its payload`,
        description:
          'The event as it was sent, the reason, its place on the bus and the trace of its request. A key needs the scope `pii` to see the payload, and sentences that may quote it: what is no event cannot be masked field by field.',
        response: { 200: LetterDocument, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { id = '' } = request.params
      const letter = await getLetter(store, tenantOf(request), id, await datasetOf(request))
      return sendText(reply, 200, letterText(found(letter, 'dead letter', id), seesAll(request)))
    },
  )
  app.post<{ Params: LetterParams; Body: Static<typeof ReplayLetter> }>(
    `${path}/:id/replay`,
    {
      schema: {
        tags,
        summary: `Send a dead letter ${whose} again, as it is or with other data`,
        description:
          'The event goes the way of every other, under its own id: it is judged as collect judges it, and is one row however often it is sent. A letter that was sent again once is not sent a second time.',
        body: ReplayLetter,
        response: { 200: ReplayedDocument, ...problems(400, 401, 403, 404, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { id = '' } = request.params
      const which = { id, datasetId: await datasetOf(request) }
      const data = memberText(request.bodyBytes as Buffer, 'data')
      const done = await replayLetter({ store, collect }, replayer(request, reply), which, {
        data,
        dataset: request.body.dataset,
        dryRun: request.body.dry_run,
      })
      const { replayed, answer } = found(done, 'dead letter', id)
      request.collected = answer?.collected
      return reply.send(replayed)
    },
  )
  app.post<{ Body: Static<typeof ReplayLetters> }>(
    `${path}/replay`,
    {
      schema: {
        tags,
        summary: `Send the dead letters ${whose} again, a slice at a time`,
        description:
          'The oldest first, those that were not sent again before. Ask again with `next_cursor` until it is null; who stops asking has stopped, and loses nothing. `dry_run` says what would pass.',
        body: ReplayLetters,
        response: { 200: ReplayedSliceDocument, ...problems(400, 401, 403, 404, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { dry_run: dryRun = false, limit = SLICE, cursor, ...filter } = request.body
      const slice = { limit: Math.min(limit, MOST_REPLAYED, limits.maxEvents), cursor, dryRun }
      const which = { ...filter, datasetId: await datasetOf(request) }
      const done = await replaySlice({ store, collect }, replayer(request, reply), which, slice)
      request.collected = done.answer?.collected
      return reply.send(done.slice)
    },
  )
}

function addReceiptRoute(app: FastifyInstance, places: OutcomePlaces): void {
  const { store, watermarks } = places
  app.get<{ Params: { event_id: string }; Querystring: Static<typeof ReceiptQuery> }>(
    '/v1/events/:event_id',
    {
      // Whoever sends asks what became of it.
      config: { scope: ['collect', 'read'] },
      schema: {
        tags: ['collect'],
        summary: 'What became of an event',
        description:
          'Committed to the table, kept as a dead letter, or not settled: then the watermark says whether to wait for it or to send it again.',
        querystring: ReceiptQuery,
        response: { 200: ReceiptDocument, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { event_id: eventId } = request.params
      const { dataset } = request.query
      const known = found(await getDataset(store, tenantOf(request), dataset), 'dataset', dataset)
      if (!isUuid(eventId))
        throw new Problem('invalid_parameter', 'An event id is a UUID in the form 8-4-4-4-12 hexadecimal digits.', {
          errors: [{ pointer: '/event_id', keyword: 'format', message: 'must be a UUID' }],
        })
      const receipt = await receiptOf({ store, watermarks }, tenantOf(request), known, canonicalUuid(eventId))
      if (seesAll(request) || receipt.status === 'committed' || receipt.dead_letter === null) return reply.send(receipt)
      return reply.send({ ...receipt, dead_letter: withoutQuotes(receipt.dead_letter) })
    },
  )
}

/** Without keys everybody does. */
const seesAll = ({ key }: FastifyRequest): boolean => key === undefined || key.scopes.has('pii')

/** By hand, so that the payload's numbers come back digit for digit. */
function letterText({ value, headers, ...whole }: LetterWithPayload, mayRead: boolean): string {
  const letter = mayRead ? whole : withoutQuotes(whole)
  const { json, base64 } = mayRead ? payloadOf({ value }) : { json: null, base64: null }
  const more = { headers, payload_base64: base64, payload_withheld: !mayRead }
  return `${JSON.stringify({ ...letter, ...more }).slice(0, -1)},"payload":${json ?? 'null'}}`
}
