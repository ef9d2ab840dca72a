import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decimalBound, lowerBound, upperBound } from '../../src/lake/bounds.ts'
import { boundText, compareBounds, decodeBound } from '../../src/lake/index.ts'

const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8')
const hex = (bytes: Uint8Array | undefined): string | undefined => bytes && Buffer.from(bytes).toString('hex')

test('values decode as the spec writes them', () => {
  assert.equal(decodeBound('int', Buffer.from('ffffffff', 'hex')), -1)
  assert.equal(decodeBound('long', Buffer.from('0100000000002000', 'hex')), 9_007_199_254_740_993n)
  assert.equal(decodeBound('long', Buffer.from('01000000', 'hex')), 1n)
  assert.equal(decodeBound('double', Buffer.from('000000000000f03f', 'hex')), 1)
  assert.equal(decodeBound('boolean', Buffer.from('01', 'hex')), true)
  assert.equal(decodeBound('decimal(9, 2)', Buffer.from('04d2', 'hex')), 1234n)
  assert.equal(decodeBound('decimal(9, 2)', Buffer.from('fb2e', 'hex')), -1234n)
  assert.equal(
    decodeBound('uuid', Buffer.from('550e8400e29b41d4a716446655440000', 'hex')),
    '550e8400-e29b-41d4-a716-446655440000',
  )
  assert.equal(boundText('decimal(9, 2)', Buffer.from('fb', 'hex')), '-0.05')
  assert.equal(boundText('decimal(9, 2)', Buffer.from('04d2', 'hex')), '12.34')
})

test('a decimal’s bound is as short as can be', () => {
  const int64 = (value: bigint): Uint8Array => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  }
  for (const [value, wanted] of [
    [0n, '00'],
    [127n, '7f'],
    [128n, '0080'],
    [-1n, 'ff'],
    [-128n, '80'],
    [-129n, 'ff7f'],
    [-(2n ** 63n), '8000000000000000'],
  ] as const) {
    assert.equal(hex(decimalBound(int64(value), true)), wanted)
  }
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      assert.equal(decodeBound('decimal(19, 0)', decimalBound(int64(value), true)), value)
    }),
  )
})

test('strings are cut to 16 code points: below as a prefix, above rounded up', () => {
  const long = 'abcdefghijklmnopqrst'
  assert.equal(hex(lowerBound('string', utf8(long))), hex(utf8('abcdefghijklmnop')))
  assert.equal(hex(upperBound('string', utf8(long))), hex(utf8('abcdefghijklmnoq')))
  assert.equal(hex(upperBound('string', utf8('short'))), hex(utf8('short')))
  assert.equal(hex(upperBound('string', utf8('short'), false)), hex(utf8('shoru')))
  const top = '\u{10ffff}'
  assert.equal(hex(upperBound('string', utf8(`a${top.repeat(20)}`))), hex(utf8('b')))
  assert.equal(upperBound('string', utf8(top.repeat(20))), undefined)
  assert.equal(hex(upperBound('string', utf8(`${'x'.repeat(15)}\ud7ff9`))), hex(utf8(`${'x'.repeat(15)}\ue000`)))
})

test('a cut bound always encloses the text, and is valid UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const whole = utf8(text)
      const [low, high] = [lowerBound('string', whole), upperBound('string', whole)]
      assert.ok(low && compareBounds('string', low, whole) <= 0)
      assert.ok(high === undefined || compareBounds('string', high, whole) >= 0)
      for (const bound of [low, high]) {
        if (bound) new TextDecoder('utf-8', { fatal: true }).decode(bound)
        assert.ok(bound === undefined || Array.from(Buffer.from(bound).toString()).length <= 16)
      }
    }),
  )
})

test('zero is bounded by -0 and +0, and NaN by nothing', () => {
  const double = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleLE(value)
    return bytes
  }
  for (const zero of [0, -0]) {
    assert.ok(Object.is(decodeBound('double', lowerBound('double', double(zero))!), -0))
    assert.ok(Object.is(decodeBound('double', upperBound('double', double(zero))!), 0))
  }
  assert.equal(lowerBound('double', double(Number.NaN)), undefined)
  assert.equal(upperBound('double', double(Number.NaN)), undefined)
  assert.equal(compareBounds('double', double(-0), double(0)), -1)
  assert.equal(compareBounds('double', double(0), double(-0)), 1)
})
