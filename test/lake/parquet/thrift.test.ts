import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readThrift } from '../../../src/lake/parquet/thrift.ts'

test('a struct of every kind is read', () => {
  const bytes = Buffer.from(
    [
      '15',
      '02', // field 1, i32 zigzag 2 = 1
      '16',
      'feffffffffffffffff01', // field 2, i64 2^63-1
      '18',
      '03',
      '616263', // field 3, binary "abc"
      '11', // field 4, true
      '12', // field 5, false
      '19',
      '25',
      '02',
      '04', // field 6, list of two i32: 1, 2
      '1c',
      '15',
      '01',
      '00', // field 7, struct { 1: -1 }
      '05',
      '2c',
      '06', // field id in long form: 22, i32 3
      '00',
    ].join(''),
    'hex',
  )
  const read = readThrift(bytes)
  assert.equal(read.get(1), 1)
  assert.equal(read.get(2), 2n ** 63n - 1n)
  assert.equal(Buffer.from(read.get(3) as Uint8Array).toString(), 'abc')
  assert.equal(read.get(4), true)
  assert.equal(read.get(5), false)
  assert.deepEqual(read.get(6), [1, 2])
  assert.deepEqual(read.get(7), new Map([[1, -1]]))
  assert.equal(read.get(22), 3)
})

test('any bytes are read or refused, without endless work', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readThrift(bytes)
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
