import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounded } from '../../src/lake/memory.ts'

test('the least recently used goes when the weight is exceeded', () => {
  const cache = bounded<string>(10)
  cache.set('a', 'A', 4)
  cache.set('b', 'B', 4)
  assert.equal(cache.get('a'), 'A')
  cache.set('c', 'C', 4)
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], ['A', undefined, 'C'])
  assert.equal(cache.weight, 8)
})

test('what is heavier than everything is not kept, and a new value replaces the old one’s weight', () => {
  const cache = bounded<string>(10)
  cache.set('big', 'x', 11)
  assert.equal(cache.get('big'), undefined)
  cache.set('a', 'A', 9)
  cache.set('a', 'B', 3)
  assert.equal(cache.weight, 3)
  assert.equal(cache.get('a'), 'B')
})
