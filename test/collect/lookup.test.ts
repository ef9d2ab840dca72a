import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookUp } from '../../src/collect/lookup.ts'
import type { Problem } from '../../src/problems/index.ts'
import { bindingOf } from '../kit/collect.ts'

test('each slug is asked for once, at most 64 at a time', async () => {
  let [now, most, asked] = [0, 0, 0]
  const binding = bindingOf('yes', { properties: {} })
  const bindings = {
    peek: () => undefined,
    async bySlug(_tenant: string, slug: string) {
      asked++
      most = Math.max(most, ++now)
      await new Promise(setImmediate)
      now--
      return slug === 'yes' ? binding : undefined
    },
  }
  const found = await lookUp(bindings, 'tenant', [...Array.from({ length: 150 }, (_, at) => `s${at}`), 'yes'])
  assert.deepEqual([asked, most, found.get('yes'), found.get('s1'), found.size], [151, 64, binding, undefined, 151])
  assert.equal((await lookUp(bindings, 'tenant', [])).size, 0)
})

test('a request may not make us ask for more than a thousand', async () => {
  const bindings = { peek: () => undefined, bySlug: () => assert.fail('asked') }
  await assert.rejects(
    lookUp(
      bindings,
      'tenant',
      Array.from({ length: 1001 }, (_, at) => `s${at}`),
    ),
    (error: Problem) => error.code === 'too_large',
  )
})
