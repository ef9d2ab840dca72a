import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ownedTables } from '../kit/isolation.ts'
import { makeJourney, withApi, type Answer } from '../kit/api-server.ts'

/**
 * One tenant at every door of the API with everything that it could know of another one: ids, slugs, URIs, cursors. The
 * routes are those of the document, so a new one is attacked by itself. The same against the tables is `store/isolation`,
 * against the worker `security/records`.
 */
const SECRET = 'opensesame'
const api = await withApi({ after })
const mine = await makeJourney(api)
const theirs = await makeJourney(api, {
  type: 'object',
  properties: { [SECRET]: { type: 'string' }, timestamp: { type: 'string', format: 'date-time' } },
})
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'

/** One entity of each kind that belongs to the other tenant, by collection. */
const owned: Record<string, Record<string, unknown>> = { schemas: theirs.schema }
for (const [collection, extra] of [
  ['classes', {}],
  ['datatypes', {}],
  ['field-groups', { class_uri: CLASS }],
  ['descriptors', { schema_uri: theirs.schema['uri'], kind: 'identity', pointer: `/${SECRET}` }],
] as const) {
  const body = { uri: `https://theirs.example/${collection}/1`, title: SECRET, definition: {}, ...extra }
  const made = await api.ask('POST', `/v1/${collection}`, { tenant: theirs.tenant, body })
  assert.equal(made.status, 201, made.text)
  owned[collection] = made.body
}

const { paths } = (await api.ask('GET', '/openapi.json')).body as {
  paths: Record<string, Record<string, { security?: object[] }>>
}
/** For the operator, not for a tenant: whom it answers is the test of keys. */
const isOperators = (path: string): boolean => path.startsWith('/v1/tenants') || path.startsWith('/v1/operator/')
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => ({ path, method: method.toUpperCase() })),
)
const own = operations.filter(({ path }) => path.startsWith('/v1/') && !isOperators(path))

const admin = api.postgres.sql('admin')
/** All rows of the other tenant in every table that has an owner. */
async function everything(): Promise<string> {
  const tables = await ownedTables(admin)
  assert.ok(tables.length >= 10)
  const rows = await Promise.all(
    tables.map((table) =>
      admin.query(
        `SELECT to_jsonb(t) - 'last_used_at' AS row FROM ${table.name} t WHERE ${table.ownedBy(theirs.tenant)} ORDER BY 1`,
      ),
    ),
  )
  return JSON.stringify(rows)
}
const untouched = await everything()
assert.ok(untouched.includes(SECRET))

/** Nothing of theirs is in an answer, whatever its status. */
function assertSilent(what: string, answer: Answer): void {
  assert.notEqual(answer.status, 500, `${what}: ${answer.text}`)
  assert.ok(!answer.text.includes(SECRET), `${what} told of them: ${answer.text}`)
}

const BODIES: readonly unknown[] = [
  { title: 'taken over' },
  { name: 'taken over' },
  { status: 'published' },
  { status: 'archived' },
  { definition: {} },
  { title: 'x', definition: {}, status: 'archived' },
]

test('no id, slug or URI of another tenant is found by any route with a parameter', async () => {
  const parametrized = own.filter(({ path }) => path.includes('{'))
  assert.ok(parametrized.length >= 15, `${parametrized.length} operations`)
  for (const { path, method } of parametrized) {
    const collection = path.split('/')[2] ?? ''
    const entity = owned[collection]
    const ids = [
      ...(entity === undefined ? [] : [entity['id'], entity['uri']]),
      theirs.dataset['id'],
      theirs.tenant,
      theirs.schema['id'],
      String(theirs.dataset['id']).toUpperCase(),
    ].map((id) => encodeURIComponent(String(id)))
    for (const id of ids) {
      // A receipt names its dataset beside the path.
      const at = path.replace(/\{[^}]+\}/g, id) + (path === '/v1/events/{event_id}' ? `?dataset=${id}` : '')
      const bodies = method === 'PATCH' || method === 'POST' || method === 'PUT' ? BODIES : [undefined]
      for (const body of bodies) {
        const answer = await api.ask(method, at, { tenant: mine.tenant, ...(body === undefined ? {} : { body }) })
        const what = `${method} ${at} ${JSON.stringify(body)}`
        assertSilent(what, answer)
        // A body that does not fit its route is told before anything is looked up, and says nothing of what there is.
        assert.ok(answer.status === 404 || (body !== undefined && answer.status === 422), `${what}: ${answer.text}`)
        if (answer.status === 422) assert.equal(answer.body['code'], 'invalid', what)
      }
    }
  }
  // What is theirs is answered as what nobody has.
  for (const collection of Object.keys(owned)) {
    const [there, nowhere] = [String(owned[collection]?.['id']), '01900000-0000-7000-8000-00000000ffff']
    const say = async (id: string): Promise<string> => {
      const { body } = await api.ask('GET', `/v1/${collection}/${id}`, { tenant: mine.tenant })
      return JSON.stringify({ ...body, trace_id: '', instance: '' }).replaceAll(id, '')
    }
    assert.equal(await say(there), await say(nowhere))
  }
  assert.equal(await everything(), untouched)
})

