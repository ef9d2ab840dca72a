import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadTable, pointerOf, type Field } from '../../src/lake/index.ts'
import { loadNotes } from '../../src/registry/descriptors.ts'
import { piiColumnsOf } from '../../src/registry/personal.ts'
import { withApi, type Answer } from '../kit/api-server.ts'

const api = await withApi({ after })
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
let count = 0
const uri = (name: string): string => `https://said.example/${name}/${(count += 1)}`

const tenantOf = async (slug: string): Promise<string> =>
  String((await api.ask('POST', '/v1/tenants', { body: { slug, name: slug } })).body['id'])
const tenant = await tenantOf('sayers')
const others = await tenantOf('others')

async function post(collection: string, body: Record<string, unknown>, expected = 201): Promise<Answer> {
  const answer = await api.ask('POST', `/v1/${collection}`, {
    tenant,
    body: { uri: uri(collection), title: collection, ...body },
  })
  assert.equal(answer.status, expected, answer.text)
  return answer
}
async function publish(collection: string, { body }: Answer, expected = 200): Promise<Answer> {
  const answer = await api.ask('PATCH', `/v1/${collection}/${String(body['id'])}`, {
    tenant,
    body: { status: 'published' },
  })
  assert.equal(answer.status, expected, answer.text)
  return answer
}
const schemaOf = async (properties: object, more: object = {}): Promise<Answer> => {
  const made = await post('schemas', { class_uri: CLASS, definition: { type: 'object', properties }, ...more })
  await publish('schemas', made)
  return made
}
async function say(schema: Answer, kind: string, pointer: string, definition?: object): Promise<Answer> {
  const made = await post('descriptors', {
    schema_uri: schema.body['uri'],
    kind,
    pointer,
    ...(definition === undefined ? {} : { definition }),
  })
  return publish('descriptors', made)
}
const code = ({ body }: Answer): unknown => [body['code'], body['errors']?.[0]?.pointer]

const person = {
  mail: { type: 'string', description: 'where letters go' },
  age: { type: 'integer' },
  home: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
  visits: {
    type: 'array',
    items: { type: 'object', properties: { ip: { type: 'string' }, page: { type: 'string' } } },
  },
  free: { type: 'object' },
}

test('a descriptor is held against the composed schema: both places are named', async () => {
  const schema = await schemaOf(person)
  const about = { schema_uri: schema.body['uri'] }
  const refused: [object, string][] = [
    [{ kind: 'identity', pointer: '/nobody' }, '/pointer'],
    [{ kind: 'identity', pointer: '/home' }, '/pointer'],
    [{ kind: 'identity' }, '/pointer'],
    [{ kind: 'label', pointer: '/mail' }, '/definition/labels'],
    [
      { kind: 'relationship', pointer: '/mail', definition: { to: schema.body['uri'], field: '/nobody' } },
      '/definition/field',
    ],
    [{ kind: 'rename', pointer: '/mail', definition: { from: '/email' } }, '/schema_uri'],
  ]
  for (const [more, pointer] of refused) {
    const answer = await post('descriptors', { ...about, ...more }, 422)
    assert.deepEqual(code(answer), ['descriptor_invalid', pointer], answer.text)
  }
  const nobody = await post(
    'descriptors',
    { ...about, kind: 'label', pointer: '/nobody', definition: { labels: ['pii'] } },
    422,
  )
  assert.match(
    String(nobody.body['detail']),
    new RegExp(`/nobody is no place in events of ${String(schema.body['uri'])}`),
  )
  const unknown = await post('descriptors', { ...about, kind: 'opinion', pointer: '/mail' }, 422)
  assert.deepEqual(code(unknown), ['invalid', '/kind'])
  const gone = { kind: 'relationship', pointer: '/mail', definition: { to: 'https://said.example/none' } }
  assert.deepEqual(code(await post('descriptors', { ...about, ...gone }, 422)), [
    'reference_not_found',
    '/definition/to',
  ])
})

test('an edit in draft is held against it too, and publishing asks that the schema is published', async () => {
  const schema = await post('schemas', { class_uri: CLASS, definition: { type: 'object', properties: person } })
  const label = await post('descriptors', {
    schema_uri: schema.body['uri'],
    kind: 'label',
    pointer: '/mail',
    definition: { labels: ['pii'] },
  })
  const at = `/v1/descriptors/${String(label.body['id'])}`
  const edited = await api.ask('PATCH', at, { tenant, body: { definition: { labels: [] } } })
  assert.deepEqual(code(edited), ['descriptor_invalid', '/definition/labels'])
  assert.deepEqual(code(await publish('descriptors', label, 422)), ['reference_not_published', '/schema_uri'])
  // What the schema is edited to no longer has the place.
  const { id } = schema.body
  await api.ask('PATCH', `/v1/schemas/${String(id)}`, {
    tenant,
    body: { definition: { type: 'object' }, status: 'published' },
  })
  assert.deepEqual(code(await publish('descriptors', label, 422)), ['descriptor_invalid', '/pointer'])
})

