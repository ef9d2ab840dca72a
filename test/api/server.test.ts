import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { openServer, type ServerPlaces } from '../../src/api/server.ts'
import { parseTraceparent } from '../../src/event/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { CommitUnknown } from '../../src/store/index.ts'
import { currentContext } from '../../src/tenancy/index.ts'
import { NO_SAMPLING, listen, openMetrics, type Announcements } from '../../src/telemetry/index.ts'
import { askerOf } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** The server alone, on places that do what a test says. */
const TENANT = { id: '01900000-0000-7000-8000-000000000001', slug: 'acme', status: 'active', limits: null } as const
let act: () => Promise<unknown> = async () => []
const UP = { answered: true, detail: '', tookMs: 1, agoMs: 0 }
const store = { asTenant: () => act(), asSystem: () => act() }
const places = {
  store,
  bindings: { peekTenant: () => TENANT, tenant: async () => TENANT, forget: () => undefined },
  collect: async () => act(),
  preview: { read: () => act(), facts: () => act() },
  readiness: { facts: () => ({ postgres: UP, kafka: UP, minio: UP }) },
  sampler: NO_SAMPLING,
  metrics: openMetrics({ plane: 'api', processMetrics: false }),
  limits: { maxBodyBytes: 1024, bodyTimeoutMs: 1_000 },
} as unknown as ServerPlaces
const { app } = await openServer(places)
await app.listen({ host: '127.0.0.1', port: 0 })
after(() => app.close())
const address = app.server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const ask = askerOf(`http://127.0.0.1:${port}`, false)
const tenant = TENANT.id

const finished: Announcements['api.request.finished'][] = []
const defects: Announcements['process.defect'][] = []
after(listen('api.request.finished', (said) => void finished.push(said)))
after(listen('process.defect', (said) => void defects.push(said)))

test('a defect of ours is a 500 that says nothing of the inside, and is announced with its stack', async () => {
  act = async () => {
    throw new TypeError('secret: cannot read properties of undefined')
  }
  for (const [method, path, body] of [
    ['GET', '/v1/schemas', undefined],
    ['POST', '/v1/collect', {}],
    ['GET', '/v1/datasets/x/preview', undefined],
    ['GET', '/v1/tenants', undefined],
  ] as const) {
    defects.length = 0
    const answer = await ask(method, path, { tenant, body })
    assert.deepEqual([answer.status, answer.body['code']], [500, 'internal'], path)
    assert.ok(!answer.text.includes('secret'))
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.match(defects[0]?.detail ?? '', /secret/)
    assert.match(defects[0]?.stack ?? '', /TypeError/)
  }
})

test('what Postgres says about input or neighbours is no defect', async () => {
  const said = (code: string) => Object.assign(new Error(`sqlstate ${code}`), { code, severity: 'ERROR' })
  const cases: readonly [Error, number, string][] = [
    [said('22021'), 422, 'invalid'],
    [said('22P05'), 422, 'invalid'],
    [said('55P03'), 409, 'conflict'],
    [said('40P01'), 409, 'conflict'],
    [said('42P01'), 500, 'internal'],
    [new CommitUnknown('lost'), 503, 'dependency_away'],
  ]
  for (const [error, status, code] of cases) {
    act = async () => {
      throw error
    }
    const answer = await ask('GET', '/v1/schemas', { tenant })
    assert.deepEqual([answer.status, answer.body['code']], [status, code], error.message)
    assert.equal(answer.headers.has('retry-after'), status === 503)
  }
})

test('every answer is announced once: its route, never its path; status, tenant, ids and code', async () => {
  act = async () => []
  finished.length = 0
  const good = await ask('GET', '/v1/schemas?limit=1', { tenant })
  const bad = await ask('GET', '/v1/schemas/not-an-id', { tenant })
  const lost = await ask('GET', '/no/such/path')
  const odd = await ask('GET', '/v1/tenants/%zz')
  await until('four announcements', () => finished.length === 4)
  assert.deepEqual(
    finished.map(({ method, route, status, tenant: slug, code }) => ({ method, route, status, slug, code })),
    [
      { method: 'GET', route: '/v1/schemas', status: 200, slug: 'acme', code: undefined },
      { method: 'GET', route: '/v1/schemas/:id', status: 404, slug: 'acme', code: 'not_found' },
      { method: 'GET', route: '_unmatched', status: 404, slug: undefined, code: 'not_found' },
      { method: 'GET', route: '_unmatched', status: 400, slug: undefined, code: 'malformed' },
    ],
  )
  for (const [at, answer] of [good, bad, lost, odd].entries()) {
    assert.equal(finished[at]?.requestId, answer.headers.get('x-request-id'))
    assert.equal(finished[at]?.traceId, answer.headers.get('traceparent')?.split('-')[1])
    assert.ok((finished[at]?.tookMs ?? -1) >= 0)
  }
})

test("what runs below a tenant's route knows tenant, request and trace", async () => {
  let seen: unknown
  act = async () => {
    seen = currentContext()
    throw new Problem('conflict', 'refused on purpose')
  }
  for (const [method, body] of [
    ['GET', undefined],
    ['POST', { uri: 'x:y', title: 'T', definition: {} }],
  ] as const) {
    seen = undefined
    const answer = await ask(method, '/v1/classes', { tenant, body })
    assert.deepEqual(seen, {
      tenantId: tenant,
      tenantSlug: 'acme',
      actor: 'open',
      requestId: answer.headers.get('x-request-id'),
      trace: parseTraceparent(answer.headers.get('traceparent') ?? undefined),
    })
  }
})

test('an answer that comes before the body was read reaches a client that is still sending', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    let sent = 0
    const chunk = Buffer.alloc(65_536, 0x20)
    socket.write(`POST /v1/collect HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\ntransfer-encoding: chunked\r\n\r\n`)
    const pump = (): void => {
      while (!socket.destroyed && (sent += chunk.length) < 64_000_000)
        if (!socket.write(`10000\r\n${chunk.toString()}\r\n`)) return void socket.once('drain', pump)
    }
    socket.on('connect', pump).setEncoding('latin1')
    socket
      .on('data', (data) => (text += String(data)))
      .on('close', () => resolve(text))
      .on('error', () => resolve(text))
    socket.setTimeout(15_000, () => reject(new Error('never closed')))
  })
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.match(answer, /"code":"too_large"/)
})
