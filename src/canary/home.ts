import { randomUUID } from 'node:crypto'
import { CANARY_DATASET, CANARY_SLUG } from '../tenancy/index.ts'
import { expecting, Hindrance, type Answer, type Door } from './door.ts'
import { DEFINITION } from './events.ts'

/** Where the canary's events go. */
export interface Home {
  readonly tenantId: string
  readonly dataset: string
}

const SCHEMA_URI = 'urn:pulse:canary:v1'
const CLASS_URI = 'https://ns.azothedge.com/pdm/class/interaction-event'

/**
 * Finds the canary's tenant (the API makes it) and sees to it that its schema and dataset exist. Safe to
 * repeat, and from any number of canaries at once: whoever is second finds what the first made. `own` (nobody can
 * guess it) ends the uri that is taken where the usual one is somebody else's: whoever tries again gives the same, so that a
 * dataset that cannot be made for hours leaves one schema behind and not one for each try. Rejects with `Hindrance`.
 */
export async function findHome(door: Door, own: string = randomUUID()): Promise<Home> {
  const tenants = expecting(await door.ask('GET', `/v1/tenants?slug=${CANARY_SLUG}`), 200)
  const tenantId = textOf(first(tenants), 'id')
  if (tenantId === undefined) throw new Hindrance('no_tenant', `The tenant ${CANARY_SLUG} does not exist yet.`)
  const home = { tenantId, dataset: CANARY_DATASET }
  const found = await door.ask('GET', `/v1/datasets/${CANARY_DATASET}`, { tenantId })
  if (found.status !== 404) {
    expecting(found, 200)
    return home
  }
  // Uris are unique in the deployment: one that somebody else has taken must not silence the canary.
  const uri =
    (await publishedSchema(door, tenantId, SCHEMA_URI)) ??
    (await publishedSchema(door, tenantId, `${SCHEMA_URI}:${own}`))
  if (uri === undefined) throw new Hindrance('no_schema', `The schema ${SCHEMA_URI} cannot be made.`)
  const body = { slug: CANARY_DATASET, name: 'Canary', schema_uri: uri }
  expecting(await door.ask('POST', '/v1/datasets', { tenantId, body }), 201, 409)
  return home
}

/** The uri, once a published schema of this tenant has it; undefined where it is somebody else's, or archived. */
async function publishedSchema(door: Door, tenantId: string, uri: string): Promise<string | undefined> {
  const body = { uri, title: 'Canary', class_uri: CLASS_URI, field_group_uris: [], definition: DEFINITION }
  const made = await door.ask('POST', '/v1/schemas', { tenantId, body })
  const find = (): Promise<Answer> => door.ask('GET', `/v1/schemas?uri=${encodeURIComponent(uri)}`, { tenantId })
  const schema = made.status === 409 ? first(expecting(await find(), 200)) : expecting(made, 201)
  if (textOf(schema, 'status') !== 'draft') return textOf(schema, 'status') === 'published' ? uri : undefined
  const published = { tenantId, body: { status: 'published' } }
  // 422: another canary was faster.
  expecting(await door.ask('PATCH', `/v1/schemas/${textOf(schema, 'id')}`, published), 200, 422)
  return uri
}

type Json = Readonly<Record<string, unknown>>

function first(page: Json): Json | undefined {
  const items = page['items']
  return Array.isArray(items) ? (items[0] as Json | undefined) : undefined
}

function textOf(of: Json | undefined, member: string): string | undefined {
  const found = of?.[member]
  return typeof found === 'string' ? found : undefined
}
