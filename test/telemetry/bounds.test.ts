import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBounds, OTHER, UNKNOWN } from '../../src/telemetry/bounds.ts'
import { anySeed } from '../kit/seed.ts'

const limits = { tenants: 2, datasets: 20, pinned: [] }

test('the admitted keep their names and everybody after the limit is _other', () => {
  const bounds = openBounds(limits)
  assert.deepEqual(
    ['a', 'b', 'c', 'a', 'c'].map((slug) => bounds.tenant(slug).tenant),
    ['a', 'b', OTHER, 'a', OTHER],
  )
})

test('one tenant has at most a tenth of the datasets’ places; what is beyond is _other of that tenant, so that its own sums stay true', () => {
  const bounds = openBounds(limits)
  const of = (tenant: string, dataset: string) => Object.values(bounds.pair(tenant, dataset)).join('/')
  assert.deepEqual(
    ['x', 'y', 'z', 'x'].map((dataset) => of('a', dataset)),
    ['a/x', 'a/y', `a/${OTHER}`, 'a/x'],
  )
  assert.equal(of('b', 'z'), 'b/z')
  assert.equal(of('c', 'x'), `${OTHER}/${OTHER}`)
})

test('histograms have fewer places, and none where the dataset itself has none', () => {
  const bounds = openBounds({ tenants: 2, datasets: 5, pinned: [] })
  const of = (tenant: string, dataset: string) => Object.values(bounds.wide(tenant, dataset)).join('/')
  assert.deepEqual([of('a', 'x'), of('a', 'y'), of('b', 'x'), of('b', 'y')], ['a/x', `a/${OTHER}`, 'b/x', `b/${OTHER}`])
  assert.equal(of('c', 'x'), `${OTHER}/${OTHER}`)
})

test('what is no slug never becomes a label, whatever it is and however long', () => {
  const bounds = openBounds()
  for (const odd of [
    '',
    'a b',
    'A',
    'a"b',
    'a\nb',
    'x'.repeat(10_240),
    '_other',
    '__proto__',
    'a/b',
    'constructor()',
  ]) {
    assert.equal(bounds.tenant(odd, 9).tenant, OTHER)
    assert.equal(bounds.tenantSeen(odd).tenant, OTHER)
    assert.deepEqual({ ...bounds.pair('acme', odd, 9) }, { tenant: 'acme', dataset: OTHER })
    bounds.welcome([[{ tenant: odd, dataset: odd }]])
    assert.deepEqual({ ...bounds.pairSeen('acme', odd) }, { tenant: 'acme', dataset: OTHER })
  }
  assert.equal(bounds.tenant(UNKNOWN).tenant, UNKNOWN)
  assert.deepEqual({ ...bounds.pair(UNKNOWN, 'x') }, { tenant: UNKNOWN, dataset: UNKNOWN })
  assert.deepEqual({ ...bounds.pair('acme', UNKNOWN) }, { tenant: 'acme', dataset: UNKNOWN })
})

test('a pinned tenant has its place before it is heard of, beyond the limit too', () => {
  const bounds = openBounds({ tenants: 1, datasets: 10, pinned: ['vip', 'pulse-canary'] })
  assert.deepEqual(
    [...bounds.tenants()].map(({ tenant }) => tenant),
    [OTHER, UNKNOWN, 'vip', 'pulse-canary'],
  )
  assert.equal(bounds.tenant('a', 1e9).tenant, OTHER)
})

test('who is only looked at has a place where all of them find one, and gives it to the first who does something', () => {
  const bounds = openBounds({ tenants: 2, datasets: 20, pinned: [] }, { nowMs: 0 })
  bounds.welcome(['a', 'b', 'c'].map((tenant) => [{ tenant }]))
  assert.equal(bounds.tenantSeen('a').tenant, OTHER, 'three do not fit')
  bounds.welcome([[{ tenant: 'a', dataset: 'x' }], [{ tenant: 'b', dataset: 'y' }]])
  assert.deepEqual({ ...bounds.pairSeen('b', 'y') }, { tenant: 'b', dataset: 'y' })
  assert.equal(bounds.tenant('c', 5).tenant, OTHER)
  bounds.tenant('b', 1)
  assert.deepEqual(
    bounds.settle(600_000).tenants.map(({ tenant }) => tenant),
    ['a'],
  )
  assert.equal(bounds.tenant('c').tenant, 'c')
})

test('whatever arrives, no more labels exist than the limits allow', () => {
  const seed = anySeed()
  const slug = fc.stringMatching(/^[a-z][a-z0-9]{0,2}$/)
  fc.assert(
    fc.property(fc.array(fc.tuple(slug, slug), { maxLength: 200 }), (pairs) => {
      const bounds = openBounds({ tenants: 5, datasets: 20, pinned: [] })
      const seen = pairs.map(([tenant, dataset]) => bounds.pair(tenant, dataset))
      const named = new Set(seen.filter(({ dataset }) => dataset !== OTHER))
      const perTenant = Map.groupBy(named, ({ tenant }) => tenant)
      return named.size <= 20 && perTenant.size <= 5 && [...perTenant.values()].every((all) => all.length <= 2)
    }),
    { seed },
  )
})
