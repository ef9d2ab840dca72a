import { randomUUID } from 'node:crypto'
import { listening } from '../kit/listening.ts'
import type { Owner } from '../kit/postgres.ts'

type Row = Readonly<Record<string, unknown>>

/** A public door in memory, whose lake can be told to lose, double, delay and damage what was accepted. */
export interface FakeApi {
  readonly url: string
  /** Everything that was asked, as `METHOD path`. */
  readonly asked: string[]
  /** `traceparent` of every collect. */
  readonly traces: (string | undefined)[]
  readonly rows: Row[]
  /** What becomes of an accepted row: the rows that the lake shall have instead. Default: itself. */
  lake: (row: Row) => readonly Row[]
  /** Answers every call with this status and code, while set. */
  down: { readonly status: number; readonly code: string } | undefined
  hasTenant: boolean
  /** Uris that another tenant has. */
  readonly foreignUris: Set<string>
  /** Whether a dataset can be made. */
  hasLake: boolean
  /** Verdict of an event; default `accepted`. */
  verdict: (row: Row) => string
  /** Forgets tenant, schema, dataset and rows, as a new database has: its tenant of that slug is another one. */
  forget(): void
}

/** Numbers keep their digits, as the preview's `int64=string` has them; `position` is an `int`. */
const exact = (text: string): unknown =>
  JSON.parse(text, (key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && key !== 'position' && /^-?\d+$/.test(context?.source ?? '') && key !== 'real'
      ? context?.source
      : value,
  )

export async function openFakeApi(owner: Owner): Promise<FakeApi> {
  const schemas = new Map<string, { id: string; status: string; uri: string }>()
  let dataset = false
  let tenant = TENANT
  const api: FakeApi = {
    url: '',
    asked: [],
    traces: [],
    rows: [],
    lake: (row) => [row],
    down: undefined,
    hasTenant: true,
    verdict: () => 'accepted',
    foreignUris: new Set(),
    hasLake: true,
    forget() {
      tenant = randomUUID()
      schemas.clear()
      dataset = false
      api.rows.length = 0
    },
  }
  const answer = (
    method: string,
    url: URL,
    body: string,
    { traceparent: trace, 'x-tenant-id': named }: Readonly<Record<string, string | undefined>>,
  ): [number, unknown] => {
    if (api.down !== undefined) return [api.down.status, { code: api.down.code, detail: `It is ${api.down.code}.` }]
    if (named !== undefined && named !== tenant) return [401, { code: 'tenant_unknown', detail: 'There is none.' }]
    switch (`${method} ${url.pathname}`) {
      case 'GET /v1/tenants':
        return [200, { items: api.hasTenant ? [{ id: tenant, slug: url.searchParams.get('slug') }] : [] }]
      case 'GET /v1/schemas':
        return [200, { items: [...schemas.values()].filter(({ uri }) => uri === url.searchParams.get('uri')) }]
      case 'POST /v1/schemas': {
        const { uri } = JSON.parse(body) as { uri: string }
        if (schemas.has(uri) || api.foreignUris.has(uri)) return [409, { code: 'uri_taken' }]
        const schema = { id: `s${schemas.size}`, status: 'draft', uri }
        schemas.set(uri, schema)
        return [201, schema]
      }
      case 'GET /v1/datasets/canary':
        return dataset ? [200, {}] : [404, { code: 'not_found' }]
      case 'POST /v1/datasets':
        if (dataset) return [409, { code: 'dataset_slug_taken' }]
        if (!api.hasLake) return [503, { code: 'dependency_away', detail: 'The lake is away.' }]
        dataset = true
        return [201, {}]
      case 'POST /v1/collect':
        api.traces.push(trace)
        return collect(body)
      case 'GET /v1/datasets/canary/preview':
        if (!dataset) return [404, { code: 'not_found', detail: 'There is no dataset canary.' }]
        return [200, preview(Number(url.searchParams.get('limit')))]
      default: {
        const schema = [...schemas.values()].find(({ id }) => url.pathname === `/v1/schemas/${id}`)
        if (schema === undefined) return [404, { code: 'not_found' }]
        if (schema.status !== 'draft') return [422, { code: 'lifecycle_forward_only' }]
        schema.status = 'published'
        return [200, schema]
      }
    }
  }
  const collect = (body: string): [number, unknown] => {
    const results = body
      .trim()
      .split('\n')
      .map((line) => {
        const { event_id: id, data } = exact(line) as { event_id: string; data: Row }
        const row = { note: null, ...data, _event_id: id }
        const status = api.verdict(row)
        if (status === 'accepted') api.rows.push(...api.lake(row))
        return { event_id: id, status }
      })
    const failed = results.some(({ status }) => status === 'failed')
    return [failed ? 503 : 202, { code: 'publish_failed', detail: 'The bus did not acknowledge.', results }]
  }
  const preview = (limit: number): unknown => ({
    snapshot_id: String(api.rows.length),
    committed_at: new Date().toISOString(),
    rows: api.rows.toSorted((a, b) => (String(a['timestamp']) < String(b['timestamp']) ? 1 : -1)).slice(0, limit),
  })
  const base = await listening(owner, (request, response) => {
    const url = new URL(request.url ?? '/', 'http://api')
    api.asked.push(`${request.method} ${url.pathname}`)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const headers = request.headers as Readonly<Record<string, string | undefined>>
      const [status, body] = answer(request.method ?? '', url, Buffer.concat(parts).toString(), headers)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  return Object.assign(api, { url: base })
}

export const TENANT = '01900000-0000-7000-8000-00000000cafe'
