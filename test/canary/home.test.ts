import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDoor } from '../../src/canary/door.ts'
import { findHome } from '../../src/canary/home.ts'
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