test('what can be said once only is said once: a primary identity, a name of a place, a rename', async () => {
  const one = await schemaOf(person)
  await say(one, 'identity', '/mail', { namespace: 'mail', primary: true })
  await say(one, 'identity', '/age', { namespace: 'age' })
  const second = await post('descriptors', {
    schema_uri: one.body['uri'],
    kind: 'identity',
    pointer: '/age',
    definition: { primary: true },
  })
  const refused = await publish('descriptors', second, 422)
  assert.deepEqual(code(refused), ['descriptor_invalid', '/definition/primary'])
  assert.match(String(refused.body['detail']), /https:\/\/said\.example\/descriptors\/\d+ \(at \/mail\)/)
  await say(one, 'friendly_name', '/mail', { name: 'Address' })
  const again = await post('descriptors', {
    schema_uri: one.body['uri'],
    kind: 'friendly_name',
    pointer: '/mail',
    definition: { name: 'Mail' },
  })
  assert.deepEqual(code(await publish('descriptors', again, 422)), ['descriptor_invalid', '/pointer'])
  await say(one, 'label', '/mail', { labels: ['pii'] })
  await say(one, 'label', '/mail', { labels: ['gdpr'] })
})

test('of many that would be the primary identity at once, one is', async () => {
  const schema = await schemaOf(person)
  const made = await Promise.all(
    Array.from({ length: 8 }, () =>
      post('descriptors', {
        schema_uri: schema.body['uri'],
        kind: 'identity',
        pointer: '/mail',
        definition: { primary: true },
      }),
    ),
  )
  const answers = await Promise.all(
    made.map(({ body }) =>
      api.ask('PATCH', `/v1/descriptors/${String(body['id'])}`, { tenant, body: { status: 'published' } }),
    ),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [200, ...Array.from({ length: 7 }, () => 422)])
})

test('a rename leads from what the version before had to what only this one has, within one object', async () => {
  const before = await schemaOf(person)
  const { mail, home: _home, ...rest } = person
  const home = { type: 'object', properties: { road: { type: 'string' }, city: { type: 'string' } } }
  const now = await schemaOf({ ...rest, email: mail, home }, { supersedes: before.body['uri'] })
  const refused = async (pointer: string, from: string) =>
    code(await post('descriptors', { schema_uri: now.body['uri'], kind: 'rename', pointer, definition: { from } }, 422))
  assert.deepEqual(await refused('/email', '/nobody'), ['descriptor_invalid', '/definition/from'])
  assert.deepEqual(await refused('/email', '/age'), ['descriptor_invalid', '/definition/from'])
  assert.deepEqual(await refused('/age', '/mail'), ['descriptor_invalid', '/pointer'])
  assert.deepEqual(await refused('/email', '/home/street'), ['descriptor_invalid', '/definition/from'])
  await say(now, 'rename', '/email', { from: '/mail' })
  await say(now, 'rename', '/home/road', { from: '/home/street' })
})

const columnsOf = async (dataset: Answer): Promise<readonly Field[]> => {
  const [namespace, table] = String(dataset.body['table']).split('.') as [string, string]
  const location = await api.store.asTenant(tenant, (sql) => pointerOf(sql, namespace, table))
  return (await loadTable(api.objects, location ?? '')).schema.fields
}
const flat = (fields: readonly Field[], at = ''): (readonly [string, Field])[] =>
  fields.flatMap((field) => {
    const path = `${at}${field.name}`
    const type = typeof field.type === 'object' && field.type.type === 'list' ? field.type.element : field.type
    return [
      [path, field] as const,
      ...(typeof type === 'object' && type.type === 'struct' ? flat(type.fields, `${path}.`) : []),
    ]
  })

