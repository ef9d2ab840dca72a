import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexOf, withRandom } from '../../src/event/randomness.ts'

test('no byte of the pool is handed out twice', () => {
  const seen = new Set<string>()
  for (let at = 0; at < 20_000; at++)
    seen.add(withRandom(8, (pool, offset) => pool.toString('hex', offset, offset + 8)))
  assert.equal(seen.size, 20_000)
})

test('hexOf writes two digits', () => {
  assert.deepEqual([hexOf(0), hexOf(10), hexOf(255)], ['00', '0a', 'ff'])
})
