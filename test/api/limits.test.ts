import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join } from 'node:path'
import { ownKey } from '../../src/config/index.ts'
import { issueOwnKeys } from '../../src/keys/index.ts'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import type { Owner } from '../kit/postgres.ts'

/** The API with keys: the operator, one tenant with a dataset, and a key of it that may do all. */
async function guarded(owner: Owner) {
  const api = await withApi(owner, { settings: { auth: 'keys' } })
  const folder = join(await ownFolder(owner), 'keys')
  await issueOwnKeys(api.postgres.adminUrl, folder)
  const operator = ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, 'operator') ?? ''
  const as =
    (key: string) =>
    (method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
      api.ask(method, path, { body, headers: { authorization: `Bearer ${key}`, ...headers } })
  const made = await as(operator)('POST', '/v1/tenants', { slug: 'acme', name: 'Acme' })
  const tenantId = String(made.body['id'])
  const keyOf = async (...scopes: string[]): Promise<{ id: string; key: string }> => {
    const answer = await api.ask('POST', '/v1/keys', {
      body: { name: scopes.join(' '), scopes },
      headers: { authorization: `Bearer ${operator}`, 'x-tenant-id': tenantId },
    })
    assert.equal(answer.status, 201, answer.text)
    return { id: String(answer.body['id']), key: String(answer.body['key']) }
  }
  const all = await keyOf('collect', 'read', 'manage')
  return { api, as, operator: as(operator), tenantId, keyOf, all: as(all.key), allId: all.id }
}

const batch = (count: number): string => '{"dataset":"none","data":{}}\n'.repeat(count)
const LINES = { 'content-type': 'application/x-ndjson' }
const refusal = ({ status, body }: Answer): unknown => [status, body['code'], body['limit']]

test("the operator limits a tenant, nobody else does; the tenant's document says so, and null takes it back", async (t) => {
  const { operator, all, tenantId } = await guarded(t)
  const path = `/v1/tenants/${tenantId}`
  const limits = { events_per_second: 1_000, bytes_per_day: 5_000_000 }
  const before = await operator('GET', path)
  assert.equal('limits' in before.body, false)
  assert.deepEqual((await operator('PATCH', path, { limits })).body['limits'], limits)
  assert.deepEqual((await all('GET', path)).body['limits'], limits)
  assert.equal((await all('PATCH', path, { limits: { events_per_second: 1 } })).status, 403)
  const other = await operator('PATCH', path, { limits: { events_per_day: 7, bytes_per_day: null }, name: 'Other' })
  assert.deepEqual([other.body['limits'], other.body['name']], [{ events_per_day: 7 }, 'Other'], 'whole, not merged')
  assert.deepEqual((await operator('PATCH', path, { name: 'Acme' })).body['limits'], { events_per_day: 7 })
  const none = await operator('PATCH', path, { limits: null })
  assert.equal('limits' in none.body, false)
  const listed = (await operator('GET', '/v1/tenants')).body['items'] as { id: string }[]
  assert.equal('limits' in (listed.find(({ id }) => id === tenantId) ?? {}), false)
  assert.equal((await operator('PATCH', '/v1/tenants/01900000-0000-7000-8000-00000000000f', { limits })).status, 404)
})

