import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import type { Schema } from '../../src/pdm/keywords.ts'
import { mergeSchemas } from '../../src/pdm/merge.ts'
import { Problem } from '../../src/problems/index.ts'

const source = (label: string) => ({ label, place: (pointer: string) => `${label}:${pointer}` })
const merge = (a: Schema, b: Schema): Schema =>
  mergeSchemas(a, b, source('the second'), '', new Map([['', source('the first')]]))

test('what satisfies the merged schema satisfies both, and the other way round', () => {
  const ajv = new Ajv2020({ strict: false, logger: false })
  const schema = fc.record(
    {
      type: fc.constantFrom(
        'string',
        'integer',
        'number',
        ['string', 'null'],
        ['integer', 'string'],
        'array',
        'object',
      ),
      minimum: fc.integer({ min: -3, max: 3 }),
      maximum: fc.integer({ min: -3, max: 3 }),
      minLength: fc.integer({ min: 0, max: 2 }),
      maxLength: fc.integer({ min: 0, max: 2 }),
      enum: fc.constantFrom(['a', 'bb', 1, 2, null], [1, 2, 3], ['a', '']),
      pattern: fc.constantFrom('a', '^b'),
      multipleOf: fc.constantFrom(1, 2),
      not: fc.constantFrom({ const: 1 }, { type: 'null' }),
      anyOf: fc.constantFrom([{ minimum: 0 }, { type: 'string' }]),
      contains: fc.constantFrom({ const: 1 }, { const: 'a' }),
      minContains: fc.constantFrom(1, 2),
      items: fc.constantFrom({ type: 'integer' }, { maximum: 1 }),
      uniqueItems: fc.boolean(),
      required: fc.constantFrom(['a'], ['b']),
      properties: fc.constantFrom({ a: { type: 'integer' } }, { a: { minimum: 1 }, b: true }),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Schema>
  const values = [
    null,
    'a',
    'bb',
    '',
    'abc',
    0,
    1,
    2,
    -3,
    1.5,
    [],
    [1],
    [1, 1],
    ['a', 1],
    [2],
    {},
    { a: 1 },
    { a: 0, b: 1 },
    { b: 'x' },
  ]
  let merges = 0
  fc.assert(
    fc.property(schema, schema, (a, b) => {
      let merged: Schema
      const [one, other] = [ajv.compile(a), ajv.compile(b)]
      try {
        merged = merge(a, b)
      } catch (error) {
        assert.ok(error instanceof Problem && error.code === 'composition_conflict')
        for (const value of values)
          assert.ok(!(one(value) && other(value)), `refused, yet ${JSON.stringify(value)} fits both`)
        return
      }
      merges++
      const both = ajv.compile(merged)
      for (const value of values) {
        assert.equal(
          both(value),
          one(value) && other(value),
          `${JSON.stringify(value)} against ${JSON.stringify(merged)}`,
        )
      }
    }),
    { numRuns: 200 },
  )
  assert.ok(merges > 50)
})

test('formats and constants that differ are a conflict that names both places', () => {
  for (const [a, b] of [
    [{ format: 'date' }, { format: 'uuid' }],
    [{ const: 1 }, { const: 2 }],
    [{ enum: [1] }, { enum: [2] }],
    [false, { type: 'string' }],
  ] as [Schema, Schema][]) {
    assert.throws(
      () => merge(a, b),
      (error: Problem) =>
        error.code === 'composition_conflict' && /the first and the second disagree/.test(error.message),
    )
  }
})
