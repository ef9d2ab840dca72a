import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { ROUTE_TEMPLATES } from '../../src/api/index.ts'
import { makeJourney, withApi } from '../kit/api-server.ts'

const api = await withApi({ after })
const { body: document, text } = await api.ask('GET', '/openapi.json')
type Operation = {
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { content: Record<string, { schema: object }> }>
}
const paths = document['paths'] as Record<string, Record<string, Operation>>

test('the document is OpenAPI 3.1 and names every route that is not itself documentation', () => {
  assert.match(document['openapi'], /^3\.1\./)
  const hidden = new Set(['/metrics', '/openapi.json', '/docs', '/docs/', '/docs/js/scalar.js'])
  const templates = ROUTE_TEMPLATES.filter((route) => !hidden.has(route)).map((route) =>
    route.replaceAll(/:(\w+)/g, '{$1}'),
  )
  assert.deepEqual(Object.keys(paths).sort(), templates.sort())
  assert.ok(!text.includes('"nullable"'), '3.1 says null as a type')
})

test('a validator that knows nothing of us takes the document, and one with a reference to nowhere not', async () => {
  assert.deepEqual(await new Validator().validate(structuredClone(document)), { valid: true })
  const { Faults, ...schemas } = document['components'].schemas
  assert.ok(Faults !== undefined)
  const damaged = { ...document, components: { ...document['components'], schemas } }
  assert.equal((await new Validator().validate(structuredClone(damaged))).valid, false)
})

test('every operation says what it answers, problems included', () => {
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const statuses = Object.keys(operation.responses)
      assert.ok(
        statuses.some((status) => status.startsWith('2')),
        `${method} ${path}`,
      )
      if (path.startsWith('/v1/'))
        assert.ok(operation.responses['503']?.content['application/problem+json'], `${method} ${path}`)
    }
  }
})

test('what the API answers is what the document says', async () => {
  const { tenant, schema, dataset } = await makeJourney(api)
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  const check = async (method: string, path: string, template: string, body?: unknown) => {
    const answer = await api.ask(method, path, { tenant, ...(body === undefined ? {} : { body }) })
    const response = paths[template]?.[method.toLowerCase()]?.responses[String(answer.status)]
    assert.ok(response !== undefined, `${method} ${template} answered ${answer.status}: ${answer.text}`)
    const shown = Object.values(response.content)[0]?.schema ?? {}
    const validate = ajv.compile({ ...shown, components: document['components'] })
    assert.ok(validate(answer.body), `${method} ${template}: ${JSON.stringify(validate.errors)} ${answer.text}`)
    return answer
  }
  await check('GET', `/v1/tenants/${tenant}`, '/v1/tenants/{id}')
  await check('GET', '/v1/tenants', '/v1/tenants')
  await check('POST', '/v1/tenants', '/v1/tenants', { slug: 'X', name: '' })
  await check('GET', `/v1/schemas/${String(schema['id'])}`, '/v1/schemas/{id}')
  await check('GET', '/v1/schemas', '/v1/schemas')
  await check('GET', '/v1/classes', '/v1/classes')
  await check('GET', `/v1/datasets/${String(dataset['id'])}`, '/v1/datasets/{dataset}')
  await check('GET', '/v1/datasets', '/v1/datasets')
  await check('GET', '/v1/datasets/events/preview', '/v1/datasets/{dataset}/preview')
  await check('GET', '/v1/datasets/nothing', '/v1/datasets/{dataset}')
  await check('GET', '/ready', '/ready')
  await check('POST', '/v1/collect', '/v1/collect', { dataset: 'events', data: { timestamp: '2026-01-01T00:00:00Z' } })
  await check('POST', '/v1/collect', '/v1/collect', { dataset: 'nothing', data: {} })
  await check('POST', '/v1/descriptors', '/v1/descriptors', {
    uri: 'https://test.example/d',
    title: 'D',
    schema_uri: schema['uri'],
    kind: 'identity',
    pointer: '/user',
  })
})

test('the type of the metrics is the one that is sent', async () => {
  const { content } = (await api.ask('GET', '/openapi.json')).body['paths']['/metrics/'].get.responses['200']
  for (const accept of ['text/plain', 'application/openmetrics-text;version=1.0.0']) {
    const { headers } = await api.ask('GET', '/metrics/', { headers: { accept } })
    assert.ok(((headers.get('content-type') ?? '').split(';', 1)[0] as string) in content, accept)
  }
})

test('the examples of the reference work when they are sent in order', async () => {
  const { body: document, text } = await api.ask('GET', '/openapi.json')
  assert.doesNotMatch(text, /"\$ref":"https?:/, 'a viewer would fetch it')
  const example = (path: string, method: string) => {
    const media = document['paths'][path][method].requestBody.content['application/json']
    return media.example ?? media.examples.example1.value
  }
  const { body: made } = await api.ask('POST', '/v1/tenants', { body: example('/v1/tenants', 'post') })
  const own = { tenant: String(made['id']) }
  for (const collection of ['classes', 'datatypes', 'field-groups', 'schemas', 'descriptors']) {
    const one = await api.ask('POST', `/v1/${collection}`, { ...own, body: example(`/v1/${collection}`, 'post') })
    assert.equal(one.status, 201, one.text)
    const publish = { ...own, body: example(`/v1/${collection}/{id}`, 'patch') }
    const published = await api.ask('PATCH', `/v1/${collection}/${String(one.body['id'])}`, publish)
    assert.equal(published.status, 200, published.text)
  }
  const dataset = await api.ask('POST', '/v1/datasets', { ...own, body: example('/v1/datasets', 'post') })
  assert.equal(dataset.status, 201, dataset.text)
  const event = await api.ask('POST', '/v1/collect', { ...own, body: example('/v1/collect', 'post') })
  assert.equal(event.status, 202, event.text)
  const lines = document['paths']['/v1/collect'].post.requestBody.content['application/x-ndjson'].example
  const headers = { 'content-type': 'application/x-ndjson' }
  assert.equal((await api.ask('POST', '/v1/collect', { ...own, body: lines, headers })).body['accepted'], 2)
  const renamed = { ...own, body: example('/v1/datasets/{dataset}', 'patch') }
  assert.equal((await api.ask('PATCH', '/v1/datasets/page-views', renamed)).status, 200)
  const suspended = { body: example('/v1/tenants/{id}', 'patch') }
  assert.equal((await api.ask('PATCH', `/v1/tenants/${own.tenant}`, suspended)).status, 200)
})

test('the docs are one page and its script, from here alone', async () => {
  assert.deepEqual(
    [(await api.ask('GET', '/docs')).status, (await api.ask('GET', '/docs')).headers.get('location')],
    [308, '/docs/'],
  )
  const page = await api.ask('GET', '/docs/')
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /text\/html/)
  assert.match(page.text, /openapi\.json/)
  const outside = [...page.text.matchAll(/(?:src|href)="(https?:)?\/\/[^"]+"/g)].map(([all]) => all)
  assert.deepEqual(outside, [])
  // The viewer offers services of its maker unless it is told not to, and the browser holds it to that.
  for (const off of ['"showDeveloperTools": "never"', '"agent": {', '"mcp": {', '"telemetry": false'])
    assert.ok(page.text.includes(off), off)
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /^default-src 'self';/)
  assert.doesNotMatch(policy, /https?:|\*/)
  const script = await api.ask('GET', '/docs/js/scalar.js')
  assert.ok(script.status === 200 && script.text.length > 1_000_000)
})
