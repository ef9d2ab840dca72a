import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadTable, pointerOf, type Type } from '../../src/lake/index.ts'
import { withApi, type Answer } from '../kit/api-server.ts'

const api = await withApi({ after })
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const tenant = String((await api.ask('POST', '/v1/tenants', { body: { slug: 'shown', name: 'Shown' } })).body['id'])
let count = 0
const uri = (name: string): string => `https://shown.example/${name}/${(count += 1)}`

const ask = (method: string, path: string, body?: unknown) =>
  api.ask(method, path, { tenant, ...(body === undefined ? {} : { body }) })
async function make(collection: string, body: Record<string, unknown>, status = 201): Promise<Answer> {
  const made = await ask('POST', `/v1/${collection}`, { uri: uri(collection), title: collection, ...body })
  assert.equal(made.status, status, made.text)
  return made
}
const publish = (collection: string, { body }: Answer) =>
  ask('PATCH', `/v1/${collection}/${String(body['id'])}`, { status: 'published' })
const object = (properties: object = {}, more: object = {}) => ({ type: 'object', properties, ...more })

interface Column {
  readonly id: number
  readonly path: string
  readonly pointer: string | null
  readonly type: string
  readonly from: readonly { readonly uri: string; readonly datatype?: string }[]
}

/** Every id of a table's schema by the path that an answer gives it. */
function idsOf(type: Type, path: string): [string, number][] {
  if (typeof type === 'string') return []
  if (type.type === 'struct')
    return type.fields.flatMap((field) => {
      const at = path === '' ? field.name : `${path}.${field.name}`
      return [[at, field.id] as [string, number], ...idsOf(field.type, at)]
    })
  if (type.type === 'list') return [[`${path}.element`, type['element-id']], ...idsOf(type.element, `${path}.element`)]
  return [[`${path}.key`, type['key-id']], [`${path}.value`, type['value-id']], ...idsOf(type.value, `${path}.value`)]
}

test('a schema shows the columns of its table with their field ids, and the part that each came from', async () => {
  const place = await make('datatypes', {
    definition: object({ city: { type: 'string', description: 'as in the post' } }),
  })
  const group = await make('field-groups', {
    class_uri: CLASS,
    definition: object({ home: { $ref: place.body['uri'] }, user: { type: 'string' } }),
  })
  const draft = await make('schemas', {
    class_uri: CLASS,
    field_group_uris: [group.body['uri']],
    definition: object(
      {
        user: { maxLength: 20 },
        tags: { type: 'array', items: { type: 'string' } },
        counts: { type: 'object', additionalProperties: { type: 'integer' } },
        price: { type: 'string', format: 'decimal', precision: 10, scale: 2 },
        free: {},
        'odd/name': { type: 'string', format: 'colour' },
      },
      { required: ['user'] },
    ),
  })
  await publish('datatypes', place)
  await publish('field-groups', group)
  await make('descriptors', {
    schema_uri: draft.body['uri'],
    kind: 'label',
    pointer: '/user',
    definition: { labels: ['pii'] },
  })
  const published = await publish('schemas', draft)
  assert.equal(published.status, 200, published.text)
  const label = await make('descriptors', {
    schema_uri: draft.body['uri'],
    kind: 'friendly_name',
    pointer: '/home/city',
    definition: { name: 'City' },
  })
  await publish('descriptors', label)
  const { body: shown } = await ask('GET', `/v1/schemas/${String(draft.body['id'])}`)
  const columns = shown['columns'] as Column[]

  const dataset = await ask('POST', '/v1/datasets', { slug: 'shown', name: 'Shown', schema_uri: draft.body['uri'] })
  const [namespace, table] = String(dataset.body['table']).split('.') as [string, string]
  const location = await api.store.asTenant(tenant, (sql) => pointerOf(sql, namespace, table))
  const { fields } = (await loadTable(api.objects, location ?? '')).schema
  assert.deepEqual(columns.map(({ path, id }) => [path, id]).sort(), idsOf({ type: 'struct', fields }, '').sort())

  const own = String(draft.body['uri'])
  const [g, p] = [String(group.body['uri']), String(place.body['uri'])]
  const told = Object.fromEntries(
    columns.map(({ path, pointer, type, from }) => [
      path,
      [
        pointer,
        type,
        from.map((part) => (part.datatype === undefined ? part.uri : `${part.uri} by ${part.datatype}`)).join(', '),
      ],
    ]),
  )
  assert.deepEqual(told, {
    _event_id: [null, 'uuid', ''],
    _received_at: [null, 'timestamptz', ''],
    _source: [null, 'string', ''],
    timestamp: ['/timestamp', 'timestamptz', CLASS],
    home: ['/home', 'struct', `${g} by ${p}`],
    'home.city': ['/home/city', 'string', `${g} by ${p}`],
    user: ['/user', 'string', `${g}, ${own}`],
    tags: ['/tags', 'list', own],
    'tags.element': ['/tags/*', 'string', own],
    counts: ['/counts', 'map', own],
    'counts.key': [null, 'string', ''],
    'counts.value': ['/counts/*', 'long', own],
    price: ['/price', 'decimal(10, 2)', own],
    free: ['/free', 'string', own],
    'odd/name': ['/odd~1name', 'string', own],
  })
  const city = columns.find(({ path }) => path === 'home.city') as unknown as Record<string, unknown>
  assert.deepEqual([city['doc'], city['friendly_name']], ['City: as in the post', 'City'])
  const user = columns.find(({ path }) => path === 'user') as unknown as Record<string, unknown>
  assert.deepEqual([user['required'], user['labels']], [true, undefined], 'what is not published is not said')
  assert.deepEqual(
    shown['warnings'].map(({ pointer, keyword }: { pointer: string; keyword: string }) => [pointer, keyword]),
    [
      ['/properties/free', 'type'],
      ['/properties/odd~1name', 'format'],
    ],
  )
  // Lists stay light.
  const listed = await ask('GET', `/v1/schemas?uri=${encodeURIComponent(own)}`)
  assert.ok(!('columns' in listed.body['items'][0]))
})

