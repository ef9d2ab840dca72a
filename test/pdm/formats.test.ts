import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FORMATS, fitsDecimal } from '../../src/pdm/formats.ts'

const holds = (format: string, value: string | number): boolean => {
  const { validate } = FORMATS[format] ?? assert.fail(format)
  return validate instanceof RegExp
    ? validate.test(String(value))
    : (validate as (value: string | number) => boolean)(value)
}

test('a decimal fits where no digit would be rounded away', () => {
  for (const yes of ['0', '-0.00', '1.5', '12345678.90', '99999999.99', '1.550', '0.10', '-1'])
    assert.ok(fitsDecimal(yes, 10, 2), yes)
  for (const no of [
    '1.555',
    '100000000',
    '1e2',
    '+1',
    '.5',
    '5.',
    ' 1',
    '007',
    '1_000',
    '',
    '-',
    'NaN',
    '1,5',
    '1'.repeat(200),
  ])
    assert.equal(fitsDecimal(no, 10, 2), false, no)
  assert.ok(fitsDecimal('0.5', 1, 1) && !fitsDecimal('1.5', 1, 1))
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }), (value) =>
      fitsDecimal(String(value), 38, 0),
    ),
  )
})

test('a float takes fractions as the nearest, and whole numbers only as they are or are printed', () => {
  for (const yes of [0, 0.1, -1.5, 16777216, 16777218, 1e10, 1e11, 1e38, 3.4028234663852886e38, 1e-45, 123456790])
    assert.ok(holds('float', yes), String(yes))
  for (const no of [16777217, 3.5e38, 1e-46, Infinity]) assert.equal(holds('float', no), false, String(no))
  fc.assert(fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => holds('float', value)))
})

test('int32 and uuid are exactly what their columns hold', () => {
  assert.deepEqual(
    [2147483647, 2147483648, -2147483648, -2147483649, 1.5].map((value) => holds('int32', value)),
    [true, false, true, false, false],
  )
  assert.ok(
    holds('uuid', '018F4C6E-0000-7000-8000-00000000000F') &&
      !holds('uuid', 'urn:uuid:018f4c6e-0000-7000-8000-000000000000'),
  )
})

test('no format takes longer than a moment on a long text made against it', () => {
  const attacks = [
    'a'.repeat(1 << 20),
    `${'a.'.repeat(1 << 18)}!`,
    `a@${'a-'.repeat(1 << 18)}`,
    `${':'.repeat(1 << 19)}`,
    `P${'1Y'.repeat(1 << 18)}`,
    `${'0'.repeat(1 << 20)}.`,
    `/${'~0/'.repeat(1 << 18)}~`,
  ]
  for (const [name, format] of Object.entries(FORMATS)) {
    if (format.type !== 'string') continue
    for (const attack of attacks) {
      const started = performance.now()
      holds(name, attack)
      assert.ok(performance.now() - started < 5_000, `${name} took ${performance.now() - started} ms`)
    }
  }
})
