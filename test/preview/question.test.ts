import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schema } from '../../src/lake/index.ts'
import { Problem } from '../../src/problems/index.ts'
import { checkLimit, chooseColumns } from '../../src/preview/question.ts'

const schema: Schema = {
  type: 'struct',
  'schema-id': 0,
  fields: ['timestamp', 'place', 'mag'].map((name, at) => ({ id: at + 1, name, required: false, type: 'string' })),
}

test('columns come in the order asked, each once, and all of them where none is named', () => {
  assert.deepEqual(
    chooseColumns(schema, ['mag', 'place', 'mag']).map((field) => field.name),
    ['mag', 'place'],
  )
  assert.deepEqual(
    chooseColumns(schema, undefined).map((field) => field.name),
    ['timestamp', 'place', 'mag'],
  )
})

test('every unknown column is named in the refusal', () => {
  assert.throws(
    () => chooseColumns(schema, ['mag', 'Place', '__proto__']),
    (error) => {
      assert.ok(error instanceof Problem)
      assert.equal(error.code, 'invalid_parameter')
      assert.match(error.message, /"Place", "__proto__"/)
      assert.deepEqual(
        error.errors?.map((fault) => fault.message),
        ['no column "Place"', 'no column "__proto__"'],
      )
      return true
    },
  )
  assert.throws(() => chooseColumns(schema, []), { code: 'invalid_parameter' })
})

test('a limit is an integer from 1 to 1000', () => {
  for (const limit of [1, 1_000]) checkLimit(limit)
  for (const limit of [0, 1_001, 1.5, NaN, -1, Infinity])
    assert.throws(() => checkLimit(limit), { code: 'invalid_parameter' })
})
