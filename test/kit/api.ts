import { holdToContract } from './contract.ts'

/** The control plane's calls that many tests begin with, over HTTP as a user makes them. */

export interface Place {
  readonly tenantId: string
  readonly tenantSlug: string
  readonly dataset: string
  readonly datasetId: string
}

let counter = 0

export async function call(
  baseUrl: string,
  method: string,
  path: string,
  options: { readonly tenantId?: string; readonly body?: unknown } = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${baseUrl}${path}`, {
    method,
    headers: {
      ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(options.tenantId === undefined ? {} : { 'x-tenant-id': options.tenantId }),
    },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    signal: AbortSignal.timeout(30_000),
  })
  const text = await response.text()
  const contentType = response.headers.get('content-type')
  await holdToContract({ method, path, status: response.status, contentType, text, headers: response.headers })
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
}

async function expectCall(expected: number, ...args: Parameters<typeof call>): Promise<Record<string, unknown>> {
  const { status, body } = await call(...args)
  if (status !== expected) throw new Error(`${args[1]} ${args[2]} answered ${status}: ${JSON.stringify(body)}`)
  return body
}

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'

/** A tenant with a published schema and a dataset bound to it. */
export async function makePlace(
  baseUrl: string,
  definition: unknown,
  names: { readonly tenant?: string; readonly dataset?: string } = {},
): Promise<Place> {
  counter += 1
  const tag = `${process.pid.toString(36)}-${Date.now().toString(36)}-${counter}`
  const slug = names.tenant ?? `t-${tag}`
  const tenant = await expectCall(201, baseUrl, 'POST', '/v1/tenants', { body: { slug, name: slug } })
  const tenantId = String(tenant['id'])
  const added = await addDataset(baseUrl, tenantId, definition, names.dataset ?? 'events')
  return { tenantId, tenantSlug: slug, ...added }
}

/** One more dataset, with a schema of its own, for a tenant that exists. */
export async function addDataset(
  baseUrl: string,
  tenantId: string,
  definition: unknown,
  dataset: string,
): Promise<{ dataset: string; datasetId: string }> {
  counter += 1
  const uri = `https://test.example/schemas/${tenantId}/${dataset}-${counter}`
  const schema = await expectCall(201, baseUrl, 'POST', '/v1/schemas', {
    tenantId,
    body: { uri, title: dataset, class_uri: CLASS, field_group_uris: [], definition },
  })
  await expectCall(200, baseUrl, 'PATCH', `/v1/schemas/${String(schema['id'])}`, {
    tenantId,
    body: { status: 'published' },
  })
  const made = await expectCall(201, baseUrl, 'POST', '/v1/datasets', {
    tenantId,
    body: { slug: dataset, name: dataset, schema_uri: uri },
  })
  return { dataset, datasetId: String(made['id']) }
}
