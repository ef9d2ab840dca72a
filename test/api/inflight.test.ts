import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { openServer, type ServerPlaces } from '../../src/api/server.ts'
import { NO_SAMPLING, openMetrics } from '../../src/telemetry/index.ts'
import { askerOf } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** The server alone; each question to a place waits until it is let go. */
const TENANT = { id: '01900000-0000-7000-8000-000000000001', slug: 'acme', status: 'active', limits: null } as const
let waiting: (() => void)[] = []
const held = (): Promise<unknown> =>
  new Promise((resolve) =>
    waiting.push(() => resolve({ kind: 'accepted', status: 202, body: '{}', items: [], next_cursor: null })),
  )
const letGo = (): void => {
  for (const go of waiting) go()
  waiting = []
}
const UP = { answered: true, detail: '', tookMs: 1, agoMs: 0 }
const { app, inflight } = await openServer({
  store: { asTenant: held, asSystem: held },
  bindings: { peekTenant: () => TENANT, tenant: async () => TENANT, forget: () => undefined },
  collect: held,
  preview: { read: held, facts: held },
  readiness: { facts: () => ({ postgres: UP, kafka: UP, minio: UP }) },
  metrics: openMetrics({ plane: 'api', processMetrics: false }),
  sampler: NO_SAMPLING,
  limits: { maxBodyBytes: 1024, bodyTimeoutMs: 10_000 },
} as unknown as ServerPlaces)
await app.listen({ host: '127.0.0.1', port: 0 })
after(() => app.close())
const address = app.server.address()
const port = typeof address === 'object' && address !== null ? address.port : 0
const ask = askerOf(`http://127.0.0.1:${port}`, false)
const tenant = TENANT.id
const counts = (collect: number, preview: number, admin: number) => ({ collect, preview, admin })
const none = (): Promise<boolean> => until('none is left', () => inflight.total === 0)

const raw = (text: string) => {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  socket.resume()
  socket.write(text)
  return socket
}
const collectHead = `POST /v1/collect HTTP/1.1\r\nhost: x\r\nx-tenant-id: ${tenant}\r\ncontent-type: application/json\r\n`

test('requests are counted by class while they are answered, and probes are not', async () => {
  const all = [
    ask('POST', '/v1/collect', { tenant, body: {} }),
    ask('POST', '/v1/collect', { tenant, body: {} }),
    ask('GET', '/v1/datasets/x/preview', { tenant }),
    ask('GET', '/v1/schemas', { tenant }),
  ]
  await until('all are under way', () => waiting.length === 4)
  assert.deepEqual(inflight.counts, counts(2, 1, 1))
  assert.equal(inflight.total, 4)
  for (const path of ['/health', '/ready', '/metrics', '/metrics/']) await ask('GET', path)
  await ask('GET', '/nowhere')
  assert.deepEqual(inflight.counts, counts(2, 1, 1))
  letGo()
  await Promise.all(all)
  await none()
  assert.deepEqual(inflight.counts, counts(0, 0, 0))
})

test('a request that is refused, by its head or its body, does not stay counted', async () => {
  for (const [method, path, options] of [
    ['POST', '/v1/collect', {}],
    ['POST', '/v1/collect', { tenant, body: 'x'.repeat(2_000) }],
    ['POST', '/v1/schemas', { tenant, body: '{' }],
    ['GET', '/v1/tenants/%zz', {}],
    ['PUT', '/v1/collect', { tenant }],
  ] as const)
    assert.ok((await ask(method, path, options)).status >= 400)
  await none()
})

test('whoever goes away is not counted any more: before, in and after the body, and with many requests sent ahead', async () => {
  const half = raw(`${collectHead}content-length: 10\r\n\r\n{`)
  const whole = raw(`${collectHead}content-length: 2\r\n\r\n{}`)
  const ahead = raw(`${collectHead}content-length: 2\r\n\r\n{}`.repeat(7))
  await until('nine are under way', () => inflight.counts.collect === 9)
  for (const socket of [half, whole, ahead]) socket.destroy()
  await none()
  letGo()
  assert.deepEqual((await ask('GET', '/health')).status, 200)
  assert.deepEqual(inflight.counts, counts(0, 0, 0), 'an answer that comes after its connection is not taken off twice')
})

test('many at once, some of which go away, leave nothing behind', async () => {
  const all = Array.from({ length: 60 }, (_, at) => {
    if (at % 3 === 0) return raw(`${collectHead}content-length: 2\r\n\r\n{}`)
    void ask('POST', '/v1/collect', { tenant, body: {} }).catch(() => undefined)
    return undefined
  })
  await until('sixty are under way', () => inflight.counts.collect === 60)
  for (const [at, socket] of all.entries()) if (at % 6 === 0) socket?.destroy()
  letGo()
  await none()
  for (const socket of all) socket?.destroy()
})
