import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rawTopic } from '../../src/event/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'

const api = await withApi({ after })
const { ask } = api
const CLASS = 'https://ns.azothedge.com/pdm/class/interaction-event'
let count = 0

async function version(tenant: string, properties: object, publish = true): Promise<{ id: string; uri: string }> {
  const uri = `https://test.example/versions/${(count += 1)}`
  const body = { uri, title: 'Version', class_uri: CLASS, definition: { type: 'object', properties } }
  const made = await ask('POST', '/v1/schemas', { tenant, body })
  assert.equal(made.status, 201, made.text)
  const id = String(made.body['id'])
  if (publish) await ask('PATCH', `/v1/schemas/${id}`, { tenant, body: { status: 'published' } })
  return { id, uri }
}

test('a dataset is bound to a new version, and the very next event is judged and sent under it', async () => {
  const { tenant, dataset } = await makeJourney(api)
  const next = await version(tenant, { user: { type: 'string' }, n: { type: 'integer' }, more: { type: 'string' } })
  const event = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z', more: 'x' } }
  assert.equal((await ask('POST', '/v1/collect', { tenant, body: event })).status, 422)
  const bound = await ask('PATCH', '/v1/datasets/events', { tenant, body: { schema_uri: next.uri, name: 'Renamed' } })
  assert.equal(bound.status, 200, bound.text)
  assert.deepEqual(
    ['id', 'schema_id', 'schema_uri', 'name', 'rows'].map((name) => bound.body[name]),
    [dataset['id'], next.id, next.uri, 'Renamed', 0],
  )
  const sent = await ask('POST', '/v1/collect', { tenant, body: event })
  assert.equal(sent.status, 202, sent.text)
  const headers = api.bus.records.get(rawTopic(tenant))?.at(-1)?.headers.entries ?? []
  assert.ok(headers.some(([name, value]) => name.toString() === 'pulse-schema' && value.toString() === next.id))
})

test('a version that would break the table is refused with every place and reason', async () => {
  const { tenant } = await makeJourney(api)
  const worse = await version(tenant, { user: { type: 'integer' }, n: { type: 'string' } })
  const refused = await ask('PATCH', '/v1/datasets/events', { tenant, body: { schema_uri: worse.uri } })
  assert.deepEqual([refused.status, refused.body['code']], [422, 'breaking_change'])
  assert.deepEqual(refused.body['errors'], [
    { pointer: '/user', keyword: 'breaking_change', message: 'the column holds string, which cannot become long' },
    { pointer: '/n', keyword: 'breaking_change', message: 'the column holds long, which cannot become string' },
  ])
  assert.match(refused.body['detail'], /at \/user, .* \(and 1 more\)\. Give what is new another name/)
})

test('the impact of a draft is told before it is published', async () => {
  const { tenant } = await makeJourney(api)
  const draft = await version(
    tenant,
    { user: { type: 'string' }, n: { type: 'number' }, more: { type: 'string' } },
    false,
  )
  const path = `/v1/schemas/${draft.id}/impact`
  const impact = await ask('POST', path, { tenant, body: { dataset: 'events' } })
  assert.equal(impact.status, 200, impact.text)
  assert.deepEqual(impact.body['columns']['added'], [{ pointer: '/more', field_id: 7, type: 'string' }])
  assert.deepEqual(impact.body['breaking'], [
    { pointer: '/n', reason: 'the column holds long, which cannot become double' },
  ])
  assert.deepEqual([impact.body['sampled'], impact.body['complete'], impact.body['schema_uri']], [0, true, draft.uri])
  for (const [body, status, code] of [
    [{ dataset: 'none' }, 404, 'unknown_dataset'],
    [{}, 422, 'invalid'],
    [{ dataset: 'events', last: 0 }, 422, 'invalid'],
    [{ dataset: 'events', last: 10_001 }, 422, 'invalid'],
    [{ dataset: 'events', more: 1 }, 422, 'invalid'],
  ] as const) {
    const answer = await ask('POST', path, { tenant, body })
    assert.deepEqual([answer.status, answer.body['code']], [status, code], answer.text)
    const at = 'last' in body ? '/last' : 'more' in body ? '/more' : '/dataset'
    assert.equal(answer.body['errors']?.[0]?.pointer, at, answer.text)
  }
  const other = await makeJourney(api)
  for (const id of ['x', draft.id])
    assert.equal(
      (await ask('POST', `/v1/schemas/${id}/impact`, { tenant: other.tenant, body: { dataset: 'events' } })).status,
      404,
    )
})
