import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { withApi, type Answer } from '../kit/api-server.ts'

const api = await withApi({ after })
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
let count = 0
const uri = (name: string): string => `https://used.example/${name}/${(count += 1)}`
const tenant = String((await api.ask('POST', '/v1/tenants', { body: { slug: 'users', name: 'Users' } })).body['id'])

const ask = (method: string, path: string, body?: unknown) =>
  api.ask(method, path, { tenant, ...(body === undefined ? {} : { body }) })
async function make(
  collection: string,
  body: Record<string, unknown>,
  publish = true,
): Promise<Record<string, unknown>> {
  const made = await ask('POST', `/v1/${collection}`, { uri: uri(collection), title: collection, ...body })
  assert.equal(made.status, 201, made.text)
  if (!publish) return made.body
  const published = await ask('PATCH', `/v1/${collection}/${String(made.body['id'])}`, { status: 'published' })
  assert.equal(published.status, 200, published.text)
  return published.body
}
const archive = (collection: string, { id }: Record<string, unknown>, query = ''): Promise<Answer> =>
  ask('DELETE', `/v1/${collection}/${String(id)}${query}`)
const usersIn = ({ body }: Answer): unknown[] =>
  (body['used_by'] as { uri?: string; slug?: string }[]).map((user) => user.uri ?? user.slug)

const object = (properties: object = {}) => ({ type: 'object', properties })

test('what is used is not archived without a word: each kind of use is named', async () => {
  const base = await make('classes', { definition: object({ timestamp: { type: 'string', format: 'date-time' } }) })
  const leaf = await make('datatypes', { definition: object({ code: { type: 'string' } }) })
  const place = await make('datatypes', { definition: object({ country: { $ref: leaf['uri'] } }) })
  const group = await make('field-groups', {
    class_uri: base['uri'],
    definition: object({ home: { $ref: `${String(place['uri'])}` } }),
  })
  const schema = await make('schemas', {
    class_uri: CLASS,
    definition: object({ at: { $ref: place['uri'] } }),
  })
  const mixed = await make(
    'schemas',
    { class_uri: base['uri'], field_group_uris: [group['uri']], definition: object() },
    false,
  )
  const leads = await make(
    'descriptors',
    {
      schema_uri: mixed['uri'],
      kind: 'relationship',
      pointer: '/home/country/code',
      definition: { to: schema['uri'], field: '/at' },
    },
    false,
  )
  await make('descriptors', {
    schema_uri: schema['uri'],
    kind: 'friendly_name',
    pointer: '/at',
    definition: { name: 'At' },
  })
  const dataset = await ask('POST', '/v1/datasets', { slug: 'used', name: 'Used', schema_uri: schema['uri'] })
  assert.equal(dataset.status, 201, dataset.text)

  for (const [collection, entity, users] of [
    ['classes', base, [group['uri'], mixed['uri']]],
    ['field-groups', group, [mixed['uri']]],
    ['datatypes', leaf, [place['uri']]],
    ['datatypes', place, [group['uri'], schema['uri']]],
    ['schemas', schema, [leads['uri'], 'used']],
  ] as const) {
    const path = `/v1/${collection}/${String(entity['id'])}`
    for (const answer of [await archive(collection, entity), await ask('PATCH', path, { status: 'archived' })]) {
      assert.deepEqual([answer.status, answer.body['code']], [409, 'in_use'], answer.text)
      assert.deepEqual(usersIn(answer), users, collection)
      assert.equal(answer.body['used_by_total'], users.length)
      for (const user of users) assert.ok(String(answer.body['detail']).includes(String(user)), answer.text)
      const first = collection === 'schemas' ? 'archive those and bind its datasets to another schema' : 'archive those'
      assert.ok(String(answer.body['detail']).includes(`, ${first} first, or say ?force=true`), answer.text)
    }
    assert.equal((await ask('GET', path)).body['status'], 'published')
  }
  // A list says the same beforehand.
  const found = await ask('GET', `/v1/schemas?uses=${encodeURIComponent(String(place['uri']))}`)
  assert.deepEqual(
    found.body['items'].map((item: { uri: string }) => item.uri),
    [schema['uri']],
  )
  const bound = await ask('GET', `/v1/datasets?schema_uri=${encodeURIComponent(String(schema['uri']))}`)
  assert.deepEqual(
    bound.body['items'].map((item: { slug: string }) => item.slug),
    ['used'],
  )
  assert.deepEqual((await ask('GET', '/v1/datasets?schema_uri=urn:none')).body['items'], [])

  // Said with force it goes, and what was published with it stays as it was.
  const composed = JSON.stringify((await ask('GET', `/v1/schemas/${String(schema['id'])}`)).body['composed'])
  const forced = await archive('datatypes', place, '?force=true')
  assert.deepEqual([forced.status, forced.body['status']], [200, 'archived'], forced.text)
  const after = await ask('GET', `/v1/schemas/${String(schema['id'])}`)
  assert.equal(JSON.stringify(after.body['composed']), composed)
  assert.ok(after.body['columns'].some((column: { path: string }) => column.path === 'at.country.code'))
  // A draft that used it is told when it is to be published.
  const late = await ask('PATCH', `/v1/schemas/${String(mixed['id'])}`, { status: 'published' })
  assert.deepEqual([late.status, late.body['code']], [422, 'reference_not_published'])
  assert.ok(late.text.includes(String(place['uri'])) && late.text.includes(String(group['uri'])), late.text)
})

