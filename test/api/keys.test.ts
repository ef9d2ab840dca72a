import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from 'node:path'
import { ownKey } from '../../src/config/index.ts'
import { issueOwnKeys } from '../../src/keys/index.ts'
import { withApi, type Answer } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import type { Owner } from '../kit/postgres.ts'
import { until } from '../kit/until.ts'

/** The API with PULSE_AUTH=keys, two tenants and the operator's key. */
async function guarded(owner: Owner) {
  const api = await withApi(owner, { settings: { auth: 'keys' } })
  const folder = join(await ownFolder(owner), 'keys')
  await issueOwnKeys(api.postgres.adminUrl, folder)
  const operator = ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, 'operator') ?? ''
  const as = (
    key: string | undefined,
    method: string,
    path: string,
    more: Parameters<typeof api.ask>[2] = {},
  ): Promise<Answer> =>
    api.ask(method, path, {
      ...more,
      headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...more.headers },
    })
  const tenant = async (slug: string): Promise<string> => {
    const made = await as(operator, 'POST', '/v1/tenants', { body: { slug, name: slug } })
    assert.equal(made.status, 201, made.text)
    return String(made.body['id'])
  }
  const key = async (tenantId: string, ...scopes: string[]): Promise<{ key: string; id: string }> => {
    const made = await as(operator, 'POST', '/v1/keys', { tenant: tenantId, body: { name: scopes.join(' '), scopes } })
    assert.equal(made.status, 201, made.text)
    return { key: String(made.body['key']), id: String(made.body['id']) }
  }
  return { api, as, operator, tenant, key }
}

const verdict = ({ status, body }: Answer): [number, unknown] => [status, body['code']]
const EVENT = { headers: { 'content-type': 'application/x-ndjson' }, body: '{"dataset":"none","data":{}}\n' }

test('with keys, whoever shows none or a wrong one is told how to, and nothing is done; probes and papers stay open', async (t) => {
  const { api, as, operator, tenant, key } = await guarded(t)
  const tenantId = await tenant('acme')
  const good = await key(tenantId, 'collect', 'read', 'manage')
  for (const [method, path] of [
    ['GET', '/v1/tenants'],
    ['POST', '/v1/tenants'],
    ['GET', '/v1/schemas'],
    ['GET', '/v1/datasets/x/preview'],
    ['GET', '/v1/keys'],
    ['POST', '/v1/collect'],
  ] as const) {
    const none = await as(undefined, method, path, { tenant: tenantId })
    assert.deepEqual(verdict(none), [401, 'key_required'], path)
    assert.match(none.headers.get('www-authenticate') ?? '', /^Bearer/)
    const wrong = await as(`${good.key.slice(0, -4)}0000`, method, path, { tenant: tenantId })
    assert.deepEqual(verdict(wrong), [401, 'key_invalid'], path)
  }
  const basic = await api.ask('GET', '/v1/schemas', { headers: { authorization: 'Basic cHVsc2U6cHVsc2U=' } })
  assert.deepEqual(verdict(basic), [401, 'key_required'])
  // `/ready` may be 503 for a moment after the start: what counts is that nobody is asked who he is.
  for (const path of ['/health', '/ready', '/metrics/', '/openapi.json'])
    assert.match(String((await api.ask('GET', path)).status), /^(200|503)$/, path)
  assert.equal((await as(operator, 'GET', '/v1/tenants')).status, 200)
  const spelled = await api.ask('GET', '/v1/schemas', { headers: { authorization: `BEARER  ${good.key} ` } })
  assert.equal(spelled.status, 200, 'schemes have no case (RFC 9110)')
})

