import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSlots, PERIOD_MS, SILENCE_MS } from '../../src/telemetry/slots.ts'

const always = (): boolean => true
function slots(limit: number, share?: number) {
  const admitted: string[] = []
  const made = openSlots<string>({
    limit,
    ...(share === undefined ? {} : { share }),
    nowMs: 0,
    isKey: (key) => /^[a-z/]+$/.test(key),
    labelsOf: (key) => key,
    onAdmitted: (labels) => admitted.push(labels),
  })
  const admit = (key: string, weight: number) => made.admit(key, key.split('/')[0] ?? key, weight)
  return { ...made, admit, admitted }
}

test('before a period has passed nothing changes hands, and the heaviest newcomer is first', () => {
  const { admit, settle, find } = slots(1)
  admit('a', 1)
  admit('b', 50)
  admit('c', 90)
  assert.deepEqual(settle(PERIOD_MS - 1, always), [])
  assert.deepEqual(settle(SILENCE_MS + PERIOD_MS, always), [], 'a was touched at some time before this settling')
  admit('b', 50)
  admit('c', 90)
  assert.deepEqual(settle(2 * SILENCE_MS + 2 * PERIOD_MS, always), ['a'])
  assert.deepEqual([find('a'), find('b'), find('c')], [undefined, undefined, 'c'])
})

test('a newcomer that is not twice as heavy as the silent one still is does not get its place', () => {
  const { admit, settle, find } = slots(1)
  admit('old', 64_000)
  settle(PERIOD_MS, always)
  for (let at = 2; at <= 7; at += 1) settle(at * PERIOD_MS, always)
  admit('new', 900)
  assert.deepEqual(settle(8 * PERIOD_MS, always), [], '250 are left of the one, and 450 of the other')
  admit('new', 900)
  assert.deepEqual(settle(9 * PERIOD_MS, always), ['old'])
  assert.equal(find('new'), 'new')
})

test('who has its share gives way only to its own', () => {
  const { admit, settle, find } = slots(4, 2)
  for (const key of ['a/x', 'a/y', 'b/x', 'b/y']) admit(key, 1)
  settle(PERIOD_MS, always)
  admit('b/x', 1)
  admit('b/y', 1)
  admit('a/z', 100)
  settle(PERIOD_MS + SILENCE_MS, always)
  assert.equal(find('a/z'), 'a/z')
  assert.equal([find('a/x'), find('a/y')].filter((labels) => labels === undefined).length, 1)
  assert.deepEqual([find('b/x'), find('b/y')], ['b/x', 'b/y'])
})

test('a newcomer whose owner has lost its place is forgotten', () => {
  const { admit, settle, find, drop } = slots(1)
  admit('a/x', 1)
  admit('b/x', 100)
  assert.deepEqual(
    drop((_, owner) => owner === 'a'),
    ['a/x'],
  )
  settle(PERIOD_MS, (_, owner) => owner !== 'b')
  assert.equal(find('b/x'), undefined)
  admit('c/x', 1)
  assert.equal(find('c/x'), 'c/x')
})