test('a published successor takes its place: then no force is asked for', async () => {
  const old = await make('schemas', { class_uri: CLASS, definition: object({ a: { type: 'string' } }) })
  await ask('POST', '/v1/datasets', { slug: 'succeeded', name: 'S', schema_uri: old['uri'] })
  const next = await make(
    'schemas',
    { class_uri: CLASS, supersedes: old['uri'], definition: object({ a: { type: 'string' } }) },
    false,
  )
  const early = await archive('schemas', old)
  assert.equal(early.status, 409, 'a draft is no successor')
  assert.match(String(early.body['detail']), /supersedes it, bind its datasets to another schema first, or say/)
  await ask('PATCH', `/v1/schemas/${String(next['id'])}`, { status: 'published' })
  assert.equal((await archive('schemas', old)).status, 200)
  assert.equal((await archive('schemas', old)).status, 200, 'again changes nothing')
})

test('what only archived things use, or nothing, goes without a word', async () => {
  const leaf = await make('datatypes', { definition: object() })
  const user = await make('datatypes', { definition: object({ x: { $ref: leaf['uri'] } }) }, false)
  assert.equal((await archive('datatypes', leaf)).status, 409)
  assert.equal((await archive('datatypes', user)).status, 200)
  assert.equal((await archive('datatypes', leaf)).status, 200)
})

test('an edit of a draft changes what it uses', async () => {
  const [one, two] = [
    await make('datatypes', { definition: object() }),
    await make('datatypes', { definition: object() }),
  ]
  const draft = await make('datatypes', { definition: object({ x: { $ref: one['uri'] } }) }, false)
  await ask('PATCH', `/v1/datatypes/${String(draft['id'])}`, { definition: object({ x: { $ref: two['uri'] } }) })
  assert.equal((await archive('datatypes', one)).status, 200)
  assert.equal((await archive('datatypes', two)).status, 409)
})

test('lists filter by what an entity is of, about and after', async () => {
  const base = await make('classes', { definition: object({ timestamp: { type: 'string', format: 'date-time' } }) })
  const group = await make('field-groups', { class_uri: base['uri'], definition: object() })
  const first = await make('schemas', { class_uri: base['uri'], definition: object() })
  const second = await make(
    'schemas',
    { class_uri: base['uri'], definition: object(), supersedes: first['uri'] },
    false,
  )
  const name = await make('descriptors', {
    schema_uri: first['uri'],
    kind: 'friendly_name',
    pointer: '/timestamp',
    definition: { name: 'When' },
  })
  const label = await make('descriptors', {
    schema_uri: first['uri'],
    kind: 'label',
    pointer: '/timestamp',
    definition: { labels: ['x'] },
  })
  const at = (one: Record<string, unknown>): string => encodeURIComponent(String(one['uri']))
  for (const [path, expected] of [
    [`field-groups?class_uri=${at(base)}`, [group]],
    [`schemas?class_uri=${at(base)}`, [second, first]],
    [`schemas?class_uri=${at(base)}&status=draft`, [second]],
    [`schemas?supersedes=${at(first)}`, [second]],
    [`descriptors?schema_uri=${at(first)}`, [label, name]],
    [`descriptors?schema_uri=${at(first)}&kind=label`, [label]],
    [`descriptors?uses=${at(first)}&kind=identity`, []],
    [`schemas?uses=${at(group)}`, []],
  ] as const) {
    const answer = await ask('GET', `/v1/${path}`)
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(
      answer.body['items'].map((item: { uri: string }) => item.uri),
      expected.map((one) => one['uri']),
      path,
    )
  }
  assert.equal((await ask('GET', '/v1/descriptors?kind=opinion')).body['code'], 'invalid_parameter')
  assert.equal((await ask('GET', '/v1/classes?class_uri=x')).body['code'], 'invalid_parameter')
})

test("Pulse's own classes are archived by nobody, not with force either", async () => {
  const page = await ask('GET', `/v1/classes?uri=${encodeURIComponent(CLASS)}`)
  const answer = await archive('classes', page.body['items'][0] as Record<string, unknown>, '?force=true')
  assert.deepEqual([answer.status, answer.body['code']], [403, 'read_only'])
})

test('what was registered before its references were kept is read out of its text', async () => {
  const admin = api.postgres.sql('admin')
  const kept = () =>
    admin.query<{ uri: string; uses: string[] }>(
      `SELECT uri, uses FROM pdm_entities WHERE kind <> 'descriptor' ORDER BY uri`,
    )
  const leaf = await make('datatypes', { definition: object() })
  const definition = object({ a: { $ref: `${String(leaf['uri'])}` }, b: { items: { $ref: '#/$defs/c' } } })
  await make('schemas', { class_uri: CLASS, definition: { ...definition, $defs: { c: { $ref: leaf['uri'] } } } })
  await admin.query('ALTER TABLE pdm_entities NO FORCE ROW LEVEL SECURITY')
  const before = await kept()
  assert.ok(before.some(({ uses }) => uses.length > 1))
  const migration = readFileSync(new URL('../../src/store/migrations/0014-registry.sql', import.meta.url), 'utf8')
  const fill = /UPDATE public\.pdm_entities e SET uses[\s\S]*?;/.exec(migration)?.[0] ?? ''
  await admin.query(`UPDATE pdm_entities SET uses = '{}'`)
  await admin.query(fill)
  assert.deepEqual(await kept(), before)
  await admin.query('ALTER TABLE pdm_entities FORCE ROW LEVEL SECURITY')
})
