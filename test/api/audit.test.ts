import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { join } from 'node:path'
import { ownKey } from '../../src/config/index.ts'
import { issueOwnKeys } from '../../src/keys/index.ts'
import { withApi, type AskOptions, type Answer } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'
import { until } from '../kit/until.ts'

const api = await withApi({ after }, { settings: { auth: 'keys' } })
const folder = join(await ownFolder({ after }), 'keys')
await issueOwnKeys(api.postgres.adminUrl, folder)
const operator = ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, 'operator') ?? ''
/** A key names its id, without the hyphens. */
const idOf = (key: string): string => key.slice(6, 38).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

const as = (key: string, method: string, path: string, more: AskOptions = {}): Promise<Answer> =>
  api.ask(method, path, { ...more, headers: { authorization: `Bearer ${key}`, ...more.headers } })

type Row = Record<string, unknown> & { before: Record<string, unknown> | null; after: Record<string, unknown> | null }
const seen = new Set<string>()
/** What the operator's list has that it had not when this was asked last, oldest first. */
async function news(): Promise<Row[]> {
  const { status, text, body } = await as(operator, 'GET', '/v1/operator/audit?limit=200')
  assert.equal(status, 200, text)
  // The canary's tenant is made in the background, whenever the bus is ready.
  const fresh = (body['items'] as Row[]).filter((row) => !seen.has(String(row['id'])) && row['name'] !== 'pulse-canary')
  for (const { id } of fresh) seen.add(String(id))
  return fresh.reverse()
}

/** Method and template of everything that was asked and left a row. */
const covered = new Set<string>()
const keyOfRoute = (method: string, path: string): string =>
  `${method} ${path
    .split('?', 1)[0]
    ?.replace(/\/[0-9a-f]{8}-[0-9a-f-]{27}/, '/{id}')
    .replace('/v1/datasets/views', '/v1/datasets/{dataset}')}`

/** Asks as that key; exactly these actions are told, each of that actor and that request. Answers what was told. */
async function leaving(
  actions: readonly string[],
  key: string,
  [method, path, more = {}]: readonly [method: string, path: string, more?: AskOptions],
): Promise<{ answer: Answer; rows: Row[] }> {
  const answer = await as(key, method, path, more)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
  const rows = await news()
  const what = `${method} ${path}`
  assert.deepEqual(rows.map(({ action }) => action).toSorted(), [...actions].toSorted(), what)
  for (const row of rows) {
    const who = key === operator ? 'operator' : 'key'
    assert.equal(row['actor'], `${who}:${idOf(key)}`, what)
    assert.equal(row['trace_id'], (answer.headers.get('traceparent') ?? '').split('-')[1], what)
    assert.equal(row['action'], `${String(row['entity'])}.${String(row['action']).split('.')[1]}`)
  }
  if (rows.length > 0) covered.add(keyOfRoute(method, path))
  return { answer, rows }
}

const COLLECTIONS = [
  ['classes', 'class'],
  ['datatypes', 'datatype'],
  ['field-groups', 'field_group'],
  ['schemas', 'schema'],
  ['descriptors', 'descriptor'],
] as const

const own = await news()
const acme = String(
  (await leaving(['tenant.create'], operator, ['POST', '/v1/tenants', { body: { slug: 'acme', name: 'A' } }])).answer
    .body['id'],
)
const other = String((await as(operator, 'POST', '/v1/tenants', { body: { slug: 'other', name: 'O' } })).body['id'])
const keyFor = async (tenant: string, ...scopes: string[]): Promise<string> =>
  String((await as(operator, 'POST', '/v1/keys', { tenant, body: { name: 'k', scopes } })).body['key'])
const manager = await keyFor(acme, 'manage', 'read', 'collect')
const reader = await keyFor(acme, 'read', 'collect')
const others = await keyFor(other, 'manage', 'read')

test('what Pulse does by itself is told as its own, and what is no tenant’s is in the operator’s list alone', async () => {
  assert.deepEqual(
    own.map(({ actor, action, name }) => [actor, action, name]),
    ['operator', 'canary', 'doctor'].map((name) => ['pulse:keys', 'key.create', `Pulse's own: ${name}`]),
  )
  assert.equal(own[0]?.['tenant_id'], null)
  const canary = await until('the canary’s tenant', async () => {
    const { body } = await as(operator, 'GET', '/v1/operator/audit?action=tenant.create')
    return (body['items'] as Row[]).find(({ name }) => name === 'pulse-canary')
  })
  // The name of the connection says which process; that of the test kit is no process of Pulse.
  assert.deepEqual([canary['actor'], canary['trace_id']], ['database:pulse_app', null])
})

