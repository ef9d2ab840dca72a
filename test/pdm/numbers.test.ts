import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DraftField, DraftType } from '../../src/lake/index.ts'
import { misfits, RANGE } from '../../src/pdm/numbers.ts'

const fits = (type: DraftType, literal: string): boolean =>
  misfits([{ name: 'v', required: false, type }], [{ path: ['v'], literal }]).length === 0

test('each kind of column takes the numbers that it keeps', () => {
  const table: [string, long: boolean, double: boolean, json: boolean][] = [
    ['9007199254740993', true, false, true],
    ['9223372036854775807', true, false, true],
    ['9223372036854775808', false, true, true],
    ['-9223372036854775808', true, true, true],
    ['123456789012345678901234567890', false, false, true],
    ['1e18', true, true, true],
    ['1e23', false, true, true],
    ['9.007199254740993e15', false, false, false],
    ['1.0000000000000000001', false, true, true],
    ['12345678901234567890.5', false, false, false],
    ['1e400', false, false, false],
    ['1e-400', false, false, false],
    ['0e400', true, true, true],
    ['1e3', true, true, true],
  ]
  for (const [literal, ...expected] of table) {
    assert.deepEqual(
      (['long', 'double', 'json'] as const).map((type) => fits(type, literal)),
      expected,
      literal,
    )
  }
})

test('a float column loses no more of a number than its own digits', () => {
  assert.deepEqual(
    ['9007199254740993', '9007199254740992', '1e38', '1e400'].map((literal) => fits('float', literal)),
    [false, true, true, false],
  )
})

test('a number is held against the column that its path leads to', () => {
  const columns: DraftField[] = [
    { name: 's', required: false, type: { struct: [{ name: 'l', required: false, type: { list: 'long' } }] } },
    { name: 'm', required: false, type: { map: 'double' } },
    { name: 'j', required: false, type: 'json' },
  ]
  const literal = '9007199254740993'
  const faults = misfits(
    columns,
    [['s', 'l', 3], ['m', 'key'], ['j', 'l'], ['unnamed']].map((path) => ({ path, literal })),
  )
  assert.deepEqual(
    faults.map((fault) => [fault.pointer, fault.keyword]),
    [['/m/key', RANGE]],
  )
})
