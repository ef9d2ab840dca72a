import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openServer, type ServerPlaces } from '../../src/api/server.ts'
import { Problem } from '../../src/problems/index.ts'
import { LOG, NO_SAMPLING, openLog, openMetrics, resourceOf } from '../../src/telemetry/index.ts'
import { askerOf, type Answer } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** Whatever a route asks of any place fails: nobody foresaw it, as nobody foresees a defect. */
const fails = (): Promise<never> => Promise.reject(new TypeError('cannot read properties of undefined'))
const broken = (): unknown => new Proxy({}, { get: (_, name) => (name === 'then' ? undefined : fails) })
let collecting: () => Promise<unknown> = fails
const TENANT = { id: '01900000-0000-7000-8000-000000000001', slug: 'acme', status: 'active', limits: null } as const
const UP = { answered: true, detail: '', tookMs: 1, agoMs: 0 }
const places = {
  store: broken(),
  admin: broken(),
  objects: broken(),
  preview: broken(),
  uploads: broken(),
  bindings: { peekTenant: () => TENANT, tenant: async () => TENANT, forget: () => undefined },
  collect: () => collecting(),
  readiness: { facts: () => ({ postgres: { ...UP, answered: false }, kafka: UP, minio: UP }) },
  sampler: NO_SAMPLING,
  metrics: openMetrics({ plane: 'api', processMetrics: false }),
  limits: { maxBodyBytes: 1024, bodyTimeoutMs: 1_000 },
} as unknown as ServerPlaces

const text: string[] = []
const log = openLog({
  level: 'info',
  resource: resourceOf('api'),
  repeatMs: 1,
  to: { write: (line) => text.push(line) },
})
const { app } = await openServer(places)
let ask: ReturnType<typeof askerOf>
before(async () => {
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  ask = askerOf(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
})
after(async () => {
  await app.close()
  await log[Symbol.asyncDispose]()
})

interface Line {
  readonly event: keyof typeof LOG
  readonly trace_id?: string
  readonly tenant?: string
  readonly dataset?: string
  readonly level?: string
  readonly error?: { readonly code?: string; readonly type?: string; readonly stack?: string }
}

/** The lines of one request, by the trace id of its answer. */
async function linesOf(answer: Answer): Promise<readonly Line[]> {
  const traceId = answer.headers.get('traceparent')?.split('-')[1] ?? 'none'
  const found = (): Line[] => text.map((line) => JSON.parse(line) as Line).filter((line) => line.trace_id === traceId)
  await until('the line of the request', () => found().some(({ event }) => event === 'api.request.finished'))
  return found()
}

/** It asks no place, so nothing breaks below it. */
const ASKS_NOBODY = 'POST /v1/schemas/infer'

/** A body that each route takes, so that it comes as far as its places. */
const ENTITY = { uri: 'https://test.example/x', title: 'X', definition: { type: 'object' } }
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /v1/tenants': { slug: 'beta', name: 'Beta' },
  'POST /v1/schemas': { ...ENTITY, class_uri: 'https://test.example/c', field_group_uris: [] },
  'POST /v1/field-groups': { ...ENTITY, class_uri: 'https://test.example/c' },
  'POST /v1/descriptors': {
    uri: ENTITY.uri,
    title: 'X',
    schema_uri: 'https://test.example/s',
    kind: 'identity',
    pointer: '/x',
  },
  'POST /v1/datasets': { slug: 'orders', name: 'Orders', schema_uri: 'https://test.example/x' },
  'PATCH /v1/tenants/{id}': { name: 'Other' },
  'PATCH /v1/datasets/{dataset}': { name: 'Other' },
  'POST /v1/schemas/{id}/impact': { dataset: 'orders' },
  'POST /v1/datasets/{dataset}/dead-letters/replay': {},
  'POST /v1/datasets/{dataset}/dead-letters/{id}/replay': {},
  'POST /v1/dead-letters/replay': {},
  'POST /v1/dead-letters/{id}/replay': {},
  'PATCH /v1/keys/{id}': { name: 'other' },
  'POST /v1/keys': { name: 'k', scopes: ['read'] },
  'POST /v1/keys/{id}/rotate': {},
  'POST /v1/collect': { dataset: 'orders', data: {} },
}

