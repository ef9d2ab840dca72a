import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Problem, type ProblemCode } from '../../src/problems/index.ts'
import { createEntity, getEntity, listEntities } from '../../src/registry/entities.ts'
import { ENTITY_KINDS, type EntityKind, type NewEntity } from '../../src/registry/kinds.ts'
import { archiveEntity, patchEntity } from '../../src/registry/lifecycle.ts'
import { createTenant } from '../../src/registry/tenants.ts'
import { openStore } from '../../src/store/index.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'
import { withPostgres } from '../kit/postgres.ts'
import { isProblem } from '../kit/registry.ts'

const postgres = await withPostgres({ after })
const store = await openStore({ url: postgres.appUrl, poolSize: 4, applicationName: 'test' })
after(() => store[Symbol.asyncDispose]())
const places = {
  store,
  admin: openMemoryBus().admin,
  topicPartitions: 1,
  deadLetterDays: 30,
  warehouse: 'file:///nowhere',
}
const mine = (await createTenant(places, { slug: 'mine', name: 'Mine' })).id
const theirs = (await createTenant(places, { slug: 'theirs', name: 'Theirs' })).id

const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const PROFILE = 'https://ns.azothedge.com/pdm/class/person-profile'
let count = 0
const uri = (name: string): string => `https://test.example/${name}/${++count}`
const make = (kind: EntityKind, more: Partial<NewEntity> = {}, tenantId = mine) =>
  createEntity(store, tenantId, kind, {
    uri: uri(kind),
    title: kind,
    definition: kind === 'descriptor' ? '{}' : '{"type":"object"}',
    ...more,
  })
const publish = (kind: EntityKind, id: string, tenantId = mine) =>
  patchEntity(store, tenantId, { kind, id }, { status: 'published' })
/** The least that an entity of each kind needs. */
const needs: Readonly<Record<EntityKind, () => Promise<Partial<NewEntity>>>> = {
  class: async () => ({}),
  datatype: async () => ({}),
  field_group: async () => ({ class_uri: CLASS }),
  schema: async () => ({ class_uri: CLASS }),
  descriptor: async () => {
    const schema = await make('schema', { class_uri: CLASS })
    await publish('schema', schema.id)
    return { schema_uri: schema.uri, kind: 'identity', pointer: '/timestamp' }
  },
}

for (const kind of Object.keys(ENTITY_KINDS) as EntityKind[]) {
  test(`${kind}: only draft to published to archived, or draft to archived`, async () => {
    const more = await needs[kind]()
    const at = async (status: string): Promise<string> => {
      const { id } = await make(kind, more)
      if (status === 'published') await publish(kind, id)
      if (status === 'archived') await archiveEntity(store, mine, { kind, id })
      return id
    }
    const allowed = new Set(['draft>published', 'draft>archived', 'published>archived'])
    for (const from of ['draft', 'published', 'archived'] as const) {
      for (const to of ['draft', 'published', 'archived'] as const) {
        const id = await at(from)
        const moved = patchEntity(store, mine, { kind, id }, { status: to })
        if (allowed.has(`${from}>${to}`)) assert.equal((await moved)?.status, to)
        else {
          await assert.rejects(moved, isProblem('lifecycle_forward_only'))
          assert.equal((await getEntity(store, mine, kind, id))?.status, from)
        }
      }
      const id = await at(from)
      const definition = kind === 'descriptor' ? '{"namespace":"title"}' : '{"type":"object","title":"x"}'
      const edited = patchEntity(store, mine, { kind, id }, { definition })
      if (from === 'draft') assert.match((await edited)?.definition ?? '', /title/)
      else await assert.rejects(edited, isProblem('definition_frozen'))
      assert.equal((await patchEntity(store, mine, { kind, id }, { title: 'Renamed' }))?.title, 'Renamed')
      assert.equal((await archiveEntity(store, mine, { kind, id }))?.status, 'archived')
    }
  })

  test(`${kind}: another tenant's, and another kind's id, is not there`, async () => {
    const { id } = await make(kind, await needs[kind]())
    const other = kind === 'class' ? 'datatype' : 'class'
    assert.equal(await getEntity(store, theirs, kind, id), undefined)
    assert.equal(await getEntity(store, mine, other, id), undefined)
    assert.equal(await patchEntity(store, theirs, { kind, id }, { title: 'stolen' }), undefined)
    assert.equal(await archiveEntity(store, theirs, { kind, id }), undefined)
    assert.ok(!(await listEntities(store, theirs, kind, { limit: 200 })).items.some((item) => item.id === id))
    assert.deepEqual(
      [(await getEntity(store, mine, kind, id))?.title, (await getEntity(store, mine, kind, id))?.status],
      [kind, 'draft'],
    )
  })
}