test('a key does what its scopes say and no more, for its own tenant alone', async (t) => {
  const { as, operator, tenant, key } = await guarded(t)
  const [acme, other] = [await tenant('acme'), await tenant('other')]
  const [collects, reads, manages] = [await key(acme, 'collect'), await key(acme, 'read'), await key(acme, 'manage')]
  const schema = { uri: 'urn:x:s', title: 's', class_uri: 'urn:none', definition: {} }
  const missing = [403, 'scope_missing']
  assert.deepEqual(verdict(await as(collects.key, 'POST', '/v1/collect', EVENT)), [422, 'all_rejected'])
  assert.deepEqual(verdict(await as(reads.key, 'POST', '/v1/collect', EVENT)), missing)
  assert.equal((await as(reads.key, 'GET', '/v1/datasets')).status, 200)
  assert.deepEqual(verdict(await as(collects.key, 'GET', '/v1/datasets')), missing)
  assert.deepEqual(verdict(await as(reads.key, 'POST', '/v1/schemas', { body: schema })), missing)
  assert.equal((await as(manages.key, 'POST', '/v1/schemas', { body: schema })).status, 422)
  // A POST that changes nothing is a question.
  const impact = [
    'POST',
    '/v1/schemas/0193a5b1-c2d3-7e4f-8a9b-0c1d2e3f4a5b/impact',
    { body: { dataset: 'none' } },
  ] as const
  assert.deepEqual(verdict(await as(reads.key, ...impact)), [404, 'not_found'])
  for (const { key: lacking } of [collects, manages]) assert.deepEqual(verdict(await as(lacking, ...impact)), missing)
  assert.deepEqual(verdict(await as(reads.key, 'GET', '/v1/keys')), missing)
  assert.equal((await as(manages.key, 'GET', '/v1/keys')).status, 200)

  // The header may be left out, may name the key's tenant, and names no other.
  assert.equal((await as(reads.key, 'GET', '/v1/datasets', { tenant: acme.toUpperCase() })).status, 200)
  const mismatch = [403, 'tenant_mismatch']
  assert.deepEqual(verdict(await as(reads.key, 'GET', '/v1/datasets', { tenant: other })), mismatch)
  assert.deepEqual(verdict(await as(collects.key, 'POST', '/v1/collect', { ...EVENT, tenant: other })), mismatch)
  assert.deepEqual(verdict(await as(manages.key, 'GET', '/v1/keys', { tenant: other })), mismatch)
  assert.deepEqual(verdict(await as(reads.key, 'GET', '/v1/datasets', { tenant: 'x' })), [400, 'tenant_malformed'])

  // Of tenants it sees its own.
  const seen = await as(reads.key, 'GET', '/v1/tenants')
  assert.deepEqual(
    seen.body['items'].map((one: { id: string }) => one.id),
    [acme],
  )
  assert.equal((await as(reads.key, 'GET', '/v1/tenants?slug=other')).body['items'].length, 0)
  assert.equal((await as(reads.key, 'GET', `/v1/tenants/${acme}`)).status, 200)
  assert.deepEqual(verdict(await as(reads.key, 'GET', `/v1/tenants/${other}`)), [404, 'not_found'])
  assert.deepEqual(verdict(await as(manages.key, 'PATCH', `/v1/tenants/${acme}`, { body: { name: 'mine' } })), missing)
  assert.deepEqual(verdict(await as(manages.key, 'POST', '/v1/tenants', { body: { slug: 'new', name: 'n' } })), missing)

  // The operator's acts on tenants and keys, and on nothing that a tenant has.
  assert.deepEqual(verdict(await as(operator, 'GET', '/v1/datasets', { tenant: acme })), missing)
  assert.deepEqual(verdict(await as(operator, 'POST', '/v1/collect', { ...EVENT, tenant: acme })), missing)
  assert.deepEqual(verdict(await as(operator, 'GET', '/v1/keys')), [400, 'tenant_required'])
})

