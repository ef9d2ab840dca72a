import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ownKey } from '../../src/config/index.ts'
import { OPERATE, SCOPES, issueOwnKeys } from '../../src/keys/index.ts'
import { withApi } from '../kit/api-server.ts'
import { ownFolder } from '../kit/folder.ts'

const api = await withApi({ after }, { settings: { auth: 'keys' } })
const folder = join(await ownFolder({ after }), 'keys')
await issueOwnKeys(api.postgres.adminUrl, folder)
const operator = ownKey({ apiKey: undefined, keysDir: folder, dataDir: '' }, 'operator') ?? ''
const as = (key: string, method: string, path: string, body?: object) =>
  api.ask(method, path, {
    headers: { authorization: `Bearer ${key}`, ...(tenant === '' ? {} : { 'x-tenant-id': tenant }) },
    ...(body === undefined ? {} : { body }),
  })
let tenant = ''
tenant = String((await as(operator, 'POST', '/v1/tenants', { slug: 'acme', name: 'A' })).body['id'])
const keys = new Map([[OPERATE, operator]])
for (const scope of SCOPES)
  keys.set(scope, String((await as(operator, 'POST', '/v1/keys', { name: scope, scopes: [scope] })).body['key']))

test('a key with a scope that the document names is let in at an operation, and one with any other is not; HEAD as GET', async () => {
  const { paths } = (await api.ask('GET', '/openapi.json')).body as {
    paths: Record<string, Record<string, { security: Record<string, string[]>[] }>>
  }
  const wrong: string[] = []
  let asked = 0
  for (const [template, operations] of Object.entries(paths))
    for (const [method, { security }] of Object.entries(operations)) {
      const scopes = new Set(security.flatMap(({ key }) => key ?? []))
      if (!template.startsWith('/v1/')) {
        assert.equal(scopes.size, 0, template)
        continue
      }
      assert.ok(scopes.size > 0, template)
      const path = template.replaceAll(/\{\w+\}/g, '01936f1e-8a40-7c3d-9f00-000000000001')
      for (const [scope, key] of keys)
        for (const how of method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]) {
          const { status, body } = await as(key, how, path, ['GET', 'HEAD', 'DELETE'].includes(how) ? undefined : {})
          const isIn = how === 'HEAD' ? status !== 403 : body['code'] !== 'scope_missing'
          asked += 1
          if (isIn !== scopes.has(scope)) wrong.push(`${how} ${template} with ${scope}: ${status}`)
        }
    }
  assert.deepEqual(wrong, [])
  assert.ok(asked > 300, `${asked} requests`)
})