test('labels and friendly names stand in the docs of the table’s columns, and hold for what supersedes the schema', async () => {
  const first = await schemaOf(person)
  await say(first, 'label', '/mail', { labels: ['pii'] })
  await say(first, 'label', '/home/street', { labels: ['pii', 'gdpr'] })
  await say(first, 'friendly_name', '/mail', { name: 'Address' })
  const { mail, ...rest } = person
  const second = await schemaOf({ ...rest, email: mail }, { supersedes: first.body['uri'] })
  await say(second, 'rename', '/email', { from: '/mail' })
  await say(second, 'label', '/visits/*/ip', { labels: ['pii'] })
  // Said, but not yet published: it does not count.
  await post('descriptors', {
    schema_uri: second.body['uri'],
    kind: 'label',
    pointer: '/age',
    definition: { labels: ['pii'] },
  })
  const dataset = await api.ask('POST', '/v1/datasets', {
    tenant,
    body: { slug: 'people', name: 'People', schema_uri: second.body['uri'] },
  })
  const fields = flat(await columnsOf(dataset))
  assert.deepEqual(Object.fromEntries(fields.flatMap(([path, { doc }]) => (doc === undefined ? [] : [[path, doc]]))), {
    email: 'Address: where letters go [labels: pii]',
    'home.street': '[labels: gdpr, pii]',
    'visits.ip': '[labels: pii]',
  })
  const ids = new Map(fields.map(([path, { id }]) => [path, id]))
  const masked = await api.store.asTenant(tenant, (sql) => piiColumnsOf(sql, String(dataset.body['id'])))
  assert.deepEqual([...masked].sort(), ['email', 'home.street', 'visits.ip'].map((path) => ids.get(path)).sort())
  // A label that comes later masks at once; one that is archived no longer does.
  const within = { kind: 'label', pointer: '/free/anywhere', definition: { labels: ['pii'] } }
  await post('descriptors', { schema_uri: second.body['uri'], ...within }, 422)
  const later = await say(second, 'label', '/free', { labels: ['pii'] })
  const now = () => api.store.asTenant(tenant, (sql) => piiColumnsOf(sql, String(dataset.body['id'])))
  assert.ok((await now()).has(ids.get('free') as number))
  await api.ask('DELETE', `/v1/descriptors/${String(later.body['id'])}`, { tenant })
  assert.ok(!(await now()).has(ids.get('free') as number))
})

test('what is said of a bound version stands in the docs once it is bound again, and that is a change of nothing else', async () => {
  const schema = await schemaOf(person)
  const body = { slug: 'said-later', name: 'Said later', schema_uri: schema.body['uri'] }
  const dataset = await api.ask('POST', '/v1/datasets', { tenant, body })
  const before = await columnsOf(dataset)
  const again = { schema_uri: schema.body['uri'] }
  const same = await api.ask('PATCH', '/v1/datasets/said-later', { tenant, body: again })
  assert.deepEqual([same.status, same.headers.get('etag')], [200, dataset.headers.get('etag')], 'nothing to change')
  await say(schema, 'friendly_name', '/age', { name: 'Years' })
  assert.equal((await api.ask('PATCH', '/v1/datasets/said-later', { tenant, body: again })).status, 200)
  const withDoc = before.map((field) => (field.name === 'age' ? { ...field, doc: 'Years' } : field))
  assert.deepEqual(await columnsOf(dataset), withDoc)
})

test('a column stays masked under a version that neither labels nor has what was labelled', async () => {
  const first = await schemaOf(person)
  await say(first, 'label', '/mail', { labels: ['pii'] })
  const dataset = await api.ask('POST', '/v1/datasets', {
    tenant,
    body: { slug: 'kept', name: 'Kept', schema_uri: first.body['uri'] },
  })
  const id = flat(await columnsOf(dataset)).find(([path]) => path === 'mail')?.[1].id
  const { mail: _mail, ...rest } = person
  // Of another line altogether: nothing is inherited.
  const other = await schemaOf(rest)
  const bound = await api.ask('PATCH', '/v1/datasets/kept', { tenant, body: { schema_uri: other.body['uri'] } })
  assert.equal(bound.status, 200, bound.text)
  const masked = await api.store.asTenant(tenant, (sql) => piiColumnsOf(sql, String(dataset.body['id'])))
  assert.deepEqual([...masked], [id])
})

const masked = async (dataset: Answer): Promise<string[]> => {
  const ids = await api.store.asTenant(tenant, (sql) => piiColumnsOf(sql, String(dataset.body['id'])))
  return flat(await columnsOf(dataset)).flatMap(([path, { id }]) => (ids.has(id) ? [path] : []))
}
const bound = async (slug: string, ...versions: Answer[]): Promise<Answer> => {
  const [first, ...others] = versions.map(({ body }) => body['uri'])
  const dataset = await api.ask('POST', '/v1/datasets', { tenant, body: { slug, name: slug, schema_uri: first } })
  for (const schema_uri of others)
    assert.equal((await api.ask('PATCH', `/v1/datasets/${slug}`, { tenant, body: { schema_uri } })).status, 200)
  return dataset
}

