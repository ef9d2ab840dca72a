import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { rawTopic } from '../../src/event/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'

const api = await withApi({ after })
const { ask } = api

test('a tenant, a schema, a dataset and an event: from nothing to acknowledged by the bus', async () => {
  const { tenant, slug, schema, dataset } = await makeJourney(api)
  assert.deepEqual(Object.keys(schema), [
    'id',
    'uri',
    'title',
    'status',
    'definition',
    'version',
    'class_uri',
    'field_group_uris',
    'composed',
    'columns',
    'warnings',
    'created_at',
    'updated_at',
  ])
  assert.equal(schema['status'], 'draft')
  assert.deepEqual(Object.keys(dataset), [
    'id',
    'slug',
    'name',
    'schema_id',
    'schema_uri',
    'table',
    'created_at',
    'updated_at',
  ])
  assert.equal(dataset['table'], `pulse_${tenant.replaceAll('-', '')}.events`)

  const event = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z', user: 'ada', n: 1 } }
  const answer = await ask('POST', '/v1/collect', { tenant, body: event })
  assert.equal(answer.status, 202, answer.text)
  assert.equal(answer.body['accepted'], 1)
  const id = answer.body['results'][0].event_id
  assert.match(id, /^[0-9a-f-]{36}$/)
  const [record] = api.bus.records.get(rawTopic(tenant)) ?? []
  assert.equal(record?.key.toString(), id)
  const headers = Object.fromEntries(
    (record?.headers.entries ?? []).map(([name, value]) => [name.toString(), value.toString()]),
  )
  assert.equal(headers['pulse-dataset'], dataset['id'])
  assert.equal(headers['pulse-schema'], schema['id'])
  // The send span's place: in the trace that the answer names, below the request's own.
  const [, traceId, spanId, flag] = answer.headers.get('traceparent')?.split('-') ?? []
  assert.match(headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-${flag}$`))

  const found = await ask('GET', '/v1/datasets/events', { tenant })
  assert.deepEqual(
    [
      found.body['rows'],
      found.body['files'],
      found.body['bytes'],
      found.body['snapshot_id'],
      found.body['committed_at'],
    ],
    [0, 0, 0, null, null],
  )
  assert.match(found.body['location'], /^file:\/\//)
  const preview = await ask('GET', '/v1/datasets/events/preview?limit=5', { tenant })
  assert.equal(preview.status, 200, preview.text)
  assert.deepEqual([preview.body['rows'], preview.body['total_rows'], preview.body['snapshot_id']], [[], 0, null])
  const listed = await ask('GET', `/v1/tenants?slug=${slug}`)
  assert.deepEqual(
    listed.body['items'].map((one: { id: string }) => one.id),
    [tenant],
  )
  assert.deepEqual(Object.keys(listed.body['items'][0]), [
    'id',
    'slug',
    'name',
    'status',
    'metadata',
    'created_at',
    'updated_at',
  ])
})

test("the canary tenant exists soon after the start, and is nobody else's to take", async () => {
  const canary = await until(
    'the canary tenant',
    async () => (await ask('GET', '/v1/tenants?slug=pulse-canary')).body['items'][0],
  )
  assert.equal(canary.status, 'active')
  for (const slug of ['pulse-canary', 'pulse-anything']) {
    const answer = await ask('POST', '/v1/tenants', { body: { slug, name: 'Mine' } })
    assert.deepEqual([answer.status, answer.body['code']], [422, 'invalid'])
  }
})

test('a suspended tenant is refused at every door within two seconds, and served again when it is active', async () => {
  const { tenant } = await makeJourney(api)
  await ask('PATCH', `/v1/tenants/${tenant}`, { body: { status: 'suspended' } })
  for (const [method, path] of [
    ['GET', '/v1/datasets'],
    ['POST', '/v1/collect'],
    ['GET', '/v1/schemas'],
    ['GET', '/v1/datasets/events/preview'],
  ] as const) {
    const answer = await ask(method, path, {
      tenant,
      ...(method === 'POST' ? { body: { dataset: 'events', data: {} } } : {}),
    })
    assert.deepEqual([answer.status, answer.body['code']], [403, 'tenant_suspended'], path)
  }
  assert.equal((await ask('GET', `/v1/tenants/${tenant}`)).body['status'], 'suspended')
  await ask('PATCH', `/v1/tenants/${tenant}`, { body: { status: 'active' } })
  assert.equal((await ask('GET', '/v1/datasets', { tenant })).status, 200)
})

test('a definition comes back exactly as it was sent', async () => {
  const { tenant } = await makeJourney(api)
  const definition =
    '{"type":"object","properties":{"z":{"type":"number","maximum":1.50},"a":{"type":"integer","maximum":9007199254740993},"__proto__":{"type":"string"}}}'
  const body = `{"uri":"https://test.example/exact","title":"Exact","definition":${definition}}`
  const made = await ask('POST', '/v1/datatypes', { tenant, body })
  assert.equal(made.status, 201, made.text)
  assert.ok(made.text.includes(`"definition":${definition}`))
  for (const path of [`/v1/datatypes/${made.body['id']}`, '/v1/datatypes'])
    assert.ok((await ask('GET', path, { tenant })).text.includes(definition))
})

test('one bad event never poisons its neighbours, and the answer has a verdict for each', async () => {
  const { tenant } = await makeJourney(api)
  const good = { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } }
  const lines = [
    JSON.stringify(good),
    '{"dataset":',
    JSON.stringify({ ...good, dataset: 'nothing' }),
    JSON.stringify(good),
  ]
  const answer = await ask('POST', '/v1/collect', {
    tenant,
    body: lines.join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  })
  assert.equal(answer.status, 202, answer.text)
  assert.deepEqual(
    answer.body['results'].map((one: { status: string; code?: string }) => one.code ?? one.status),
    ['accepted', 'malformed', 'unknown_dataset', 'accepted'],
  )
})

test('when the bus does not acknowledge it is a 503 that carries the verdicts, and sending again is safe', async () => {
  const { tenant } = await makeJourney(api)
  api.bus.failNext('publish')
  const event = {
    dataset: 'events',
    event_id: '01900000-0000-7000-8000-00000000abcd',
    data: { timestamp: '2026-11-25T08:00:00Z' },
  }
  const failed = await ask('POST', '/v1/collect', { tenant, body: event })
  assert.deepEqual(
    [failed.status, failed.body['code'], failed.body['failed'], failed.body['results'][0].event_id],
    [503, 'publish_failed', 1, event.event_id],
  )
  assert.ok(Number(failed.headers.get('retry-after')) >= 1)
  assert.match(failed.headers.get('content-type') ?? '', /^application\/problem\+json/)
  assert.equal((await ask('POST', '/v1/collect', { tenant, body: event })).status, 202)
})

test("another tenant's datasets, schemas and previews are not found", async () => {
  const mine = await makeJourney(api)
  const theirs = await makeJourney(api)
  for (const path of [
    `/v1/datasets/${String(theirs.dataset['id'])}`,
    `/v1/datasets/${String(theirs.dataset['id'])}/preview`,
    `/v1/schemas/${String(theirs.schema['id'])}`,
  ]) {
    const answer = await ask('GET', path, { tenant: mine.tenant })
    assert.equal(answer.status, 404, path)
    assert.equal((await ask('GET', path, { tenant: theirs.tenant })).status, 200)
  }
  for (const method of ['PATCH', 'DELETE']) {
    const answer = await ask(method, `/v1/schemas/${String(theirs.schema['id'])}`, {
      tenant: mine.tenant,
      ...(method === 'PATCH' ? { body: { title: 'x' } } : {}),
    })
    assert.deepEqual([answer.status, answer.body['code']], [404, 'not_found'])
  }
})

test('DELETE archives, with or without a type for the body that is not sent, and again', async () => {
  const { tenant, schema } = await makeJourney(api)
  const path = `/v1/schemas/${String(schema['id'])}?force=true`
  for (const headers of [{}, { 'content-type': 'application/json' }, {}]) {
    const answer = await ask('DELETE', path, { tenant, headers })
    assert.deepEqual(
      [answer.status, answer.body['status'], answer.body['id']],
      [200, 'archived', schema['id']],
      answer.text,
    )
  }
  const sent = await ask('POST', '/v1/collect', {
    tenant,
    body: { dataset: 'events', data: { timestamp: '2026-11-25T08:00:00Z' } },
  })
  assert.equal(sent.status, 202, 'a dataset goes on with the version that it is bound to')
})
