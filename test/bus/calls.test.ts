import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCalls } from '../../src/bus/calls.ts'

test('the oldest that waits is as old as the oldest call that is open, and nothing is old where none is', async () => {
  let now = 1_000
  const calls = openCalls(
    30_000,
    () => now,
    () => undefined,
  )
  const { pending } = calls
  assert.equal(pending.oldestAgoMs, undefined)
  const first = calls.begin(1)
  calls.count(first.call, 10)
  now = 4_000
  const second = calls.begin(1)
  calls.count(second.call, 5)
  now = 5_000
  assert.deepEqual({ ...pending }, { records: 2, bytes: 15, oldestAgoMs: 4_000 })
  calls.decide(first.call, 0, 10, null)
  assert.deepEqual({ ...pending }, { records: 1, bytes: 5, oldestAgoMs: 1_000 })
  calls.decide(second.call, 0, 5, { code: 'refused', detail: 'on purpose' })
  assert.deepEqual({ ...pending }, { records: 0, bytes: 0, oldestAgoMs: undefined })
  assert.deepEqual(await Promise.all([first.answer, second.answer]), [
    [null],
    [{ code: 'refused', detail: 'on purpose' }],
  ])
})