test('an object and a member of it are renamed at once, the object first, and labels go along', async () => {
  const first = await schemaOf(person)
  await say(first, 'label', '/home/street', { labels: ['pii'] })
  await say(first, 'label', '/home/city', { labels: ['place'] })
  const { home: _home, ...rest } = person
  const place = { type: 'object', properties: { road: { type: 'string' }, city: { type: 'string' } } }
  const second = await schemaOf({ ...rest, place }, { supersedes: first.body['uri'] })
  const member = {
    schema_uri: second.body['uri'],
    kind: 'rename',
    pointer: '/place/road',
    definition: { from: '/home/street' },
  }
  const early = await post('descriptors', member, 422)
  assert.match(early.body['detail'], /publish that rename first/)
  await say(second, 'rename', '/place', { from: '/home' })
  await publish('descriptors', await post('descriptors', member))
  const dataset = await bound('moved-house', first)
  const before = flat(await columnsOf(dataset)).map(([path, { id }]) => [path, id] as const)
  const again = await api.ask('PATCH', '/v1/datasets/moved-house', {
    tenant,
    body: { schema_uri: second.body['uri'] },
  })
  assert.equal(again.status, 200, again.text)
  const after = flat(await columnsOf(dataset))
  const renamed = before.map(([path, id]) => [path.replace(/^home/, 'place').replace('street', 'road'), id])
  assert.deepEqual(
    after.map(([path, { id }]) => [path, id]),
    renamed,
  )
  assert.deepEqual(
    after.flatMap(([path, { doc }]) => (doc?.startsWith('[') === true ? [[path, doc]] : [])),
    [
      ['place.road', '[labels: pii]'],
      ['place.city', '[labels: place]'],
    ],
  )
  assert.deepEqual(await masked(dataset), ['place.road'])
})

test('a label of what a version dropped from an object hides no other member of it', async () => {
  const first = await schemaOf(person)
  await say(first, 'label', '/home/street', { labels: ['pii'] })
  const home = { type: 'object', properties: { city: { type: 'string' } } }
  const second = await schemaOf({ ...person, home }, { supersedes: first.body['uri'] })
  assert.deepEqual(await masked(await bound('moved-out', first, second)), ['home.street'])
  const { home: _home, ...rest } = person
  const open = await schemaOf(person, {
    definition: { type: 'object', additionalProperties: true, properties: person },
  })
  await say(open, 'label', '/home/street', { labels: ['pii'] })
  const third = await schemaOf(rest, { supersedes: open.body['uri'] })
  assert.deepEqual(await masked(await bound('left-out', open, third)), ['home.street'], 'it never was in _extra')
})

test('what a version names and labels is masked where an open version before may have kept it: in _extra', async () => {
  const open = { type: 'object', additionalProperties: true, properties: { age: { type: 'integer' } } }
  const first = await schemaOf({}, { definition: open })
  const second = await schemaOf({ age: open.properties.age, mail: person.mail }, { supersedes: first.body['uri'] })
  const dataset = await bound('once-open', first, second)
  await say(second, 'label', '/age', { labels: ['pii'] })
  assert.deepEqual(await masked(dataset), ['age'], 'this had its column all along')
  await say(second, 'label', '/mail', { labels: ['pii'] })
  assert.deepEqual(await masked(dataset), ['_extra', 'age', 'mail'])
})

test('what is masked is asked in three questions, however many versions the dataset has had', async () => {
  const versions: Answer[] = []
  for (let at = 0; at < 5; at += 1) {
    const supersedes = versions.at(-1)?.body['uri']
    const properties = { ...person, [`more${at}`]: { type: 'string' } }
    versions.push(await schemaOf(properties, supersedes === undefined ? {} : { supersedes }))
  }
  await say(versions[0] as Answer, 'label', '/mail', { labels: ['pii'] })
  await say(versions[3] as Answer, 'label', '/more3', { labels: ['pii'] })
  const dataset = await bound('five-versions', ...versions)
  assert.deepEqual(await masked(dataset), ['mail', 'more3'])
  let questions = 0
  await api.store.asTenant(tenant, (sql) => {
    const query: typeof sql.query = (...asked) => {
      questions += 1
      return sql.query(...asked)
    }
    return piiColumnsOf({ ...sql, query }, String(dataset.body['id']))
  })
  assert.equal(questions, 3)
})

test('what one tenant says of a schema, another tenant does not hear', async () => {
  const schema = await schemaOf(person)
  await say(schema, 'label', '/mail', { labels: ['pii'] })
  const heard = (of: string) => api.store.asTenant(of, (sql) => loadNotes(sql, String(schema.body['uri'])))
  assert.equal((await heard(tenant)).labels.size, 1)
  assert.equal((await heard(others)).labels.size, 0)
})