/** With ids that each route takes: dead letters are numbered. */
function urlOf(path: string): string {
  const id = path.includes('/dead-letters/') ? '1' : TENANT.id
  const url = path.replace('{dataset}', 'orders').replace(/\{(?:event_)?id\}/, id)
  return path === '/v1/events/{event_id}' ? `${url}?dataset=orders` : url
}

test(
  'whatever breaks below any route, its line names tenant, dataset, trace and code',
  { timeout: 60_000 },
  async () => {
    const { paths } = (await ask('GET', '/openapi.json')).body as { paths: Record<string, Record<string, unknown>> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
    )
    let asked = 0
    for (const [method, path] of routes.filter(([, path]) => path.startsWith('/v1/'))) {
      const route = `${method} ${path}`
      if (route === ASKS_NOBODY) continue
      const body = BODIES[route] ?? (method === 'POST' ? ENTITY : method === 'PATCH' ? { title: 'Y' } : undefined)
      const url = urlOf(path)
      const answer = await ask(method, url, { tenant: TENANT.id, ...(body === undefined ? {} : { body }) })
      assert.equal(answer.status, 500, `${route}: ${answer.text}`)
      const lines = await linesOf(answer)
      const finished = lines.find(({ event }) => event === 'api.request.finished')
      const defect = lines.find(({ event }) => event === 'process.defect')
      assert.deepEqual([finished?.level, finished?.error?.code], ['error', 'internal'], route)
      assert.deepEqual([defect?.error?.code, defect?.error?.type], ['internal', 'TypeError'], route)
      assert.match(defect?.error?.stack ?? '', /cannot read properties/, route)
      // Who asks for tenants is the operator: there is none to name.
      if (!path.startsWith('/v1/tenants') && !path.startsWith('/v1/operator/'))
        for (const line of [finished, defect]) assert.equal(line?.tenant, 'acme', `${route}: ${line?.event}`)
      if (path.includes('{dataset}')) assert.equal(finished?.dataset, 'orders', route)
      if (path === '/v1/collect') assert.equal(finished?.dataset, '_unknown', 'the body was never read')
      asked += 1
    }
    assert.ok(asked >= 25, `${asked} routes`)
    for (const line of text) assert.ok((JSON.parse(line) as Line).event in LOG, line)
  },
)

test('a collect that fails for its events says of which dataset, and how many', async () => {
  collecting = async () => ({
    kind: 'problem',
    problem: new Problem('publish_failed', 'The bus did not acknowledge.', { retryAfterSeconds: 1 }),
    collected: new Map([['orders', { accepted: 1, rejected: 2, failed: 3, bytes: 400 }]]),
  })
  const [line] = await linesOf(await ask('POST', '/v1/collect', { tenant: TENANT.id, body: {} }))
  const { level, tenant, dataset, accepted, rejected, failed, bytes, error } = line as Line & Record<string, unknown>
  assert.deepEqual(
    { level, tenant, dataset, accepted, rejected, failed, bytes, code: error?.code },
    {
      level: 'error',
      tenant: 'acme',
      dataset: 'orders',
      accepted: 1,
      rejected: 2,
      failed: 3,
      bytes: 400,
      code: 'publish_failed',
    },
  )
})

test('a dependency that is away says which, and readiness that it is not', async () => {
  const answer = await ask('GET', '/ready')
  assert.equal(answer.status, 503)
  const [line] = await linesOf(answer)
  assert.equal(line?.level, 'warn')
  assert.match(line?.error?.code ?? '', /^[a-z_0-9]+$/)
})
