import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isZero, keptByDouble, wholeOf } from '../../src/event/index.ts'

test('whole numbers are read exactly, however they are written', () => {
  const cases: [string, bigint | undefined][] = [
    ['0', 0n],
    ['-0', 0n],
    ['1.0', 1n],
    ['1e3', 1000n],
    ['100e-2', 1n],
    ['1.5', undefined],
    ['1.0000000000000000001', undefined],
    ['9223372036854775807', 9223372036854775807n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9.007199254740993e15', 9007199254740993n],
    ['1e-400', undefined],
    ['0e999999999', 0n],
    ['1e999999999', undefined],
    ['12.50e1', 125n],
    ['0.001e3', 1n],
  ]
  for (const [literal, value] of cases) assert.equal(wholeOf(literal), value, literal)
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => wholeOf(String(value)) === value),
  )
})

test('every double comes back from the text that JavaScript prints', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => keptByDouble(JSON.stringify(value))),
    { numRuns: 2_000 },
  )
})

test('a double keeps what is exact or printed so, and nothing else', () => {
  for (const kept of [
    '9007199254740992',
    '9223372036854775808',
    '18446744073709552000',
    '1e23',
    '100000000000000000000000',
    '123456789012345680000',
    '9007199254740992.0',
  ]) {
    assert.ok(keptByDouble(kept), kept)
  }
  for (const lost of [
    '9007199254740993',
    '18446744073709551615',
    '123456789012345678901234567890',
    '12345678901234567890.5',
    '1e400',
    '9007199254740993.0',
  ]) {
    assert.equal(keptByDouble(lost), false, lost)
  }
})

test('zero is zero whatever its exponent', () => {
  assert.deepEqual(['0', '-0.000', '0e99', '1e-400', '0.1'].map(isZero), [true, true, true, false, false])
})