test('without keys nobody in particular has done it', async (t) => {
  const open = await withApi(t)
  const made = await open.ask('POST', '/v1/tenants', { body: { slug: 'acme', name: 'A' } })
  const tenant = String(made.body['id'])
  await open.ask('POST', '/v1/keys', { tenant, body: { name: 'k', scopes: ['read'] } })
  const { body } = await open.ask('GET', '/v1/audit', { tenant })
  assert.deepEqual(
    (body['items'] as Row[]).map(({ actor, action }) => [actor, action]),
    [
      ['open', 'key.create'],
      ['open', 'tenant.create'],
    ],
  )
  const all = await open.ask('GET', `/v1/operator/audit?id=${tenant}`)
  assert.equal(all.body['items'][0].tenant_id, tenant)
})

test('each change of a tenant is one row: who, what it was, what it is, in which request', async () => {
  await news()
  const patch = (body: object) => ['PATCH', `/v1/tenants/${acme}`, { body }] as const
  const renamed = await leaving(['tenant.update'], operator, patch({ name: 'Acme', metadata: { a: [1.5] } }))
  assert.deepEqual(renamed.rows[0], {
    ...renamed.rows[0],
    entity: 'tenant',
    entity_id: acme,
    tenant_id: acme,
    name: 'acme',
    before: { name: 'A', metadata: {} },
    after: { name: 'Acme', metadata: { a: [1.5] } },
  })
  const suspended = await leaving(['tenant.suspend'], operator, patch({ status: 'suspended' }))
  assert.deepEqual(
    [suspended.rows[0]?.before, suspended.rows[0]?.after],
    [{ status: 'active' }, { status: 'suspended' }],
  )
  await leaving(['tenant.resume'], operator, patch({ status: 'active' }))
  await leaving([], operator, patch({ name: 'Acme' }))
  const limited = await leaving(['limits.create'], operator, patch({ limits: { events_per_day: 1000 } }))
  assert.deepEqual([limited.rows[0]?.['entity_id'], limited.rows[0]?.['name']], [acme, 'tenant'])
  const changed = await leaving(['limits.update'], operator, patch({ limits: { events_per_day: 2000 } }))
  assert.deepEqual(
    [changed.rows[0]?.before, changed.rows[0]?.after],
    [{ events_per_day: 1000 }, { events_per_day: 2000 }],
  )
  await leaving(['limits.delete'], operator, patch({ limits: null }))
})

test('so is each change of an entity, and a definition stands there as it was sent', async () => {
  await news()
  const uriOf = (collection: string): string => `https://acme.example/${collection}`
  const bodies: Record<string, object> = {
    classes: { definition: { type: 'object', properties: { at: { type: 'string' } } } },
    datatypes: { definition: { type: 'string' } },
    'field-groups': {
      class_uri: uriOf('classes'),
      definition: { type: 'object', properties: { n: { type: 'integer' } } },
    },
    schemas: {
      class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
      definition: { type: 'object', properties: { user: { type: 'string' } } },
    },
    descriptors: { schema_uri: uriOf('schemas'), kind: 'identity', pointer: '/user', definition: {} },
  }
  for (const [collection, kind] of COLLECTIONS) {
    const body = { uri: uriOf(collection), title: 'First', ...bodies[collection] }
    const made = await leaving([`${kind}.create`], manager, ['POST', `/v1/${collection}`, { body }])
    const at = `/v1/${collection}/${String(made.answer.body['id'])}`
    assert.equal(made.rows[0]?.before, null)
    assert.deepEqual(
      [
        made.rows[0]?.after?.['title'],
        made.rows[0]?.after?.['status'],
        made.rows[0]?.['name'],
        made.rows[0]?.['tenant_id'],
      ],
      ['First', 'draft', body.uri, acme],
    )
    const titled = await leaving([`${kind}.update`], manager, ['PATCH', at, { body: { title: 'Second' } }])
    assert.deepEqual([titled.rows[0]?.before, titled.rows[0]?.after], [{ title: 'First' }, { title: 'Second' }])
    await leaving([], manager, ['PATCH', at, { body: { title: 'Second' } }])
    const published = await leaving([`${kind}.publish`], manager, ['PATCH', at, { body: { status: 'published' } }])
    assert.deepEqual(published.rows[0]?.before, { status: 'draft', published_at: null })
    assert.equal(published.rows[0]?.after?.['status'], 'published')
  }
  const text = '{"type":"string","const":"\\u0000","description":"1.0 is not 1","enum":[1.0,9007199254740993]}'
  const made = await leaving([`datatype.create`], manager, [
    'POST',
    '/v1/datatypes',
    { body: `{"uri":"https://acme.example/text","title":"t","definition":${text}}` },
  ])
  const listed = await as(manager, 'GET', `/v1/audit?id=${String(made.answer.body['id'])}`)
  assert.ok(listed.text.includes(`"definition":${text}`), listed.text)
  for (const [collection, kind] of COLLECTIONS) {
    const uri = `https://acme.example/gone/${collection}`
    const body = { title: 'Gone', ...bodies[collection], uri }
    const one = await as(manager, 'POST', `/v1/${collection}`, { body })
    assert.equal(one.status, 201, one.text)
    await news()
    const at = `/v1/${collection}/${String(one.body['id'])}`
    const archived = await leaving([`${kind}.archive`], manager, ['DELETE', at])
    assert.deepEqual([archived.rows[0]?.before, archived.rows[0]?.after], [{ status: 'draft' }, { status: 'archived' }])
  }
})

