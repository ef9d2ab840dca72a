import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chained } from '../../src/registry/renames.ts'

const rename = (from: string, to: string) => ({ from, to })

test('renames of several versions are those of one step, wherever the parent of a place went meanwhile', () => {
  assert.deepEqual(chained([]), [])
  assert.deepEqual(chained([[rename('/a', '/b')], [], [rename('/b', '/c')]]), [rename('/a', '/c')])
  assert.deepEqual(chained([[rename('/a', '/b')], [rename('/b', '/a')]]), [], 'and back')
  assert.deepEqual(chained([[rename('/s', '/t')], [rename('/t/x', '/t/y')]]), [
    rename('/s', '/t'),
    rename('/s/x', '/t/y'),
  ])
  assert.deepEqual(chained([[rename('/s/x', '/s/y')], [rename('/s', '/t')]]), [
    rename('/s/x', '/t/y'),
    rename('/s', '/t'),
  ])
  assert.deepEqual(chained([[rename('/a', '/b'), rename('/b', '/a')], [rename('/a', '/c')]]), [
    rename('/a', '/b'),
    rename('/b', '/c'),
  ])
  assert.deepEqual(chained([[rename('/ab', '/x')], [rename('/a', '/y')]]), [rename('/ab', '/x'), rename('/a', '/y')])
})