test('a key is shown once, listed without its secret, rotated with an overlap, revoked within two seconds', async (t) => {
  const { api, as, operator, tenant, key } = await guarded(t)
  const [acme, other] = [await tenant('acme'), await tenant('other')]
  const manager = await key(acme, 'manage', 'collect')
  const made = await as(manager.key, 'POST', '/v1/keys', { body: { name: 'web', scopes: ['collect'] } })
  assert.equal(made.status, 201, made.text)
  assert.match(made.body['key'], /^pulse_[0-9a-f]{32}_[0-9a-f]{64}$/)
  const id = String(made.body['id'])
  const listed = await as(manager.key, 'GET', '/v1/keys')
  const got = await as(manager.key, 'GET', `/v1/keys/${id}`)
  const secret = String(made.body['key']).slice(-64)
  for (const answer of [listed, got]) assert.ok(!answer.text.includes(secret) && !answer.text.includes('hash'))
  assert.deepEqual([got.body['status'], got.body['scopes']], ['active', ['collect']])

  assert.deepEqual(
    verdict(await as(manager.key, 'POST', '/v1/keys', { body: { name: 'more', scopes: ['read'] } })),
    [403, 'scope_missing'],
    'nobody gives away what he has not',
  )
  const others = await key(other, 'manage')
  for (const [method, path] of [
    ['GET', `/v1/keys/${id}`],
    ['DELETE', `/v1/keys/${id}`],
    ['POST', `/v1/keys/${id}/rotate`],
  ] as const)
    assert.equal((await as(others.key, method, path, method === 'POST' ? { body: {} } : {})).status, 404, path)

  const rotated = await as(manager.key, 'POST', `/v1/keys/${id}/rotate`, { body: { overlap_seconds: 3600 } })
  assert.equal(rotated.status, 201, rotated.text)
  assert.equal(rotated.body['rotated_from'], id)
  const sends = async (text: string): Promise<unknown> => (await as(text, 'POST', '/v1/collect', EVENT)).body['code']
  assert.deepEqual([await sends(made.body['key']), await sends(rotated.body['key'])], ['all_rejected', 'all_rejected'])
  const at = performance.now()
  const revoked = await as(operator, 'DELETE', `/v1/keys/${id}`, { tenant: acme })
  assert.equal(revoked.body['status'], 'revoked')
  await until('it to be refused', async () => (await sends(made.body['key'])) === 'key_invalid', 10_000, 10)
  assert.ok(performance.now() - at < 4_000)
  assert.deepEqual(
    verdict(await as(manager.key, 'POST', `/v1/keys/${id}/rotate`, { body: {} })),
    [409, 'conflict'],
    'what holds no longer has no place to fill',
  )
  assert.equal(await sends(rotated.body['key']), 'all_rejected')

  const stored = await api.postgres.sql('admin').query('SELECT * FROM api_keys')
  assert.ok(!JSON.stringify(stored).includes(secret), 'the secret is in no row')
})

test('a key that is rotated again while the old one holds ends when the first was to, and not with the overlap', async (t) => {
  const { as, tenant, key } = await guarded(t)
  const acme = await tenant('acme')
  const manager = await key(acme, 'manage', 'collect')
  const rotate = async (id: string): Promise<Record<string, unknown>> => {
    const { status, text, body } = await as(manager.key, 'POST', `/v1/keys/${id}/rotate`, {
      body: { overlap_seconds: 60 },
    })
    assert.equal(status, 201, text)
    return body
  }
  for (const end of [null, '2999-01-01T00:00:00.000000Z']) {
    const body = { name: 'web', scopes: ['collect'], ...(end === null ? {} : { expires_at: end }) }
    const { body: made } = await as(manager.key, 'POST', '/v1/keys', { body })
    const id = String(made['id'])
    const first = await rotate(id)
    // The answer was lost: the same is asked again, also after the one that was never seen was rotated itself.
    const second = await rotate(id)
    const third = await rotate(String(first['id']))
    assert.deepEqual([first['expires_at'], second['expires_at'], third['expires_at']], [end, end, end])
    assert.equal((await rotate(id))['expires_at'], end)
    const { body: old } = await as(manager.key, 'GET', `/v1/keys/${id}`)
    assert.ok(Date.parse(String(old['expires_at'])) < Date.now() + 61_000)
  }
})

test('keys can be made while the door is open, for the day on which it is not', async (t) => {
  const api = await withApi(t)
  const { body } = await api.ask('POST', '/v1/tenants', { body: { slug: 'acme', name: 'a' } })
  const tenant = String(body['id'])
  const made = await api.ask('POST', '/v1/keys', {
    tenant,
    body: { name: 'k', scopes: ['collect', 'read', 'pii', 'manage'] },
  })
  assert.equal(made.status, 201, made.text)
  const bad = [
    { name: 'k', scopes: [] },
    { name: 'k', scopes: ['operate'] },
    { name: '', scopes: ['read'] },
    { name: 'k', scopes: ['read'], expires_at: 'tomorrow' },
    { name: 'k', scopes: ['read'], expires_at: '+275760-09-13T00:00:00Z' },
    { name: 'k', scopes: ['read'], expires_at: '1' },
    { name: 'k', scopes: ['read'], expires_at: '2027-02-30T00:00:00Z' },
    { name: 'k', scopes: ['read'], expires_at: '2027-01-01T00:00:00' },
  ]
  for (const one of bad)
    assert.equal((await api.ask('POST', '/v1/keys', { tenant, body: one })).status, 422, JSON.stringify(one))
  const over = await api.ask('POST', '/v1/keys', {
    tenant,
    body: { name: 'k', scopes: ['read'], expires_at: '2026-01-01T00:00:00Z' },
  })
  assert.equal(over.body['status'], 'expired')
})