test('a draft shows what it would be; what no table can hold says why instead', async () => {
  const fine = await make('schemas', { class_uri: CLASS, definition: object({ a: { type: ['string', 'integer'] } }) })
  assert.ok((fine.body['columns'] as Column[]).some(({ path }) => path === 'a'))
  assert.equal(fine.body['warnings'][0].pointer, '/properties/a')
  const bad = await make('schemas', { class_uri: CLASS, definition: object({ _a: { type: 'string' } }) })
  assert.equal(bad.body['columns'], null)
  assert.equal(bad.body['warnings'][0].pointer, '/properties/_a')
  assert.equal((await publish('schemas', bad)).body['code'], 'reserved_name')
})

test('each refusal of a reference names who refers and what is referred to', async () => {
  const other = await make('classes', { definition: object({ timestamp: { type: 'string', format: 'date-time' } }) })
  const wrong = await make('field-groups', { class_uri: other.body['uri'], definition: object() })
  const draft = await make('datatypes', { definition: object() })
  const using = await make('field-groups', {
    class_uri: CLASS,
    definition: object({ deep: { type: 'array', items: { $ref: draft.body['uri'] } } }),
  })
  const [w, o, d, u] = [wrong, other, draft, using].map(({ body }) => String(body['uri'])) as [
    string,
    string,
    string,
    string,
  ]
  const refusals: [Answer, string, readonly string[]][] = [
    [
      await make('schemas', { class_uri: CLASS, field_group_uris: [w], definition: object() }, 422),
      'composition_conflict',
      [w, o, CLASS, '/field_group_uris/0', '/class_uri'],
    ],
    [
      await make(
        'schemas',
        { class_uri: CLASS, definition: object({ a: { $ref: 'https://shown.example/none' } }) },
        422,
      ),
      'reference_not_found',
      ['/definition/properties/a/$ref', 'https://shown.example/none'],
    ],
    [
      await make('schemas', { class_uri: w, definition: object() }, 422),
      'reference_not_found',
      [w, '/class_uri', 'field group'],
    ],
    [
      await publish(
        'schemas',
        await make('schemas', { class_uri: CLASS, field_group_uris: [u], definition: object() }),
      ),
      'reference_not_published',
      [u, '/field_group_uris/0', 'draft'],
    ],
    [
      await publish('field-groups', using),
      'reference_not_published',
      [d, '/definition/properties/deep/items/$ref', 'draft'],
    ],
    [
      await make('schemas', { class_uri: CLASS, definition: object({ timestamp: { type: 'integer' } }) }, 422),
      'composition_conflict',
      [CLASS, 'the schema', '/properties/timestamp/type', 'string', 'integer'],
    ],
    [
      await make('schemas', { class_uri: CLASS, definition: object({ a: { type: 'strong' } }) }, 422),
      'definition_invalid',
      ['/definition/properties/a/type'],
    ],
  ]
  for (const [answer, code, names] of refusals) {
    assert.deepEqual([answer.status, answer.body['code']], [422, code], answer.text)
    for (const name of names) assert.ok(answer.text.includes(name), `${name}: ${answer.text}`)
  }
})
