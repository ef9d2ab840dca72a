import assert from 'node:assert/strict'
import { test } from 'node:test'
import { watchLoop } from '../../src/api/loop.ts'

test('the loop is as old as its last turn, and one turn makes it young', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  using loop = watchLoop(() => now)
  assert.equal(loop.sinceTurnMs(), 0)
  now = 12_000
  assert.equal(loop.sinceTurnMs(), 12_000)
  t.mock.timers.tick(1_000)
  assert.equal(loop.sinceTurnMs(), 0)
})

test('a loop that nobody watches any more does not turn', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  const loop = watchLoop(() => now)
  loop[Symbol.dispose]()
  now = 5_000
  t.mock.timers.tick(5_000)
  assert.equal(loop.sinceTurnMs(), 5_000)
})
