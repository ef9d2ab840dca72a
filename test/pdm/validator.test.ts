import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileValidator, compose, isRangeOnly, MOST_FAULTS, type Definition } from '../../src/pdm/index.ts'

const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}): Definition => ({
  type: 'object',
  properties,
  ...more,
})
const validatorOf = (definition: Definition) =>
  compileValidator(compose({ definition, fieldGroups: [], resolve: () => undefined }))

test('everything wrong is told at once, by pointer, within a bound', () => {
  const validate = validatorOf(
    object({ a: { type: 'integer' }, b: object({ c: { type: 'string' } }, { required: ['c'] }) }, { required: ['z'] }),
  )
  const faults = validate({ a: 'x', b: { d: 1 } }) ?? []
  assert.deepEqual(faults.map((fault) => [fault.pointer, fault.keyword]).toSorted(), [
    ['/a', 'type'],
    ['/b/c', 'required'],
    ['/b/d', 'additionalProperties'],
    ['/z', 'required'],
  ])
  const many = validate(Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`x${at}`, 1]))) ?? []
  assert.equal(many.length, MOST_FAULTS)
})

test('nothing is coerced, filled in or removed', () => {
  const validate = validatorOf(object({ a: { type: 'integer', default: 7 }, b: { type: 'boolean' } }))
  const data = { b: 'true', x: 1 }
  assert.ok(validate(data) !== null)
  assert.deepEqual(data, { b: 'true', x: 1 })
  const empty = {}
  assert.equal(validate(empty), null)
  assert.deepEqual(empty, {})
})

test('an event with very many faults is refused without an object for each of them', () => {
  const validate = validatorOf(object({ list: { type: 'array', items: { type: 'integer' } } }))
  const data = { list: Array.from({ length: 300_000 }, () => 'x') }
  const started = performance.now()
  assert.equal(validate(data)?.length, 1)
  assert.ok(performance.now() - started < 5_000)
})

test('a top-level timestamp is held to the years of the partition, others to the calendar', () => {
  const validate = validatorOf(
    object({
      timestamp: { type: 'string', format: 'date-time' },
      born: { type: 'string', format: 'date-time' },
      inner: object({ timestamp: { type: 'string', format: 'date-time' } }),
    }),
  )
  assert.equal(validate({ born: '1815-12-10T00:00:00Z', inner: { timestamp: '1815-12-10T00:00:00Z' } }), null)
  assert.equal(validate({ timestamp: '1815-12-10T00:00:00Z' })?.[0]?.keyword, 'format')
})

test('numbers that do not fit are told apart from what is otherwise invalid', () => {
  const validate = validatorOf(object({ a: { type: 'integer', format: 'int32' }, b: { type: 'integer' } }))
  const range = validate({ a: 3_000_000_000 }) ?? []
  assert.ok(isRangeOnly(range))
  assert.ok(!isRangeOnly(validate({ a: 3_000_000_000, c: 1 }) ?? []))
  assert.ok(isRangeOnly(validate({ b: 2 ** 63 }, [{ path: ['b'], literal: '9223372036854775808' }]) ?? []))
  assert.equal(validate({ b: 2 ** 63 }, [{ path: ['b'], literal: '9223372036854775807' }]), null)
})

test('hundredths are multiples of 0.01, whatever binary fractions make of them', () => {
  const validate = validatorOf(object({ a: { type: 'number', multipleOf: 0.01 } }))
  for (const value of [0.07, 1.1, 19.99, 4.35, 0]) assert.equal(validate({ a: value }), null, String(value))
  assert.ok(validate({ a: 0.005 }) !== null)
})

test('an unknown format is an annotation', () => {
  assert.equal(validatorOf(object({ a: { type: 'string', format: 'phone' } }))({ a: 'anything' }), null)
})

test('what branches and first places evaluate is kept account of where a schema asks for the rest', () => {
  const closed = validatorOf({
    type: 'object',
    properties: { kind: { type: 'string' } },
    anyOf: [{ properties: { a: { type: 'integer' } }, required: ['a'] }, { properties: { b: { type: 'string' } } }],
  })
  assert.equal(closed({ kind: 'x', a: 1 }), null)
  assert.deepEqual(
    closed({ kind: 'x', a: 1, c: 1 })?.map(({ pointer, keyword }) => [pointer, keyword]),
    [['/c', 'unevaluatedProperties']],
  )
  const places = validatorOf(
    object({ pair: { prefixItems: [{ type: 'string' }], unevaluatedItems: { type: 'integer' } } }),
  )
  assert.equal(places({ pair: ['a', 1] }), null)
  assert.deepEqual(
    places({ pair: ['a', 'b'] })?.map(({ pointer }) => pointer),
    ['/pair/1'],
  )
})
