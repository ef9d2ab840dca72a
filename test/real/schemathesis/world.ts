import assert from 'node:assert/strict'
import { Client } from 'pg'
import { putLetters } from '../../kit/letters.ts'
import type { System } from '../../kit/system.ts'

/** What is there to be asked for, so that requests that are made up come beyond "not found". */
export interface World {
  readonly schemaId: string
  readonly schemaUri: string
  /** By method and template, the id that its last parameter may name: what is changed or ended is never what others read. */
  readonly ids: Readonly<Record<string, string>>
}

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const PAGE_VIEWS = {
  type: 'object',
  required: ['timestamp'],
  properties: { timestamp: { type: 'string', format: 'date-time' }, page: { type: 'string' } },
}
const EVENT = { timestamp: '2026-11-25T08:00:00Z', page: '/' }
const uri = (name: string): string => `https://test.example/${name}`

/** By collection, what a draft of it says besides URI and title. */
const DRAFTS = {
  classes: { definition: PAGE_VIEWS },
  datatypes: { definition: { type: 'string' } },
  'field-groups': { class_uri: CLASS, definition: { type: 'object', properties: { more: { type: 'string' } } } },
  schemas: { class_uri: CLASS, definition: PAGE_VIEWS },
  descriptors: { schema_uri: uri('asked'), kind: 'friendly_name', pointer: '/page', definition: { name: 'Page' } },
}

/**
 * A dataset `page-views` of a tenant with an event, an upload and dead letters, a draft of each kind, and keys; `headers` are those of
 * somebody who may do all of it.
 */
export async function makeWorld(
  system: System,
  tenantId: string,
  headers: Readonly<Record<string, string>>,
): Promise<World> {
  const send = async (method: string, path: string, body: unknown, type = 'application/json') => {
    const answer = await fetch(`${system.baseUrl}${path}`, {
      method,
      headers: { ...headers, 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    const made = (await answer.json()) as Record<string, unknown>
    assert.ok(answer.ok, `${path}: ${JSON.stringify(made)}`)
    return made
  }
  const make = async (path: string, body: object): Promise<string> => String((await send('POST', path, body))['id'])

  const schemaId = await make('/v1/schemas', { uri: uri('asked'), title: 'Asked', ...DRAFTS.schemas })
  await send('PATCH', `/v1/schemas/${schemaId}`, { status: 'published' })
  const dataset = { slug: 'page-views', name: 'Asked', schema_uri: uri('asked') }
  const datasetId = await make('/v1/datasets', dataset)

  const ids: Record<string, string> = { 'POST /v1/schemas/{id}/impact': schemaId }
  for (const [collection, draft] of Object.entries(DRAFTS))
    for (const method of ['GET', 'PATCH', 'DELETE'])
      ids[`${method} /v1/${collection}/{id}`] = await make(`/v1/${collection}`, {
        uri: uri(`${collection}/${method}`),
        title: method,
        ...draft,
      })
  const key = () => make('/v1/keys', { name: 'spare', scopes: ['read'] })
  for (const operation of [
    'GET /v1/keys/{id}',
    'PATCH /v1/keys/{id}',
    'DELETE /v1/keys/{id}',
    'POST /v1/keys/{id}/rotate',
  ])
    ids[operation] = await key()
  const collected = await send('POST', '/v1/collect', { dataset: 'page-views', data: EVENT })
  const [verdict] = collected['results'] as { event_id: string }[]
  ids['GET /v1/events/{event_id}'] = verdict?.event_id ?? ''
  const line = `${JSON.stringify(EVENT)}\n`
  const batch = await send('POST', '/v1/datasets/page-views/batch', line, 'application/x-ndjson')
  for (const path of ['/v1/batches/{id}', '/v1/batches/{id}/results']) ids[`GET ${path}`] = String(batch['batch_id'])
  Object.assign(ids, await lettersOf(system, tenantId, datasetId))
  return { schemaId, schemaUri: uri('asked'), ids }
}

/** One of the dataset and one of none; what is in them can be sent again. */
async function lettersOf(system: System, tenantId: string, datasetId: string): Promise<Record<string, string>> {
  const admin = new Client({ connectionString: system.adminUrl() })
  await admin.connect()
  try {
    const query = async <R>(text: string, values?: readonly unknown[]): Promise<R[]> =>
      (await admin.query(text, values === undefined ? undefined : [...values])).rows as R[]
    const value = JSON.stringify({ dataset: 'page-views', data: EVENT })
    const [own = ''] = await putLetters({ query }, [{ tenantId, datasetId, value }])
    const [stray = ''] = await putLetters({ query }, [{ tenantId, value, reason: 'unknown_dataset' }])
    const at = { '/v1/datasets/{dataset}/dead-letters/{id}': own, '/v1/dead-letters/{id}': stray }
    return Object.fromEntries(
      Object.entries(at).flatMap(([path, id]) => [
        [`GET ${path}`, id],
        [`POST ${path}/replay`, id],
      ]),
    )
  } finally {
    await admin.end()
  }
}
