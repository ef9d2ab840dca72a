import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseExact, stringifyExact } from '../../src/lake/json-integers.ts'

test('integers beyond doubles stay exact, everything else is as JSON.parse has it', () => {
  const text =
    '{"id":4994405859821726593,"small":12,"text":"4994405859821726593","float":1.5e300,"list":[-9223372036854775808]}'
  assert.deepEqual(parseExact(text), {
    id: 4_994_405_859_821_726_593n,
    small: 12,
    text: '4994405859821726593',
    float: 1.5e300,
    list: [-9_223_372_036_854_775_808n],
  })
  assert.equal(stringifyExact(parseExact(text)), text.replace('1.5e300', '1.5e+300'))
})

test('any 64-bit integer survives a round trip', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      const { id } = parseExact(`{"id":${value}}`) as { id: number | bigint }
      assert.equal(BigInt(id), value)
      assert.equal(stringifyExact({ id }), `{"id":${value}}`)
    }),
  )
})
