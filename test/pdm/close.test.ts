/* oxlint-disable unicorn/no-thenable -- a keyword of JSON Schema */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsOf, compileValidator, compose, type Definition } from '../../src/pdm/index.ts'
import { branchProperties } from '../../src/pdm/close.ts'

const made = (definition: Definition) => compose({ definition, fieldGroups: [], resolve: () => undefined })
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}): Definition => ({
  type: 'object',
  properties,
  ...more,
})

test('objects that say otherwise, and free-form ones, stay open', () => {
  const composed = made(
    object({
      open: object({ a: {} }, { additionalProperties: true }),
      free: { type: 'object' },
      map: { type: 'object', additionalProperties: { type: 'integer' } },
    }),
  )
  const validate = compileValidator(composed)
  assert.equal(validate({ open: { a: 1, b: 2 }, free: { x: 1 }, map: { y: 1 } }), null)
  assert.equal(validate({ map: { y: 'no' } })?.[0]?.pointer, '/map/y')
  assert.deepEqual(
    columnsOf(composed).columns.map((column) => column.type),
    ['json', 'json', { map: 'long', valueRequired: true }],
  )
})

test('what only branches name is allowed, and kept as JSON text', () => {
  const definition = object(
    {
      kind: { enum: ['a', 'b'] },
      inner: object(
        { k: { type: 'string' } },
        {
          anyOf: [
            { properties: { x: { type: 'integer' } }, required: ['x'] },
            { properties: { y: object({ z: {} }) } },
          ],
        },
      ),
    },
    {
      if: { properties: { kind: { const: 'a' } } },
      then: { properties: { only: { type: 'integer' } }, required: ['only'] },
    },
  )
  const composed = made(definition)
  const validate = compileValidator(composed)
  assert.equal(validate({ kind: 'a', only: 1, inner: { k: 'k', x: 1 } }), null)
  assert.ok(validate({ kind: 'a', only: 1, other: 2 })?.some((fault) => fault.pointer === '/other'))
  assert.ok(validate({ kind: 'a' })?.some((fault) => fault.keyword === 'required'))
  assert.ok(validate({ inner: { k: 'k', y: { z: 1, zz: 2 } }, kind: 'b' }) !== null, 'closed inside a branch too')
  const { columns, keepsExtra } = columnsOf(composed)
  assert.equal(keepsExtra, true, '"only" has no column')
  assert.equal(columns.find((column) => column.name === 'inner')?.type, 'json')
})

test('branches that only judge named properties leave the object a plain struct', () => {
  const composed = made(
    object({ a: { type: 'integer' }, b: { type: 'integer' } }, { anyOf: [{ required: ['a'] }, { required: ['b'] }] }),
  )
  assert.equal(branchProperties(composed.schema).size, 0)
  assert.equal(columnsOf(composed).keepsExtra, false)
  assert.equal(compileValidator(composed)({ c: 1, a: 1 })?.[0]?.pointer, '/c')
})

test('a condition is not closed: that would change the question', () => {
  const composed = made(
    object(
      { a: object({ x: {}, y: {} }), b: {} },
      {
        if: {
          properties: { a: { type: 'object', properties: { x: { const: 1 } }, required: ['x'] } },
          required: ['a'],
        },
        then: { required: ['b'] },
      },
    ),
  )
  const validate = compileValidator(composed)
  assert.ok(validate({ a: { x: 1, y: 2 } }) !== null, 'the condition holds, whatever else a has')
  assert.equal(validate({ a: { x: 1, y: 2 }, b: 1 }), null)
})
