import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDoor } from '../../src/canary/door.ts'
import { findHome } from '../../src/canary/home.ts'
import { withApi } from '../kit/api-server.ts'
import { until } from '../kit/until.ts'
import { openFakeApi, TENANT } from './fake-api.ts'

test('the first canary makes schema and dataset, the next finds them, and many at once make one', async (t) => {
  const api = await openFakeApi(t)
  const homes = await Promise.all(Array.from({ length: 8 }, () => findHome(openDoor(api.url))))
  assert.deepEqual(
    new Set(homes.map(({ tenantId, dataset }) => `${tenantId} ${dataset}`)),
    new Set([`${TENANT} canary`]),
  )
  api.asked.length = 0
  await findHome(openDoor(api.url))
  assert.deepEqual(api.asked, ['GET /v1/tenants', 'GET /v1/datasets/canary'])
})

test('a schema uri that somebody else has taken does not silence the canary', async (t) => {
  const api = await openFakeApi(t)
  api.foreignUris.add('urn:pulse:canary:v1')
  assert.equal((await findHome(openDoor(api.url))).dataset, 'canary')
})

test('what stands in the way is named by the API’s own code and sentence', async (t) => {
  const api = await openFakeApi(t)
  api.hasTenant = false
  await assert.rejects(findHome(openDoor(api.url)), { name: 'Hindrance', code: 'no_tenant' })
  api.down = { status: 503, code: 'dependency_away' }
  await assert.rejects(findHome(openDoor(api.url)), { code: 'dependency_away', message: 'It is dependency_away.' })
})

test('at the real API, where another tenant was quicker with the uri, eight canaries at once make one dataset', async (t) => {
  const api = await withApi(t)
  const squatter = await api.ask('POST', '/v1/tenants', { body: { slug: 'squatter', name: 'S' } })
  const taken = await api.ask('POST', '/v1/schemas', {
    tenant: squatter.body['id'] as string,
    body: {
      uri: 'urn:pulse:canary:v1',
      title: 'Mine',
      class_uri: 'https://ns.azothedge.com/pdm/class/interaction-event',
      field_group_uris: [],
      definition: { type: 'object' },
    },
  })
  assert.equal(taken.status, 201, taken.text)
  const tenant = await until(
    'the tenant',
    async () => (await api.ask('GET', '/v1/tenants?slug=pulse-canary')).body['items'][0]?.id as string | undefined,
  )
  await Promise.all(Array.from({ length: 8 }, () => findHome(openDoor(api.url))))
  const { body } = await api.ask('GET', '/v1/datasets', { tenant })
  const slugs = (body['items'] as { slug: string; schema_uri: string }[]).map((dataset) => dataset.slug)
  assert.deepEqual(slugs, ['canary'])
})