test('so is each change of a dataset, another schema included', async () => {
  await news()
  const first = 'https://acme.example/schemas'
  const made = await leaving(['dataset.create'], manager, [
    'POST',
    '/v1/datasets',
    { body: { slug: 'views', name: 'Views', schema_uri: first } },
  ])
  assert.deepEqual(
    [made.rows[0]?.['entity_id'], made.rows[0]?.after?.['slug'], made.rows[0]?.after?.['schema_uri']],
    [made.answer.body['id'], 'views', first],
  )
  const named = await leaving(['dataset.update'], manager, ['PATCH', '/v1/datasets/views', { body: { name: 'Seen' } }])
  assert.deepEqual([named.rows[0]?.before, named.rows[0]?.after], [{ name: 'Views' }, { name: 'Seen' }])
  const next = 'https://acme.example/schemas/2'
  const version = await as(manager, 'POST', '/v1/schemas', {
    body: {
      uri: next,
      title: 'Second',
      supersedes: first,
      class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
      definition: { type: 'object', properties: { user: { type: 'string' }, more: { type: 'string' } } },
    },
  })
  await as(manager, 'PATCH', `/v1/schemas/${String(version.body['id'])}`, { body: { status: 'published' } })
  await news()
  const bound = await leaving(['dataset.bind'], manager, [
    'PATCH',
    '/v1/datasets/views',
    { body: { schema_uri: next } },
  ])
  assert.equal(bound.rows[0]?.before?.['schema_uri'], first)
  assert.deepEqual(bound.rows[0]?.after, { schema_id: version.body['id'], schema_uri: next })
})

