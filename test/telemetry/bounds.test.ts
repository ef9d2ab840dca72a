import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBounds, OTHER, UNKNOWN } from '../../src/telemetry/bounds.ts'

test('the admitted keep their names and everybody after the limit is _other', () => {
  const bounds = openBounds({ tenants: 2, pairs: 3 })
  assert.deepEqual(
    ['a', 'b', 'c', 'a', 'c'].map((slug) => bounds.tenant(slug)),
    ['a', 'b', OTHER, 'a', OTHER],
  )
})

test('a pair is named whole or not at all', () => {
  const bounds = openBounds({ tenants: 2, pairs: 2 })
  assert.deepEqual(bounds.pair('a', 'x'), { tenant: 'a', dataset: 'x' })
  assert.deepEqual(bounds.pair('a', 'y'), { tenant: 'a', dataset: 'y' })
  assert.deepEqual(bounds.pair('a', 'z'), { tenant: OTHER, dataset: OTHER })
  assert.deepEqual(bounds.pair('a', 'x'), { tenant: 'a', dataset: 'x' })
})

test('what is no slug never becomes a label', () => {
  const bounds = openBounds()
  for (const odd of ['', 'a b', 'A', 'a"b', 'a\nb', 'x'.repeat(10_000), '_other', '__proto__']) {
    assert.equal(bounds.tenant(odd), OTHER)
    assert.deepEqual(bounds.pair('acme', odd), { tenant: OTHER, dataset: OTHER })
  }
  assert.equal(bounds.tenant(UNKNOWN), UNKNOWN)
  assert.deepEqual(bounds.pair('acme', UNKNOWN), { tenant: 'acme', dataset: UNKNOWN })
})

test('whatever arrives, no more labels exist than the limits allow', () => {
  const slug = fc.stringMatching(/^[a-z][a-z0-9]{0,2}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(slug, slug), { maxLength: 200 }), (pairs) => {
      const bounds = openBounds({ tenants: 5, pairs: 8 })
      const seen = new Set(pairs.map(([tenant, dataset]) => JSON.stringify(bounds.pair(tenant, dataset))))
      seen.delete(JSON.stringify({ tenant: OTHER, dataset: OTHER }))
      return seen.size <= 8 && new Set([...seen].map((pair) => JSON.parse(pair).tenant)).size <= 5
    }),
  )
})
