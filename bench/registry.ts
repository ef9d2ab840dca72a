import { Client } from 'pg'
import { call, type Place } from '../test/kit/api.ts'
import type { System } from '../test/kit/system.ts'
import { cpuMsOf } from './proc.ts'
import { type Figure, ms } from './report.ts'

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const GROUPS = 50
const FIELDS = 20

async function made(system: System, place: Place, path: string, body: unknown): Promise<string> {
  const { tenantId } = place
  const answer = await call(system.baseUrl, 'POST', path, { tenantId, body })
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
  return String(answer.body['id'])
}

async function publish(system: System, place: Place, path: string): Promise<number> {
  const fromMs = performance.now()
  const { status, body } = await call(system.baseUrl, 'PATCH', path, {
    tenantId: place.tenantId,
    body: { status: 'published' },
  })
  if (status !== 200) throw new Error(`PATCH ${path} answered ${status}: ${JSON.stringify(body)}`)
  return performance.now() - fromMs
}

/** Publishes a schema of 1,000 fields in 50 field groups ten times, over HTTP. */
export async function measurePublish(system: System, place: Place): Promise<Figure> {
  const field_group_uris: string[] = []
  for (let group = 0; group < GROUPS; group += 1) {
    const uri = `https://bench.example/group/${group}`
    const types = [{ type: 'string', maxLength: 100 }, { type: 'integer' }, { type: 'number' }, { type: 'boolean' }]
    const properties = Object.fromEntries(
      Array.from({ length: FIELDS }, (_, at) => [`g${group}_f${at}`, types[at % types.length]]),
    )
    const body = { uri, title: uri, class_uri: CLASS, definition: { type: 'object', properties } }
    await publish(system, place, `/v1/field-groups/${await made(system, place, '/v1/field-groups', body)}`)
    field_group_uris.push(uri)
  }
  const took: number[] = []
  const cpu = (): number => cpuMsOf(system.pid('api') ?? 0)
  let cpuMs = 0
  for (let round = 0; round < 10; round += 1) {
    const uri = `https://bench.example/wide/${round}`
    const body = { uri, title: uri, class_uri: CLASS, field_group_uris, definition: { type: 'object' } }
    const path = `/v1/schemas/${await made(system, place, '/v1/schemas', body)}`
    const before = cpu()
    took.push(await publish(system, place, path))
    cpuMs += cpu() - before
  }
  const sorted = [...took].sort((a, b) => a - b)
  return {
    what: `publish a schema of ${GROUPS * FIELDS} fields in ${GROUPS} field groups`,
    measured: `p50 ${ms(sorted[5] ?? 0)}, slowest ${ms(sorted.at(-1) ?? 0)}, the first ${ms(took[0] ?? 0)}; ${ms(cpuMs / took.length)} of CPU each`,
    target: '< 200 ms',
    note: 'from PATCH to its answer, which shows all columns',
  }
}

/** Puts copies of the dataset's own schema beside it, published, as many as asked. */
export async function fillRegistry(system: System, place: Place, schemas: number): Promise<void> {
  const client = new Client({ connectionString: system.adminUrl() })
  await client.connect()
  try {
    // The owner of the tables has no tenant, and row security would hide all rows from it.
    await client.query(`SET app.current_tenant_id = '${place.tenantId}'`)
    await client.query(
      `INSERT INTO pdm_entities (id, tenant_id, kind, uri, title, status, definition, class_uri, uses, composed, published_at)
       SELECT gen_random_uuid(), e.tenant_id, e.kind, e.uri || '/copy/' || i, e.title, e.status, e.definition, e.class_uri, e.uses, e.composed, now()
       FROM pdm_entities e JOIN pdm_datasets d ON d.schema_id = e.id, generate_series(1, $2) AS i WHERE d.id = $1`,
      [place.datasetId, schemas],
    )
    await client.query('ANALYZE pdm_entities')
  } finally {
    await client.end()
  }
}