test('so is each change of a key, by whom it is made, and no secret is in it; being used is no change', async () => {
  await news()
  const body = { name: 'web', scopes: ['collect'] }
  const made = await leaving(['key.create'], manager, ['POST', '/v1/keys', { body }])
  const [id, secret] = [String(made.answer.body['id']), String(made.answer.body['key'])]
  assert.deepEqual([made.rows[0]?.['name'], made.rows[0]?.after?.['scopes']], ['web', ['collect']])
  await as(secret, 'POST', '/v1/collect', { body: { dataset: 'none', data: {} } })
  await api.store.asSystem((sql) => sql.query('SELECT keys_used($1::uuid[])', [[id]]))
  assert.deepEqual(await news(), [], 'a key that is used')
  const at = `/v1/keys/${id}`
  const named = await leaving(['key.update'], manager, ['PATCH', at, { body: { name: 'site' } }])
  assert.deepEqual([named.rows[0]?.before, named.rows[0]?.after], [{ name: 'web' }, { name: 'site' }])
  const patch = (limits: object | null) => ['PATCH', at, { body: { limits } }] as const
  const limited = await leaving(['limits.create'], manager, patch({ events_per_second: 9 }))
  assert.deepEqual(
    [limited.rows[0]?.['entity_id'], limited.rows[0]?.['name'], limited.rows[0]?.after],
    [id, 'key', { events_per_second: 9 }],
  )
  await leaving(['limits.delete'], manager, patch(null))
  // Two keys change: one is made, the other is given an end.
  const rotated = await leaving(['key.rotate', 'key.update'], operator, [
    'POST',
    `/v1/keys/${id}/rotate`,
    { tenant: acme, body: { overlap_seconds: 60 } },
  ])
  const ended = rotated.rows.find(({ action }) => action === 'key.update')
  assert.deepEqual([ended?.['entity_id'], ended?.before], [id, { expires_at: null }])
  // A key with limits leaves them to the new one: a third thing that is made.
  await leaving(['limits.create'], manager, patch({ events_per_second: 9 }))
  const again = ['POST', `/v1/keys/${id}/rotate`, { body: { overlap_seconds: 30 } }] as const
  const { rows } = await leaving(['key.rotate', 'key.update', 'limits.create'], manager, again)
  assert.equal(rows.find(({ entity }) => entity === 'limits')?.['name'], 'key')
  await leaving(['key.revoke'], manager, ['DELETE', `/v1/keys/${id}`])
  await leaving([], manager, ['DELETE', `/v1/keys/${id}`])
  const all = JSON.stringify(await api.postgres.sql('admin').query('SELECT * FROM audit'))
  for (const key of [secret, manager, operator]) assert.ok(!all.includes(key.slice(-64)), 'a secret')
  assert.ok(!all.includes('hash'), 'nor what it is known by')
})

test('what is refused leaves nothing', async () => {
  await news()
  const refused = [
    await as(operator, 'POST', '/v1/tenants', { body: { slug: 'acme', name: 'again' } }),
    await as(operator, 'PATCH', `/v1/tenants/${acme}`, { body: { name: 7 } }),
    await as(manager, 'PATCH', `/v1/tenants/${acme}`, { body: { name: 'mine' } }),
    await as(manager, 'POST', '/v1/datasets', { body: { slug: 'views', name: 'again', schema_uri: 'urn:x' } }),
    await as(reader, 'POST', '/v1/keys', { body: { name: 'more', scopes: ['manage'] } }),
    await as(others, 'PATCH', '/v1/datasets/views', { body: { name: 'taken over' } }),
    await as(manager, 'PATCH', '/v1/datasets/views', { body: { schema_uri: 'https://acme.example/none' } }),
  ]
  assert.deepEqual(
    refused.map(({ status }) => status),
    [409, 422, 403, 409, 403, 404, 422],
  )
  assert.deepEqual(await news(), [])
})

