import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { asEventHasIt } from '../../src/batch/parquet-text.ts'

/** What is meant: the same value without members that are null. */
const without = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(without)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => (member === null ? [] : [[name, without(member)]])),
  )
}

test('members that are null are left out at every depth, and nothing else changes', () => {
  const tricky = fc.constantFrom('', '"', '\\', ':null', '":null,', 'NaN', '-Infinity', '{,', 'a')
  const { row } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.integer(),
      tricky,
      fc.string(),
      fc.array(tie('value'), { maxLength: 4 }),
      tie('row'),
    ),
    row: fc.dictionary(fc.oneof(tricky, fc.string()), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  }))
  // As text: `JSON.parse` of Node 24.21 takes the name `"\""` for `"\\"` where an object before had that in its place.
  fc.assert(fc.property(row, (made) => assert.equal(asEventHasIt(JSON.stringify(made)), JSON.stringify(without(made)))))
})

test('what JSON has no number for is text, so that its row is refused where a number belongs', () => {
  assert.deepEqual(JSON.parse(asEventHasIt('{"NaN":NaN,"b":[-Infinity,1,Infinity,"a NaN"],"c":null,"d":{"e":NaN}}')), {
    NaN: 'NaN',
    b: ['-Infinity', 1, 'Infinity', 'a NaN'],
    d: { e: 'NaN' },
  })
})