test('a definition comes back digit for digit, members in their order', async () => {
  const definition =
    '{ "type":"object", "properties":{"z":{"type":"number","maximum":1.0},"__proto__":{"type":"string"},"a":{"type":"integer","maximum":9007199254740991}} }'
  const { id } = await make('datatype', { definition })
  assert.equal((await getEntity(store, mine, 'datatype', id))?.definition, definition)
})

test('a URI is taken in the whole deployment, without saying by whom', async () => {
  const { uri: taken } = await make('class')
  const refused = async (tenant: string, wanted: string, by: RegExp) =>
    assert.rejects(
      make('datatype', { uri: wanted }, tenant),
      (error: Problem) => error.code === 'uri_taken' && error.errors?.[0]?.pointer === '/uri' && by.test(error.message),
    )
  await refused(mine, taken, /is taken by your class \(draft\): GET \/v1\/classes\?uri=https%3A%2F%2Ftest\.example/)
  await refused(theirs, taken, /is taken: URIs are unique in the whole deployment/)
  await refused(theirs, CLASS, /is taken by Pulse's own class \(published\)/)
})

test("Pulse's own classes are seen by all and changed by none", async () => {
  for (const tenant of [mine, theirs]) {
    const page = await listEntities(store, tenant, 'class', { limit: 200, uri: CLASS })
    assert.deepEqual(
      page.items.map((item) => [item.uri, item.status, item.system]),
      [[CLASS, 'published', true]],
    )
    const id = page.items[0]?.id ?? ''
    await assert.rejects(patchEntity(store, tenant, { kind: 'class', id }, { title: 'Ours' }), isProblem('read_only'))
    await assert.rejects(archiveEntity(store, tenant, { kind: 'class', id }), isProblem('read_only'))
  }
})

test('a reference that the tenant cannot see is refused, whoever owns it', async () => {
  const hidden = await make('class', {}, theirs)
  await publish('class', hidden.id, theirs)
  for (const class_uri of [hidden.uri, uri('nothing'), 'x:\0', `x:${'y'.repeat(600)}`]) {
    await assert.rejects(make('schema', { class_uri }), isProblem('reference_not_found'))
    await assert.rejects(make('field_group', { class_uri }), isProblem('reference_not_found'))
    await assert.rejects(
      make('schema', { definition: JSON.stringify({ $class: class_uri }) }),
      isProblem('reference_not_found'),
    )
    await assert.rejects(
      make('schema', { class_uri: CLASS, field_group_uris: [class_uri] }),
      isProblem('reference_not_found'),
    )
    await assert.rejects(make('descriptor', { schema_uri: class_uri, kind: 'label' }), isProblem('reference_not_found'))
  }
  const ref = JSON.stringify({ type: 'object', properties: { a: { $ref: hidden.uri } } })
  await assert.rejects(make('datatype', { definition: ref }), isProblem('reference_not_found'))
  await assert.rejects(make('schema', { class_uri: CLASS, definition: ref }), isProblem('reference_not_found'))
})

test('a schema is composed of its class, field groups and datatypes, by request or by definition', async () => {
  const address = await make('datatype', { definition: '{"type":"object","properties":{"city":{"type":"string"}}}' })
  const group = await make('field_group', {
    class_uri: CLASS,
    definition: JSON.stringify({ type: 'object', properties: { home: { $ref: address.uri } } }),
  })
  const own = { type: 'object', properties: { user: { type: 'string' } } }
  const asked = await make('schema', {
    class_uri: CLASS,
    field_group_uris: [group.uri],
    definition: JSON.stringify(own),
  })
  const inside = await make('schema', {
    definition: JSON.stringify({ $class: CLASS, $fieldGroups: [group.uri], ...own }),
  })
  for (const schema of [asked, inside]) {
    assert.deepEqual([schema.class_uri, schema.field_group_uris], [CLASS, [group.uri]])
    const composed = JSON.parse(schema.composed ?? 'null') as {
      properties: Record<string, { properties?: object }>
      required: string[]
    }
    assert.deepEqual(Object.keys(composed.properties).sort(), ['home', 'timestamp', 'user'])
    assert.deepEqual(Object.keys(composed.properties['home']?.properties ?? {}), ['city'])
    assert.deepEqual(composed.required, ['timestamp'])
  }
  await assert.rejects(
    make('schema', { class_uri: PROFILE, definition: JSON.stringify({ $class: CLASS }) }),
    isProblem('invalid'),
  )
  await assert.rejects(make('schema', {}), isProblem('invalid'))
  await assert.rejects(
    make('schema', { class_uri: PROFILE, field_group_uris: [group.uri] }),
    isProblem('composition_conflict'),
  )
})

test('a schema is published only when all its parts are, and what it composes to stays', async () => {
  const group = await make('field_group', {
    class_uri: CLASS,
    definition: '{"type":"object","properties":{"a":{"type":"string"}}}',
  })
  const schema = await make('schema', { class_uri: CLASS, field_group_uris: [group.uri] })
  await assert.rejects(publish('schema', schema.id), isProblem('reference_not_published'))
  const edited = '{"type":"object","properties":{"b":{"type":"string"}}}'
  await patchEntity(store, mine, { kind: 'field_group', id: group.id }, { definition: edited })
  assert.match((await getEntity(store, mine, 'schema', schema.id))?.composed ?? '', /"b"/, 'a draft follows its parts')
  await publish('field_group', group.id)
  const published = await publish('schema', schema.id)
  assert.match(published?.composed ?? '', /"b"/)
  assert.ok(published?.published_at !== null)
  await archiveEntity(store, mine, { kind: 'field_group', id: group.id }, { force: true })
  assert.equal((await getEntity(store, mine, 'schema', schema.id))?.composed, published?.composed)
  await assert.rejects(
    make('schema', { class_uri: CLASS, field_group_uris: [group.uri] }),
    isProblem('reference_not_published'),
  )
})

test('what the lake cannot hold is refused at publish, by name', async () => {
  const refused: [string, ProblemCode][] = [
    ['{"type":"object","properties":{"_hidden":{"type":"string"}}}', 'reserved_name'],
    ['{"type":"object","properties":{"user":{"type":"string"},"User":{"type":"string"}}}', 'columns_collide'],
  ]
  for (const [definition, code] of refused) {
    const { id } = await make('schema', { class_uri: CLASS, definition })
    await assert.rejects(publish('schema', id), isProblem(code))
    assert.equal((await getEntity(store, mine, 'schema', id))?.status, 'draft')
  }
})

test('a failed change changes nothing: title, definition and status go together', async () => {
  const { id } = await make('schema', { class_uri: CLASS })
  const change = {
    title: 'New',
    definition: '{"type":"object","properties":{"_x":{"type":"string"}}}',
    status: 'published' as const,
  }
  await assert.rejects(patchEntity(store, mine, { kind: 'schema', id }, change), isProblem('reserved_name'))
  const after = await getEntity(store, mine, 'schema', id)
  assert.deepEqual([after?.title, after?.definition, after?.status], ['schema', '{"type":"object"}', 'draft'])
  const edited = await patchEntity(
    store,
    mine,
    { kind: 'schema', id },
    { definition: '{"type":"object","properties":{"x":{"type":"string"}}}', status: 'published' },
  )
  assert.equal(edited?.status, 'published')
  assert.match(edited?.composed ?? '', /"x"/)
})

test("a draft's parts and place can be given anew, and are checked as when it was made", async () => {
  const fields = (name: string) => JSON.stringify({ type: 'object', properties: { [name]: { type: 'string' } } })
  const [a, b] = [
    await make('field_group', { class_uri: CLASS, definition: fields('a') }),
    await make('field_group', { class_uri: CLASS, definition: fields('b') }),
  ]
  const { id } = await make('schema', { class_uri: CLASS, field_group_uris: [a.uri] })
  const patch = (change: Parameters<typeof patchEntity>[3]) => patchEntity(store, mine, { kind: 'schema', id }, change)
  const mixed = await patch({ field_group_uris: [b.uri] })
  assert.deepEqual(mixed?.field_group_uris, [b.uri])
  assert.deepEqual(Object.keys(JSON.parse(mixed?.composed ?? '{}').properties), ['timestamp', 'b'])
  const users = async (uses: string) => (await listEntities(store, mine, 'schema', { limit: 9, uses })).items
  assert.deepEqual([(await users(a.uri)).length, (await users(b.uri)).length], [0, 1])
  await assert.rejects(patch({ field_group_uris: [uri('none')] }), isProblem('reference_not_found'))
  await assert.rejects(patch({ class_uri: PROFILE }), isProblem('composition_conflict'))
  const profile = await patch({ class_uri: PROFILE, field_group_uris: [] })
  assert.deepEqual([profile?.class_uri, profile?.field_group_uris], [PROFILE, []])
  assert.deepEqual(Object.keys(JSON.parse(profile?.composed ?? '{}').properties), ['person_id'])
  await assert.rejects(
    patch({ class_uri: CLASS, definition: JSON.stringify({ $class: PROFILE }) }),
    isProblem('invalid'),
  )
  await publish('schema', id)
  await assert.rejects(
    patch({ class_uri: CLASS }),
    (error: Problem) =>
      error.code === 'definition_frozen' &&
      error.errors?.[0]?.pointer === '/class_uri' &&
      /its class_uri/.test(error.message),
  )

  const about = await make('schema', { class_uri: CLASS, definition: fields('who') })
  const label = await make('descriptor', {
    schema_uri: about.uri,
    kind: 'label',
    pointer: '/timestamp',
    definition: '{"labels":["pii"]}',
  })
  const target = { kind: 'descriptor', id: label.id } as const
  assert.equal((await patchEntity(store, mine, target, { pointer: '/who' }))?.pointer, '/who')
  await assert.rejects(patchEntity(store, mine, target, { pointer: '/whom' }), isProblem('descriptor_invalid'))
})

test('two may be drafted, and published, after one: each is its next version', async () => {
  const one = await make('schema', { class_uri: CLASS })
  await publish('schema', one.id)
  const next = [
    await make('schema', { class_uri: CLASS, supersedes: one.uri }),
    await make('schema', { class_uri: CLASS, supersedes: one.uri }),
  ]
  for (const { id } of next) await publish('schema', id)
  const after = (await listEntities(store, mine, 'schema', { limit: 9, supersedes: one.uri })).items
  assert.deepEqual(
    after.map(({ id, version, status }) => [id, version, status]),
    next.map(({ id }) => [id, 2, 'published']).reverse(),
  )
})

test('a new version supersedes an entity of the same kind and tenant', async () => {
  const one = await make('schema', { class_uri: CLASS })
  const two = await make('schema', { class_uri: CLASS, supersedes: one.uri })
  const three = await make('schema', { class_uri: CLASS, supersedes: two.uri })
  assert.deepEqual([one.version, two.version, three.version, three.supersedes], [1, 2, 3, two.uri])
  await assert.rejects(make('datatype', { supersedes: one.uri }), isProblem('reference_not_found'))
  await assert.rejects(
    make('schema', { class_uri: CLASS, supersedes: one.uri }, theirs),
    isProblem('reference_not_found'),
  )
  await assert.rejects(make('class', { supersedes: CLASS }), isProblem('reference_not_found'))
})

test('lists filter by uri and status and go page by page, newest first', async () => {
  const made = []
  for (let at = 0; at < 5; at++) made.push(await make('datatype', { title: `list ${at}` }))
  await archiveEntity(store, mine, { kind: 'datatype', id: made[0]?.id ?? '' })
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await listEntities(store, mine, 'datatype', { limit: 2, cursor, status: 'draft' })
    seen.push(...page.items.filter((item) => item.title.startsWith('list')).map((item) => item.title))
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  assert.deepEqual(seen, ['list 4', 'list 3', 'list 2', 'list 1'])
  const found = await listEntities(store, mine, 'datatype', { limit: 50, uri: made[2]?.uri })
  assert.deepEqual(
    found.items.map((item) => item.id),
    [made[2]?.id],
  )
})

test('a page of large ones ends early, and the next goes on where it ended', async () => {
  const large = JSON.stringify({ type: 'object', description: 'x'.repeat(250_000) })
  const small = await make('class', { title: 'oldest' }, theirs)
  const ids = [small.id]
  for (let at = 0; at < 40; at++) ids.push((await make('class', { definition: large }, theirs)).id)
  const pages: string[][] = []
  let cursor: string | undefined
  do {
    const page = await listEntities(store, theirs, 'class', { limit: 200, cursor, status: 'draft' })
    pages.push(page.items.map(({ id }) => id))
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  assert.deepEqual(
    pages.map(({ length }) => length),
    [33, 8],
  )
  assert.deepEqual(pages.flat(), ids.toReversed())
})

test('what a draft would compose to counts for its page, too', async () => {
  const group = await make('field_group', {
    class_uri: CLASS,
    definition: JSON.stringify({ properties: { a: { type: 'string', description: 'x'.repeat(250_000) } } }),
  })
  const ids: string[] = []
  for (let at = 0; at < 40; at++)
    ids.push((await make('schema', { class_uri: CLASS, field_group_uris: [group.uri] })).id)
  const query = { uses: group.uri, limit: 200 }
  const first = await listEntities(store, mine, 'schema', query)
  const second = await listEntities(store, mine, 'schema', { ...query, cursor: first.next_cursor ?? undefined })
  assert.deepEqual([first.items.length, second.items.length, second.next_cursor], [33, 7, null])
  assert.deepEqual(
    [...first.items, ...second.items].map(({ id }) => id),
    ids.toReversed(),
  )
})

test('what one entity reaches is bounded in bytes', async () => {
  const field_group_uris: string[] = []
  for (let at = 0; at < 17; at++) {
    const definition = JSON.stringify({ type: 'object', description: 'x'.repeat(250_000) })
    field_group_uris.push((await make('field_group', { class_uri: CLASS, definition })).uri)
  }
  await make('schema', { class_uri: CLASS, field_group_uris: field_group_uris.slice(1) })
  await assert.rejects(make('schema', { class_uri: CLASS, field_group_uris }), isProblem('schema_too_large'))
})

test('a chain of datatypes is followed to its end, a long one refused, a circle refused', async () => {
  let last = (await make('datatype', { definition: '{"type":"object","properties":{"end":{"type":"string"}}}' })).uri
  for (let at = 0; at < 5; at++)
    last = (
      await make('datatype', { definition: JSON.stringify({ type: 'object', properties: { next: { $ref: last } } }) })
    ).uri
  const schema = await make('schema', {
    class_uri: CLASS,
    definition: JSON.stringify({ type: 'object', properties: { chain: { $ref: last } } }),
  })
  assert.match(schema.composed ?? '', /"end"/)
  const circle = await make('datatype')
  const around = await make('datatype', {
    definition: JSON.stringify({ type: 'object', properties: { back: { $ref: circle.uri } } }),
  })
  const closing = JSON.stringify({ type: 'object', properties: { on: { $ref: around.uri } } })
  const closed = patchEntity(store, mine, { kind: 'datatype', id: circle.id }, { definition: closing })
  await assert.rejects(closed, (error) => {
    assert.ok(error instanceof Problem && error.code === 'definition_invalid')
    assert.ok(error.message.includes(circle.uri) && error.message.includes(around.uri), error.message)
    return true
  })
})