test('a tenant reads its own, filtered and in pages; another one’s, and the operator’s, it does not', async () => {
  const ask = async (key: string, query = '', more: AskOptions = {}): Promise<Row[]> => {
    const { status, text, body } = await as(key, 'GET', `/v1/audit${query}`, more)
    assert.equal(status, 200, text)
    return body['items'] as Row[]
  }
  const all = await ask(manager, '?limit=200')
  assert.ok(all.length > 30 && all.every((row) => !('tenant_id' in row)))
  assert.deepEqual(
    all.map(({ at }) => at),
    all
      .map(({ at }) => at)
      .toSorted()
      .toReversed(),
    'newest first',
  )
  assert.deepEqual(await ask(operator, '?limit=200', { tenant: acme }), all, 'the operator who names it')
  const theirs = await ask(others, '?limit=200')
  assert.deepEqual(new Set(theirs.map(({ action }) => action)), new Set(['tenant.create', 'key.create']))
  assert.equal(theirs.filter(({ id }) => all.some((row) => row['id'] === id)).length, 0)

  const count = (query: (row: Row) => boolean): number => all.filter(query).length
  const [first] = await ask(manager, '?action=dataset.create')
  assert.equal(
    (await ask(manager, '?entity=dataset')).length,
    count(({ entity }) => entity === 'dataset'),
  )
  assert.equal((await ask(manager, `?id=${String(first?.['entity_id'])}`)).length, 3)
  assert.equal((await ask(manager, `?trace_id=${String(first?.['trace_id'])}`)).length, 1)
  assert.equal((await ask(others, `?id=${String(first?.['entity_id'])}`)).length, 0)
  const byOperator = count(({ actor }) => String(actor).startsWith('operator:'))
  assert.equal((await ask(manager, `?limit=200&actor=operator:${idOf(operator)}`)).length, byOperator)
  const at = String(first?.['at'])
  const [from, to] = [await ask(manager, `?limit=200&from=${at}`), await ask(manager, `?limit=200&to=${at}`)]
  assert.deepEqual([from.at(-1)?.['id'], from.length + to.length], [first?.['id'], all.length])

  const paged: Row[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await as(manager, 'GET', `/v1/audit?limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
    paged.push(...(page.body['items'] as Row[]))
    cursor = page.body['next_cursor'] as string | null
  }
  assert.deepEqual(paged, all)

  const verdict = async (key: string, path: string, more: AskOptions = {}): Promise<unknown[]> => {
    const { status, body } = await as(key, 'GET', path, more)
    return [status, body['code']]
  }
  assert.deepEqual(await verdict(reader, '/v1/audit'), [403, 'scope_missing'])
  assert.deepEqual(await verdict(manager, '/v1/audit', { tenant: other }), [403, 'tenant_mismatch'])
  assert.deepEqual(await verdict(operator, '/v1/audit'), [400, 'tenant_required'])
  await as(operator, 'PATCH', `/v1/tenants/${other}`, { body: { status: 'suspended' } })
  assert.deepEqual(await verdict(operator, '/v1/audit', { tenant: other }), [403, 'tenant_suspended'])
  const { body: suspended } = await as(operator, 'GET', `/v1/operator/audit?tenant_id=${other.toUpperCase()}`)
  assert.deepEqual(
    (suspended['items'] as Row[]).map(({ action, tenant_id: whose }) => [action, whose]),
    ['tenant.suspend', ...theirs.map((row) => String(row['action']))].map((action) => [action, other]),
  )
  assert.deepEqual(await verdict(manager, `/v1/audit?tenant_id=${other}`), [400, 'invalid_parameter'])
  for (const key of [manager, reader])
    assert.deepEqual(await verdict(key, '/v1/operator/audit'), [403, 'scope_missing'])
  for (const query of [
    'from=yesterday',
    'from=1',
    'from=2026-11-25',
    'from=2026-11-25T08:00:00',
    'to=2026-02-30T00:00:00Z',
    `cursor=${Buffer.from('2026-02-30T00:00:00.000000Z/01936f1e-8a40-7c3d-9f00-000000000001').toString('base64url')}`,
    'to=%2B275760-09-13T00:00:00Z',
    'from=-000001-01-01T00:00:00Z',
    'entity=event',
    'id=x',
    'actor=%00',
    'actor=01936f1e-8a40-7c3d-9f00-000000000001',
    'action=schema',
    'action=schema.publsh',
    'action=key.publish',
    'trace_id=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'cursor=x',
    'limit=0',
    'who=me',
  ])
    assert.deepEqual(await verdict(manager, `/v1/audit?${query}`), [400, 'invalid_parameter'], query)
  const { body } = await as(manager, 'GET', '/v1/audit?to=2026-11-25')
  assert.match(body['detail'], /\/to must be an instant with its zone \(RFC 3339\), as 2026-11-25T08:00:00Z/)
})

/** Routes that change nothing of what is audited, each with the reason. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'POST /v1/collect': 'events are no changes of what holds them',
  'POST /v1/schemas/infer': 'proposes',
  'POST /v1/schemas/{id}/impact': 'looks ahead',
  'POST /v1/datasets/{dataset}/batch': 'events, too: the batch has a row of its own',
  'POST /v1/datasets/{dataset}/dead-letters/replay': 'events again',
  'POST /v1/datasets/{dataset}/dead-letters/{id}/replay': 'events again',
  'POST /v1/dead-letters/replay': 'events again',
  'POST /v1/dead-letters/{id}/replay': 'events again',
}

test('every route that changes something was held to it here, or says why it changes nothing', async () => {
  const { paths } = (await api.ask('GET', '/openapi.json')).body as { paths: Record<string, object> }
  const changing = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => method !== 'get')
      .map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.ok(changing.length >= 20)
  assert.deepEqual(
    changing.filter((route) => !covered.has(route) && ELSEWHERE[route] === undefined),
    [],
  )
  assert.deepEqual(
    [...covered].filter((route) => !changing.includes(route)),
    [],
    'held to, and not in the document',
  )
})
