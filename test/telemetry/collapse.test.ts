import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCollapsing } from '../../src/telemetry/collapse.ts'

test('beyond the kinds of trouble it can remember every line passes, none is lost', () => {
  using collapsing = openCollapsing({ limit: 1 })
  const said: string[] = []
  for (const key of ['a', 'b', 'b', 'a']) collapsing.say(key, () => said.push(key))
  assert.deepEqual(said, ['a', 'b', 'b'])
})

test('what was counted is said when it closes', () => {
  const repeats: (number | undefined)[] = []
  const collapsing = openCollapsing()
  for (let at = 0; at < 5; at += 1) collapsing.say('a', (repeat) => repeats.push(repeat))
  collapsing[Symbol.dispose]()
  assert.deepEqual(repeats, [undefined, 4])
})
