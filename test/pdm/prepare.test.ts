import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsOf, compileValidator, compose, type Definition } from '../../src/pdm/index.ts'
import { prepare } from '../../src/pdm/prepare.ts'
import type { Problem } from '../../src/problems/index.ts'

const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}): Definition => ({
  type: 'object',
  properties,
  ...more,
})
const made = (definition: Definition) => compose({ definition, fieldGroups: [], resolve: () => undefined })
const many = (count: number, schema: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, schema]))

test('an object of two thousand properties is judged like one of two', () => {
  const validate = compileValidator(made(object(many(1999, { type: 'integer' }), { required: ['p7'] })))
  const all = many(1999, 1)
  assert.equal(validate(all), null)
  assert.equal(validate({ p7: 1 }), null)
  assert.deepEqual(
    validate({ ...all, p1500: 'x' })?.map((fault) => [fault.pointer, fault.keyword]),
    [['/p1500', 'type']],
  )
  assert.deepEqual(
    validate({ ...all, q: 1 })?.map((fault) => [fault.pointer, fault.keyword]),
    [['/q', 'additionalProperties']],
  )
  assert.deepEqual(
    validate({})?.map((fault) => [fault.pointer, fault.keyword]),
    [['/p7', 'required']],
  )
})

test('wide objects within wide objects, as deep as a definition may nest, fit the stack from anywhere', () => {
  const chain = (depth: number): Definition =>
    object({ ...many(60, { type: 'string' }), ...(depth === 0 ? {} : { next: chain(depth - 1) }) })
  const value = (depth: number): unknown => ({ ...many(60, 'x'), ...(depth === 0 ? {} : { next: value(depth - 1) }) })
  const validate = compileValidator(made(chain(28)))
  const deepInTheStack = (frames: number): unknown => (frames === 0 ? validate(value(28)) : deepInTheStack(frames - 1))
  assert.equal(deepInTheStack(2_000), null)
  assert.equal(validate({ next: { next: { p3: 1 } } })?.[0]?.pointer, '/next/next/p3')
})

test('parts change nothing about what is additional, beside branches too', () => {
  const definition = object(many(40, { type: 'integer' }), {
    anyOf: [{ properties: { only: { type: 'string' } }, required: ['only'] }, { required: ['p1'] }],
  })
  const validate = compileValidator(made(definition))
  assert.equal(validate({ p39: 1, only: 'x' }), null)
  assert.equal(validate({ p1: 1 }), null)
  assert.ok(validate({ p1: 1, zz: 2 })?.some((fault) => fault.pointer === '/zz'))
  assert.equal(columnsOf(made(definition)).keepsExtra, true)
})

test('a long enumeration is looked up: the same values, the same words', () => {
  const values = Array.from({ length: 5_000 }, (_, at) => (at === 0 ? null : `v${at}`))
  const validate = compileValidator(
    made(object({ a: { enum: values }, list: { type: 'array', items: { enum: values } } })),
  )
  assert.equal(validate({ a: 'v4999' }), null)
  assert.equal(validate({ a: null }), null)
  const fault = validate({ a: 'v5000' })?.[0]
  assert.deepEqual([fault?.pointer, fault?.keyword], ['/a', 'enum'])
  assert.match(String(fault?.message), /must be one of \[null,"v1"/)
  const started = performance.now()
  assert.equal(validate({ list: Array.from({ length: 100_000 }, () => 'v4999') }), null)
  assert.ok(performance.now() - started < 10_000)
})

test('a schema whose judging would cost without bound is refused', () => {
  const branches = Array.from({ length: 65 }, (_, at) => ({ const: at }))
  const patterns = Object.fromEntries(Array.from({ length: 11 }, (_, at) => [`^${at}`, {}]))
  for (const definition of [
    object({ a: { anyOf: branches } }),
    object({ a: { oneOf: [{ anyOf: branches.slice(0, 40) }, { anyOf: branches.slice(0, 40) }] } }),
    object({ a: { type: 'object', patternProperties: patterns } }),
  ]) {
    assert.throws(
      () => made(definition),
      (error: Problem) => error.code === 'schema_too_large' && error.message.includes('/properties/a'),
    )
  }
})

test('annotations and unknown formats do not reach the compiler', () => {
  const prepared = prepare({ $id: 'https://x.example', properties: { a: { type: 'string', format: 'phone' } } })
  assert.deepEqual(prepared, { properties: { a: { type: 'string' } } })
})
