import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { addUniqueItems } from '../../src/pdm/unique.ts'

const ajv = new Ajv2020({ strict: false })
addUniqueItems(ajv)
const unique = ajv.compile({ uniqueItems: true })

test('items are unique exactly where no two are equal', () => {
  const item = fc.oneof(
    fc.constantFrom(0, -0, 1, '1', '', null, true, 'true', [], [1], ['1'], {}),
    fc.record({ a: fc.nat(1), b: fc.nat(1) }, { noNullPrototype: true }),
    fc.constant({ b: 0, a: 1 }),
  )
  fc.assert(
    fc.property(fc.array(item, { maxLength: 6 }), (items) => {
      const plain = JSON.parse(JSON.stringify(items)) as unknown[]
      const expected = plain.every((one, at) => plain.slice(at + 1).every((other) => !isDeepStrictEqual(one, other)))
      assert.equal(unique(plain), expected, JSON.stringify(plain))
    }),
    { numRuns: 2_000 },
  )
})

test('a hundred thousand objects take no more than a moment', () => {
  const items = Array.from({ length: 100_000 }, (_, at) => ({ at }))
  const started = performance.now()
  assert.equal(unique(items), true)
  assert.ok(performance.now() - started < 10_000)
})
