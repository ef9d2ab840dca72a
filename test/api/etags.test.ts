import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { etagOf, preconditionOf } from '../../src/api/etags.ts'
import { Problem } from '../../src/problems/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'

const api = await withApi({ after })
const { tenant, schema, dataset } = await makeJourney(api)
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
const draft = await api.ask('POST', '/v1/schemas', {
  tenant,
  body: { uri: 'https://etags.example/draft', title: 'Draft', class_uri: CLASS, definition: { type: 'object' } },
})
const key = await api.ask('POST', '/v1/keys', { tenant, body: { name: 'one', scopes: ['read'] } })

/** What has an ETag: where it is, a change of it, and another one. */
const THINGS = [
  [
    `/v1/schemas/${String(draft.body['id'])}`,
    { title: 'One' },
    { definition: { type: 'object', title: 'x' } },
    'definition',
  ],
  [`/v1/datasets/${String(dataset['id'])}`, { name: 'One' }, { name: 'Two' }, 'name'],
  [`/v1/tenants/${tenant}`, { name: 'One' }, { metadata: { tier: 'gold' } }, 'metadata'],
] as const

for (const [path, change, other, name] of THINGS) {
  test(`${path.split('/')[2]}: of two who change the same at once, the second is told what the first has changed`, async () => {
    const seen = await api.ask('GET', path, { tenant })
    const etag = seen.headers.get('etag') ?? ''
    assert.match(etag, /^"[\w.-]+"$/)
    assert.equal((await api.ask('GET', path, { tenant })).headers.get('etag'), etag, 'looking changes nothing')

    const first = await api.ask('PATCH', path, { tenant, body: other, headers: { 'if-match': etag } })
    assert.equal(first.status, 200, first.text)
    assert.notEqual(first.headers.get('etag'), etag)

    const second = await api.ask('PATCH', path, { tenant, body: change, headers: { 'if-match': etag } })
    assert.equal(second.status, 412, second.text)
    assert.equal(second.body['code'], 'precondition_failed')
    assert.deepEqual(second.body['changed'], [name, 'updated_at'])
    assert.equal(second.body['errors'][0].pointer, `/${name}`)
    assert.equal(second.body['etag'], first.headers.get('etag'))
    assert.equal((await api.ask('GET', path, { tenant })).headers.get('etag'), first.headers.get('etag'))

    const again = await api.ask('PATCH', path, {
      tenant,
      body: change,
      headers: { 'if-match': String(second.body['etag']) },
    })
    assert.equal(again.status, 200, again.text)
    assert.equal((await api.ask('GET', path, { tenant })).headers.get('etag'), again.headers.get('etag'))
  })

  test(`${path.split('/')[2]}: "*", a list that holds it and no If-Match go through; what is no ETag is refused`, async () => {
    const etag = (await api.ask('GET', path, { tenant })).headers.get('etag') ?? ''
    const patch = (ifMatch?: string) =>
      api.ask('PATCH', path, {
        tenant,
        body: change,
        ...(ifMatch === undefined ? {} : { headers: { 'if-match': ifMatch } }),
      })
    for (const bad of ['nonsense', '"open', `${etag} ${etag}`, 'W/"']) {
      const refused = await patch(bad)
      assert.deepEqual([refused.status, refused.body['code']], [400, 'malformed'], bad)
    }
    for (const other of [`W/${etag}`, '"x"', '""', '"a", W/"b"']) assert.equal((await patch(other)).status, 412, other)
    assert.equal((await patch(`"x", ${etag}`)).status, 200)
    for (const fine of ['*', ' * ', undefined]) assert.equal((await patch(fine)).status, 200, String(fine))
  })
}

