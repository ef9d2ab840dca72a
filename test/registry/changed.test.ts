import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { listen, type Announcements } from '../../src/telemetry/index.ts'
import type { Store } from '../../src/store/index.ts'
import { makeJourney, withApi, type AskOptions } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

/** Every transaction does its work, and is then not committed, while this is on. */
let isUncommitted = false
const uncommitted = async <T>(act: Promise<T>): Promise<T> => {
  const value = await act
  if (isUncommitted) throw new Error('not committed, on purpose')
  return value
}
const api = await withApi(
  { after },
  {
    store: (store): Store => ({
      ...store,
      asTenant: (id, act, options) => store.asTenant(id, (sql) => uncommitted(act(sql)), options),
      asSystem: (act, options) => store.asSystem((sql) => uncommitted(act(sql)), options),
    }),
  },
)
const said: Announcements['registry.changed'][] = []
after(listen('registry.changed', (one) => void said.push(one)))
// The canary's tenant is made in the background.
await until('the canary is there', () => said.some(({ tenant }) => tenant === 'pulse-canary'))
beforeEach(() => void (said.length = 0))

const told = (): string[] => said.map(({ entity, action, tenant }) => `${entity} ${action} ${tenant}`)
const ask = async (method: string, path: string, options: AskOptions = {}): Promise<Record<string, string>> => {
  const answer = await api.ask(method, path, options)
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
  return answer.body
}

test('a tenant and a dataset are told when they are made and when something of theirs changes', async () => {
  const { tenant, slug, dataset } = await makeJourney(api)
  assert.deepEqual(told(), [
    `tenant created ${slug}`,
    `schema created ${slug}`,
    `schema published ${slug}`,
    `dataset created ${slug}`,
  ])
  assert.deepEqual([said[0]?.id, said[3]?.id], [tenant, dataset['id']])
  assert.match(said[1]?.uri ?? '', /^https:\/\/test\.example\//)
  said.length = 0
  await ask('PATCH', `/v1/tenants/${tenant}`, { body: { status: 'suspended' } })
  await ask('PATCH', `/v1/tenants/${tenant}`, { body: { status: 'active', name: 'Other' } })
  await ask('PATCH', '/v1/datasets/events', { tenant, body: { name: 'Other' } })
  await ask('PATCH', '/v1/datasets/events', { tenant, body: { schema_uri: dataset['schema_uri'] } })
  assert.deepEqual(told(), [`tenant changed ${slug}`, `tenant changed ${slug}`, `dataset changed ${slug}`])
})

test('entities of every kind are told as schemas: created, changed, published, archived, each once', async () => {
  const { tenant, slug } = await makeJourney(api)
  const uri = (kind: string): string => `https://test.example/${slug}/${kind}`
  const definition = { type: 'object', properties: { id: { type: 'string' } } }
  const group = { uri: uri('class'), title: 'X', definition }
  for (const [collection, body] of [
    ['classes', group],
    ['field-groups', { ...group, uri: uri('group'), class_uri: uri('class') }],
    ['datatypes', { uri: uri('datatype'), title: 'X', definition: { type: 'string' } }],
    ['schemas', { ...group, uri: uri('schema'), class_uri: uri('class'), field_group_uris: [] }],
    [
      'descriptors',
      {
        uri: uri('descriptor'),
        title: 'X',
        schema_uri: uri('schema'),
        kind: 'identity',
        pointer: '/id',
        definition: {},
      },
    ],
  ] as const) {
    said.length = 0
    const { id } = await ask('POST', `/v1/${collection}`, { tenant, body })
    const path = `/v1/${collection}/${id}`
    await ask('PATCH', path, { tenant, body: { title: 'Y' } })
    if (collection !== 'descriptors') await ask('PATCH', path, { tenant, body: { status: 'published' } })
    if (collection === 'datatypes') {
      await ask('DELETE', path, { tenant })
      await ask('DELETE', path, { tenant })
    }
    const actions = said.map(({ action }) => action)
    const expected = ['created', 'changed', ...(collection === 'descriptors' ? [] : ['published'])]
    assert.deepEqual(actions, collection === 'datatypes' ? [...expected, 'archived'] : expected, collection)
    assert.ok(
      said.every((one) => one.entity === 'schema' && one.id === id && one.uri === body.uri && one.tenant === slug),
    )
  }
})

test('what was not committed, or refused, is not told', async () => {
  const { tenant, slug, schema } = await makeJourney(api)
  said.length = 0
  isUncommitted = true
  const body = { uri: 'https://test.example/lost', title: 'X', definition: { type: 'string' } }
  const all = [
    api.ask('POST', '/v1/tenants', { body: { slug: 'lost', name: 'Lost' } }),
    api.ask('PATCH', `/v1/tenants/${tenant}`, { body: { name: 'Lost' } }),
    api.ask('POST', '/v1/datatypes', { tenant, body }),
    api.ask('PATCH', `/v1/schemas/${String(schema['id'])}`, { tenant, body: { title: 'Lost' } }),
    api.ask('DELETE', `/v1/schemas/${String(schema['id'])}?force=true`, { tenant }),
    api.ask('PATCH', '/v1/datasets/events', { tenant, body: { name: 'Lost' } }),
    api.ask('POST', '/v1/datasets', { tenant, body: { slug: 'lost', name: 'Lost', schema_uri: schema['uri'] } }),
  ]
  const statuses = (await Promise.all(all)).map(({ status }) => status)
  isUncommitted = false
  assert.deepEqual(
    statuses,
    all.map(() => 500),
  )
  const taken = await api.ask('POST', '/v1/tenants', { body: { slug, name: 'Taken' } })
  const frozen = await api.ask('PATCH', `/v1/schemas/${String(schema['id'])}`, { tenant, body: { definition: {} } })
  assert.deepEqual([taken.status, frozen.status], [409, 422])
  assert.deepEqual(told(), [])
})