test('no list shows what is another tenant’s: not by filter, not by a cursor that was made for them', async () => {
  const lists = own.filter(({ path, method }) => method === 'GET' && !path.includes('{'))
  assert.ok(lists.length >= 6)
  for (const { path } of lists) {
    const theirPage = await api.ask('GET', `${path}?limit=1`, { tenant: theirs.tenant })
    const cursor = theirPage.body['next_cursor'] as string | null
    const uri = encodeURIComponent(String(owned[path.split('/')[2] ?? '']?.['uri'] ?? 'x'))
    for (const query of ['', `?uri=${uri}`, `?status=draft&uri=${uri}`, cursor === null ? '' : `?cursor=${cursor}`]) {
      const answer = await api.ask('GET', `${path}${query}`, { tenant: mine.tenant })
      assertSilent(`GET ${path}${query}`, answer)
      if (query.includes('uri=')) assert.deepEqual(answer.body['items'] ?? [], [])
    }
  }
})

test('what is another tenant’s cannot be referred to: classes, groups, types, schemas, versions, datasets', async () => {
  const uriOf = (collection: string): string => String(owned[collection]?.['uri'])
  let made = 0
  const uri = (): string => `https://mine.example/${(made += 1)}`
  const attempts: readonly (readonly [path: string, body: Record<string, unknown>])[] = [
    ['/v1/schemas', { title: 'x', class_uri: uriOf('classes'), definition: {} }],
    ['/v1/schemas', { title: 'x', class_uri: CLASS, field_group_uris: [uriOf('field-groups')], definition: {} }],
    ['/v1/schemas', { title: 'x', definition: { $class: uriOf('classes') } }],
    ['/v1/schemas', { title: 'x', class_uri: CLASS, definition: { $fieldGroups: [uriOf('field-groups')] } }],
    ['/v1/schemas', { title: 'x', class_uri: CLASS, definition: { properties: { a: { $ref: uriOf('datatypes') } } } }],
    ['/v1/schemas', { title: 'x', class_uri: CLASS, definition: {}, supersedes: uriOf('schemas') }],
    ['/v1/field-groups', { title: 'x', class_uri: uriOf('classes'), definition: {} }],
    ['/v1/datatypes', { title: 'x', definition: { $ref: uriOf('datatypes') } }],
    ['/v1/descriptors', { title: 'x', schema_uri: uriOf('schemas'), kind: 'identity', pointer: '/user' }],
  ]
  for (const [path, body] of attempts) {
    const answer = await api.ask('POST', path, { tenant: mine.tenant, body: { uri: uri(), ...body } })
    const what = `POST ${path} ${JSON.stringify(body)}`
    assert.equal(answer.status, 422, `${what}: ${answer.text}`)
    assert.match(answer.text, /not_found|reference|no /i, what)
  }
  const dataset = { slug: 'stolen', name: 'x', schema_uri: uriOf('schemas') }
  assert.equal((await api.ask('POST', '/v1/datasets', { tenant: mine.tenant, body: dataset })).status, 422)
  for (const slug of [theirs.dataset['id'], theirs.dataset['table'], `${theirs.slug}/events`]) {
    const body = { dataset: slug, data: { timestamp: '2026-11-25T08:00:00Z', [SECRET]: 'x' } }
    const answer = await api.ask('POST', '/v1/collect', { tenant: mine.tenant, body })
    assert.equal(answer.status, 422, answer.text)
  }
  assert.equal(await everything(), untouched)
  assert.equal(api.bus.records.get(`pulse.${theirs.tenant}.events.raw`)?.length ?? 0, 0)
})

test('a request is for the one tenant that it names: two, or one smuggled beside it, are none', async () => {
  for (const tenant of [
    `${mine.tenant}, ${theirs.tenant}`,
    `${mine.tenant},${theirs.tenant}`,
    `${theirs.tenant} ${mine.tenant}`,
    `${mine.tenant};${theirs.tenant}`,
  ]) {
    const answer = await api.ask('GET', '/v1/datasets', { tenant })
    assert.equal(answer.status, 400, answer.text)
  }
  for (const headers of [
    { 'x-tenant': theirs.tenant },
    { 'x-forwarded-tenant-id': theirs.tenant },
    { x_tenant_id: theirs.tenant },
    { 'x-original-url': `/v1/datasets?tenant=${theirs.tenant}` },
    { 'x-http-method-override': 'DELETE' },
    { baggage: `tenant=${theirs.tenant}` },
  ]) {
    const answer = await api.ask('GET', `/v1/schemas/${String(owned['schemas']?.['id'])}`, {
      tenant: mine.tenant,
      headers,
    })
    assert.equal(answer.status, 404, JSON.stringify(headers))
  }
  assert.equal(await everything(), untouched)
})
