import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openResolver } from '../../src/ingest/resolve.ts'
import type { Binding } from '../../src/registry/index.ts'

const binding = (tenantId: string, datasetId: string, schemaId: string) =>
  ({ tenantId, datasetId, schemaId }) as Binding

function bindings() {
  const asked: string[] = []
  return {
    asked,
    there: true,
    async byId(tenantId: string, datasetId: string, schemaId?: string) {
      asked.push(`${tenantId}/${datasetId}/${schemaId ?? ''}`)
      if (!this.there || tenantId !== 'a') return undefined
      return binding(tenantId, datasetId, schemaId === 'v1' ? 'v1' : 'v2')
    },
    tenant: async (id: string) => ({ id, slug: `slug-${id}`, status: 'active' as const, limits: null }),
  }
}

test('a version that was bound is remembered for ever, a stand-in and an absence for two seconds', async () => {
  const from = bindings()
  const resolver = openResolver(from)
  assert.equal(resolver.peek('a', 'd', 'v1', 0), undefined)
  for (const version of ['v1', 'never', '']) await resolver.load('a', 'd', version, 0)
  await resolver.load('b', 'd', 'v1', 0)
  assert.equal(resolver.peek('a', 'd', 'v1', 1e9)?.named, true)
  assert.deepEqual(resolver.peek('a', 'd', 'never', 2_000), { binding: binding('a', 'd', 'v2'), named: false })
  assert.equal(resolver.peek('a', 'd', '', 2_000)?.named, false)
  assert.equal(resolver.peek('a', 'd', 'never', 2_001), undefined)
  assert.equal(
    resolver.peek('b', 'd', 'v1', 2_000),
    null,
    "another tenant's claim to a dataset is remembered for that tenant only",
  )
  assert.equal(resolver.peek('b', 'd', 'v1', 2_001), undefined)
})

test('a tenant has its slug once it was loaded', async () => {
  const resolver = openResolver(bindings())
  assert.equal(resolver.tenantSlug('a'), '_unknown')
  await resolver.loadTenant('a')
  assert.equal(resolver.tenantSlug('a'), 'slug-a')
})
