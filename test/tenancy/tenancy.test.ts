import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import { currentContext, isSlug, namespaceOf, runWith } from '../../src/tenancy/index.ts'

test('a slug begins with a small letter and has at most 63 characters of a small set', () => {
  for (const slug of ['a', 'orders', 'a-b_c9', `a${'b'.repeat(62)}`]) assert.ok(isSlug(slug), slug)
  for (const slug of ['', 'A', '9a', '-a', 'a.b', 'a b', 'ä', 'a\n', `a${'b'.repeat(63)}`])
    assert.ok(!isSlug(slug), slug)
})

test('a namespace is pulse_ and 32 hex digits', () => {
  assert.equal(namespaceOf('0190AAAA-0000-7000-8000-00000000000A'), 'pulse_0190aaaa00007000800000000000000a')
})

test('what runs side by side sees its own tenant, and nobody outside', async () => {
  const see = async (tenantId: string): Promise<string | undefined> =>
    runWith({ tenantId, tenantSlug: 's' }, async () => {
      await setImmediate()
      return currentContext()?.tenantId
    })
  assert.deepEqual(await Promise.all([see('a'), see('b')]), ['a', 'b'])
  assert.equal(currentContext(), undefined)
})
