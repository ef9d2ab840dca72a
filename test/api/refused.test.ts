import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { openServer, type ServerPlaces } from '../../src/api/server.ts'
import { PROBLEMS, Problem, type ProblemCode } from '../../src/problems/index.ts'
import { AUTH_FAILURES, REJECT_REASONS, RESERVED, SHED_REASONS } from '../../src/telemetry/catalog/api.ts'
import { NO_SAMPLING, listen, openMetrics, type Announcements } from '../../src/telemetry/index.ts'
import { askerOf } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** The server alone, on places that do what a test says. */
const TENANT = { id: '01900000-0000-7000-8000-000000000001', slug: 'acme', status: 'active', limits: null } as const
const SUSPENDED = { ...TENANT, id: '01900000-0000-7000-8000-000000000002', slug: 'beta', status: 'suspended' } as const
const tenantOf = (id: string) => [TENANT, SUSPENDED].find((tenant) => tenant.id === id)
let act: () => Promise<unknown> = async () => ({})
const UP = { answered: true, detail: '', tookMs: 1, agoMs: 0 }
const { app, drain } = await openServer({
  store: { asTenant: () => act(), asSystem: () => act() },
  bindings: { peekTenant: tenantOf, tenant: async (id: string) => tenantOf(id), forget: () => undefined },
  collect: () => act(),
  preview: { read: () => act(), facts: () => act() },
  readiness: { facts: () => ({ postgres: UP, kafka: UP, minio: UP }) },
  metrics: openMetrics({ plane: 'api', processMetrics: false }),
  sampler: NO_SAMPLING,
  limits: { maxBodyBytes: 1024, bodyTimeoutMs: 200 },
} as unknown as ServerPlaces)
await app.listen({ host: '127.0.0.1', port: 0 })
after(() => app.close())
const address = app.server.address()
const ask = askerOf(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`, false)

const said: string[] = []
const refusals: Announcements['collect.refused'][] = []
after(
  listen('collect.refused', (one) => {
    refusals.push(one)
    said.push(`refused ${one.tenant} ${one.reason}`)
  }),
)
after(listen('api.auth.failed', ({ reason, route }) => void said.push(`auth ${reason} ${route}`)))
after(listen('api.request.shed', ({ reason, route }) => void said.push(`shed ${reason} ${route}`)))
beforeEach(() => void (said.length = refusals.length = 0))

/** The reasons that tests below have heard; the last test holds them against the catalogue. */
const heard = { rejected: new Set<string>(), auth: new Set<string>(), shed: new Set<string>() }
function told(): string[] {
  for (const words of said) {
    const [what = '', first = '', second = ''] = words.split(' ')
    if (what === 'refused') heard.rejected.add(second)
    else if (what === 'auth' || what === 'shed') heard[what].add(first)
  }
  return said.splice(0)
}

test('a tenant that is not established is told once, on every route that asks for one, and refuses a collect', async () => {
  const cases = [
    [undefined, 'missing', '_unknown'],
    ['nobody', 'malformed', '_unknown'],
    ['01900000-0000-7000-8000-00000000000f', 'unknown', '_unknown'],
    [SUSPENDED.id, 'suspended', 'beta'],
  ] as const
  for (const [tenant, reason, slug] of cases) {
    const options = tenant === undefined ? {} : { tenant }
    await ask('GET', '/v1/schemas', options)
    assert.deepEqual(told(), [`auth ${reason} /v1/schemas`])
    const answer = await ask('POST', '/v1/collect', { ...options, body: {} })
    assert.deepEqual(told().toSorted(), [`auth ${reason} /v1/collect`, `refused ${slug} auth`])
    assert.equal(refusals.at(-1)?.traceId, answer.headers.get('traceparent')?.split('-')[1])
    assert.equal(refusals.at(-1)?.code, answer.body['code'])
  }
})

test('every problem that a collect request may end with as a whole has its one reason; a defect of ours has none', async () => {
  const REASONS: Partial<Record<ProblemCode, string>> = {
    too_large: 'too_large',
    overloaded: 'shedding',
    dependency_away: 'unavailable',
    draining: 'unavailable',
    rate_limited: 'rate_limited',
    quota_exceeded: 'quota',
    internal: '',
  }
  const codes = (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => !code.startsWith('tenant_'))
  for (const code of codes) {
    act = async () => {
      throw new Problem(code, 'on purpose')
    }
    await ask('POST', '/v1/collect', { tenant: TENANT.id, body: {} })
    const reason = REASONS[code] ?? 'malformed'
    assert.deepEqual(told(), reason === '' ? [] : [`refused acme ${reason}`], code)
    await ask('GET', '/v1/schemas', { tenant: TENANT.id })
    assert.deepEqual(told(), [], `${code} on another route is no refused collect`)
  }
})

test('what was judged event by event was not refused, however it ends', async () => {
  act = async () => ({
    kind: 'problem',
    problem: new Problem('all_rejected', 'on purpose'),
    collected: new Map([['events', { accepted: 0, rejected: 1, failed: 0, bytes: 2 }]]),
  })
  assert.equal((await ask('POST', '/v1/collect', { tenant: TENANT.id, body: {} })).status, 422)
  assert.deepEqual(told(), [])
})

test('a body that is too large or never comes is a refused request of its tenant', async () => {
  act = async () => assert.fail('the body was never read')
  await ask('POST', '/v1/collect', { tenant: TENANT.id, body: 'x'.repeat(2_000) })
  assert.deepEqual(told(), ['refused acme too_large'])
})

test('a request that is shed says of what there was too much', async () => {
  for (const shed of SHED_REASONS) {
    act = async () => {
      throw new Problem('overloaded', 'on purpose', { shed })
    }
    const answer = await ask('POST', '/v1/collect', { tenant: TENANT.id, body: {} })
    assert.deepEqual([answer.status, answer.headers.has('retry-after')], [503, true])
    assert.ok(!answer.text.includes(shed), 'that is for operators')
    assert.deepEqual(told(), [`shed ${shed} /v1/collect`, 'refused acme shedding'])
  }
  act = async () => {
    throw new Problem('overloaded', 'on purpose', { shed: 'inflight' })
  }
  await ask('GET', '/v1/datasets/x/preview', { tenant: TENANT.id })
  assert.deepEqual(told(), ['shed inflight /v1/datasets/:dataset/preview'])
})

test('while it drains, what is sent is refused as unavailable', async () => {
  drain()
  await ask('POST', '/v1/collect', { tenant: TENANT.id, body: {} })
  await until('it is told', () => said.length > 0)
  assert.deepEqual(told(), ['refused _unknown unavailable'])
})

test('every reason of the catalogue can happen, but for those that it calls reserved', () => {
  // Of single events, which `test/collect/tally.test.ts` provokes.
  for (const reason of ['schema', 'unknown_dataset']) heard.rejected.add(reason)
  const reserved = new Set<string>(RESERVED)
  const possible = (of: readonly string[]): string[] => of.filter((reason) => !reserved.has(reason)).toSorted()
  assert.deepEqual([...heard.rejected].toSorted(), possible(REJECT_REASONS))
  assert.deepEqual([...heard.auth].toSorted(), possible(AUTH_FAILURES))
  assert.deepEqual([...heard.shed].toSorted(), possible(SHED_REASONS))
})