test('of twenty who show the same ETag at once, exactly one changes it', async () => {
  for (const [path, , , name] of THINGS) {
    const etag = (await api.ask('GET', path, { tenant })).headers.get('etag') ?? ''
    const bodyAt = (at: number) => (name === 'definition' ? { title: `t${at}` } : { name: `n${at}` })
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        api.ask('PATCH', path, { tenant, body: bodyAt(at), headers: { 'if-match': etag } }),
      ),
    )
    const statuses = answers.map((answer) => answer.status)
    assert.equal(statuses.filter((status) => status === 200).length, 1, `${path}: ${statuses.join(' ')}`)
    assert.equal(statuses.filter((status) => status === 412).length, 19, `${path}: ${statuses.join(' ')}`)
  }
})

test('archiving, revoking and rotating ask for what was seen, too', async () => {
  const at = `/v1/keys/${String(key.body['id'])}`
  const etag = (await api.ask('GET', at, { tenant })).headers.get('etag') ?? ''
  assert.equal(key.headers.get('etag'), etag)
  for (const [method, path, body] of [
    ['DELETE', at, undefined],
    ['POST', `${at}/rotate`, {}],
    ['DELETE', `/v1/schemas/${String(draft.body['id'])}`, undefined],
  ] as const) {
    const refused = await api.ask(method, path, { tenant, body, headers: { 'if-match': '"AAAAAA"' } })
    assert.deepEqual([refused.status, refused.body['code']], [412, 'precondition_failed'], `${method} ${path}`)
  }
  assert.equal((await api.ask('DELETE', at, { tenant, headers: { 'if-match': etag } })).status, 200)
  const gone = await api.ask('POST', `${at}/rotate`, { tenant, body: {}, headers: { 'if-match': etag } })
  assert.equal(gone.status, 412)
  assert.deepEqual(gone.body['changed'], ['status'])
})

test('who gives a draft other parts, or a descriptor another place, is told by the ETag, too', async () => {
  const group = { title: 'Group', class_uri: CLASS, definition: { properties: { a: { type: 'string' } } } }
  await api.ask('POST', '/v1/field-groups', { tenant, body: { uri: 'https://etags.example/group', ...group } })
  const mixed = { uri: 'https://etags.example/mixed', title: 'Mixed', class_uri: CLASS, definition: {} }
  const parts = await api.ask('POST', '/v1/schemas', { tenant, body: mixed })
  const said = await api.ask('POST', '/v1/descriptors', {
    tenant,
    body: {
      uri: 'https://etags.example/name',
      title: 'Name',
      schema_uri: schema['uri'],
      kind: 'friendly_name',
      pointer: '/timestamp',
      definition: { name: 'When' },
    },
  })
  for (const [path, seen, change, member] of [
    ['schemas', parts, { field_group_uris: ['https://etags.example/group'] }, 'field_group_uris'],
    ['descriptors', said, { pointer: '/user' }, 'pointer'],
  ] as const) {
    const etag = seen.headers.get('etag') ?? ''
    const patch = () =>
      api.ask('PATCH', `/v1/${path}/${String(seen.body['id'])}`, {
        tenant,
        body: change,
        headers: { 'if-match': etag },
      })
    const first = await patch()
    assert.deepEqual([first.status, first.body[member]], [200, Object.values(change)[0]], first.text)
    const second = await patch()
    assert.deepEqual([second.status, second.body['changed']], [412, [member, 'updated_at']], second.text)
  }
})

test('events change no ETag: it stands for what can be changed, not for what is counted', async () => {
  const path = `/v1/datasets/${String(dataset['id'])}`
  const before = await api.ask('GET', path, { tenant })
  assert.equal(
    before.headers.get('etag'),
    etagOf({ name: before.body['name'], schema_uri: schema['uri'], updated_at: before.body['updated_at'] }),
  )
})

test('an ETag of another make fails without guessing at members', () => {
  const check = preconditionOf<{ a: string }>({ headers: { 'if-match': '"x.y.z.1"' } } as never, (one) => one)
  assert.throws(
    () => check?.({ a: '1' }),
    (error: unknown) => error instanceof Problem && error.code === 'precondition_failed',
  )
  assert.equal(
    preconditionOf({ headers: {} } as never, () => ({})),
    undefined,
  )
})
