import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { KeyHolder } from '../../keys/index.ts'
import type { Preview } from '../../preview/index.ts'
import { Problem } from '../../problems/index.ts'
import {
  createDataset,
  getDataset,
  listDatasets,
  patchDataset,
  rebindDataset,
  type Bindings,
  type Dataset,
  type DatasetPlaces,
} from '../../registry/index.ts'
import { found } from '../answers.ts'
import { eachOf } from '../each.ts'
import { datasetMembers, etagOf, preconditionOf } from '../etags.ts'
import {
  CreateDataset,
  DatasetDocument,
  DatasetPage,
  DatasetQuery,
  DatasetWithFacts,
  PatchDataset,
  PreviewDocument,
  PreviewQuery,
} from '../schemas/datasets.ts'
import { IfMatch, tagged } from '../schemas/etags.ts'
import { problems } from '../schemas/wire.ts'
import { tenantOf } from '../tenant-hook.ts'

const tags = ['datasets']
/** Tables whose metadata is read at once for a list. */
const FACTS_AT_ONCE = 8
const UNKNOWN_FACTS = { rows: null, files: null, bytes: null, snapshot_id: null, committed_at: null, location: null }

interface DatasetRoutePlaces extends DatasetPlaces {
  readonly preview: Pick<Preview, 'read' | 'facts'>
  readonly bindings: Pick<Bindings, 'forget'>
}

const documentOf = ({ namespace, table_name, created_at, updated_at, ...dataset }: Dataset) => ({
  ...dataset,
  table: `${namespace}.${table_name}`,
  created_at,
  updated_at,
})

export function addDatasetRoutes(app: FastifyInstance, places: DatasetRoutePlaces): void {
  const { store, preview, bindings } = places
  const withFacts = async (tenantId: string, dataset: Dataset) => ({
    ...documentOf(dataset),
    ...(await preview.facts(tenantId, { namespace: dataset.namespace, table: dataset.table_name })),
  })

  app.post<{ Body: Static<typeof CreateDataset> }>(
    '/v1/datasets',
    {
      schema: {
        tags,
        summary: 'Create a dataset and its table',
        body: CreateDataset,
        response: { 201: tagged(DatasetDocument), ...problems(400, 401, 403, 409, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const dataset = await createDataset(places, tenantOf(request), request.body)
      return reply
        .code(201)
        .header('etag', etagOf(datasetMembers(dataset)))
        .send(documentOf(dataset))
    },
  )
  app.get<{ Querystring: Static<typeof DatasetQuery> }>(
    '/v1/datasets',
    {
      schema: {
        tags,
        summary: 'List datasets, newest first',
        querystring: DatasetQuery,
        response: { 200: DatasetPage, ...problems(400, 401, 403, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, cursor, schema_uri } = request.query
      const page = await listDatasets(store, tenantOf(request), { limit, cursor, schema_uri })
      // One broken table must not hide the others: its facts are null, its own GET says why.
      const items = await eachOf(page.items, FACTS_AT_ONCE, (dataset) =>
        withFacts(tenantOf(request), dataset).catch(() => ({ ...documentOf(dataset), ...UNKNOWN_FACTS })),
      )
      return reply.send({ items, next_cursor: page.next_cursor })
    },
  )
  app.get<{ Params: { dataset: string } }>(
    '/v1/datasets/:dataset',
    {
      schema: {
        tags,
        summary: 'Get a dataset by slug or id, with the facts of its table',
        response: { 200: tagged(DatasetWithFacts), ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { dataset } = request.params
      const known = found(await getDataset(store, tenantOf(request), dataset), 'dataset', dataset)
      return reply.header('etag', etagOf(datasetMembers(known))).send(await withFacts(tenantOf(request), known))
    },
  )
  app.patch<{ Params: { dataset: string }; Body: Static<typeof PatchDataset> }>(
    '/v1/datasets/:dataset',
    {
      schema: {
        tags,
        summary: 'Rename a dataset, or bind it to another version of its schema',
        description:
          'With schema_uri the table gets the columns of that version, in one step with the binding: columns are added, widened, renamed and kept. Events under way are stored by the version that they were sent under. What would break the table is breaking_change, with every reason.',
        headers: IfMatch,
        body: PatchDataset,
        response: { 200: tagged(DatasetWithFacts), ...problems(400, 401, 403, 404, 412, 413, 415, 422, 503) },
      },
    },
    async (request, reply) => {
      const { dataset } = request.params
      const { name, schema_uri } = request.body
      const known = found(await getDataset(store, tenantOf(request), dataset), 'dataset', dataset)
      const tenantId = tenantOf(request)
      const isRebound = schema_uri !== undefined
      const check = preconditionOf(request, datasetMembers)
      const patched = isRebound
        ? await rebindDataset(places, tenantId, known.id, { schema_uri, name }, check)
        : await patchDataset(store, tenantId, known.id, { name }, check)
      // Others see it within two seconds; whoever asked this process, at once.
      if (isRebound) bindings.forget(tenantId)
      const now = found(patched, 'dataset', dataset)
      return reply.header('etag', etagOf(datasetMembers(now))).send(await withFacts(tenantId, now))
    },
  )
  app.get<{ Params: { dataset: string }; Querystring: Static<typeof PreviewQuery> }>(
    '/v1/datasets/:dataset/preview',
    {
      schema: {
        tags,
        summary: 'The newest rows of a dataset',
        querystring: PreviewQuery,
        response: { 200: PreviewDocument, ...problems(400, 401, 403, 404, 503) },
      },
    },
    async (request, reply) => {
      const { limit = 50, columns, snapshot_id, int64, mask } = request.query
      const answer = await preview.read({
        tenantId: tenantOf(request),
        dataset: request.params.dataset,
        limit,
        int64,
        mask: maskOf(request.key, mask),
        columns: columns?.split(','),
        snapshotId: snapshot_id,
      })
      return reply.send(answer)
    },
  )
}

/** Who lacks the scope sees nothing that is labelled personal, and cannot ask to. Throws `scope_missing`. */
function maskOf(key: KeyHolder | undefined, asked: 'pii' | 'none' | undefined): 'pii' | 'none' {
  const may = key === undefined || key.scopes.has('pii')
  if (!may && asked === 'none')
    throw new Problem(
      'scope_missing',
      'The key lacks the scope pii: leave mask=none out, and what is personal is masked.',
    )
  return asked ?? (may ? 'none' : 'pii')
}