test('what is no limit is refused with where it stands, and changes nothing', async (t) => {
  const { operator, all, tenantId, allId } = await guarded(t)
  for (const [ask, path] of [
    [operator, `/v1/tenants/${tenantId}`],
    [all, `/v1/keys/${allId}`],
  ] as const)
    for (const limits of [
      { events_per_second: 0 },
      { events_per_second: -5 },
      { bytes_per_second: 1.5 },
      { events_per_day: '5' },
      { bytes_per_day: 1e16 },
      { events_per_hour: 5 },
      [],
      5,
    ]) {
      const answer = await ask('PATCH', path, { limits })
      assert.equal(answer.status, 422, `${JSON.stringify(limits)}: ${answer.text}`)
      assert.match(answer.text, /"pointer":"\/limits/)
      assert.equal('limits' in (await ask('GET', path)).body, false)
    }
})

test('a key is limited when it is made and later, keeps its limits through rotation, and its ETag knows them', async (t) => {
  const { all } = await guarded(t)
  const limits = { events_per_second: 100 }
  const made = await all('POST', '/v1/keys', { name: 'site', scopes: ['collect'], limits })
  assert.deepEqual([made.status, made.body['limits']], [201, limits])
  const path = `/v1/keys/${String(made.body['id'])}`
  const seen = await all('GET', path)
  const etag = seen.headers.get('etag') ?? ''
  assert.deepEqual(seen.body['limits'], limits)
  const more = await all('PATCH', path, { name: 'shop', limits: { events_per_second: 200 } }, { 'if-match': etag })
  assert.deepEqual([more.status, more.body['name'], more.body['limits']], [200, 'shop', { events_per_second: 200 }])
  const stale = await all('PATCH', path, { limits: null }, { 'if-match': etag })
  assert.deepEqual([stale.status, stale.body['changed']], [412, ['name', 'limits']])
  const rotated = await all('POST', `${path}/rotate`, {})
  assert.deepEqual(rotated.body['limits'], { events_per_second: 200 })
  const none = await all('PATCH', path, { limits: {} })
  assert.equal('limits' in none.body, false)
  assert.equal((await all('PATCH', '/v1/keys/01900000-0000-7000-8000-00000000000f', { limits })).status, 404)
  const reads = await all('POST', '/v1/keys', { name: 'reads', scopes: ['read'] })
  const { as } = await guarded(t)
  assert.equal((await as(String(reads.body['key']))('PATCH', path, { limits: null })).status, 401, 'of another system')
})

test('whoever has no limit sees no header of one; whoever has sees what is left, and past it is refused before its body is read', async (t) => {
  const { operator, all, tenantId } = await guarded(t)
  const free = await all('POST', '/v1/collect', batch(3), LINES)
  assert.deepEqual([free.headers.has('ratelimit'), free.headers.has('ratelimit-policy')], [false, false])
  await operator('PATCH', `/v1/tenants/${tenantId}`, { limits: { events_per_second: 100, bytes_per_day: 1_000_000 } })
  const first = await all('POST', '/v1/collect', batch(3), LINES)
  assert.equal(first.status, 422)
  assert.equal(
    first.headers.get('ratelimit-policy'),
    '"tenant_events_per_second";q=100;w=1;qu="events", "tenant_bytes_per_day";q=1000000;w=86400;qu="content-bytes"',
  )
  const left = /^"tenant_events_per_second";r=(\d+);t=1, "tenant_bytes_per_day";r=(\d+);t=\d+$/.exec(
    first.headers.get('ratelimit') ?? '',
  )
  assert.ok(
    Number(left?.[1]) < 100 && Number(left?.[2]) === 1_000_000 - batch(3).length,
    first.headers.get('ratelimit') ?? '',
  )
  await all('POST', '/v1/collect', batch(400), LINES)
  const over = await all('POST', '/v1/collect', '{"not even JSON', LINES)
  assert.deepEqual(refusal(over), [429, 'rate_limited', { of: 'tenant', name: 'events_per_second', allowed: 100 }])
  const retry = Number(over.headers.get('retry-after'))
  assert.ok(retry >= 2 && retry <= 5, `${retry} s for 400 events at 100 a second`)
  assert.match(over.headers.get('ratelimit') ?? '', /^"tenant_events_per_second";r=0;t=1/)
  assert.match(String(over.body['detail']), /tenant acme may send 100 events a second/)
})

test('of a key that is over its quota the tenant’s other keys hear nothing, and another limit counts at once', async (t) => {
  const { all, as } = await guarded(t)
  const made = await all('POST', '/v1/keys', { name: 'k', scopes: ['collect'], limits: { bytes_per_day: 1_000 } })
  const [id, limited] = [String(made.body['id']), as(String(made.body['key']))]
  assert.equal((await limited('POST', '/v1/collect', batch(50), LINES)).status, 422)
  const over = await limited('POST', '/v1/collect', batch(1), LINES)
  assert.deepEqual(refusal(over), [429, 'quota_exceeded', { of: 'key', name: 'bytes_per_day', allowed: 1_000 }])
  assert.ok(Number(over.headers.get('retry-after')) > 1, 'until the day ends')
  assert.equal((await all('POST', '/v1/collect', batch(50), LINES)).status, 422)
  await all('PATCH', `/v1/keys/${id}`, { limits: { bytes_per_day: 1_000_000 } })
  assert.equal((await limited('POST', '/v1/collect', batch(1), LINES)).status, 422)
})

test('a body that cannot be split costs its bytes all the same', async (t) => {
  const api = await withApi(t)
  const { tenant } = await makeJourney(api)
  await api.ask('PATCH', `/v1/tenants/${tenant}`, { body: { limits: { bytes_per_second: 1_000 } } })
  const broken = await api.ask('POST', '/v1/collect', { tenant, body: `{"events": [${'x'.repeat(5_000)}` })
  assert.equal(broken.status, 400, broken.text)
  const next = await api.ask('POST', '/v1/collect', { tenant, body: { dataset: 'events', data: {} } })
  assert.deepEqual([next.status, next.body['code']], [429, 'rate_limited'])
})
