import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inline } from '../../src/pdm/inline.ts'

const IT = { label: 'it', place: (pointer: string) => `/definition${pointer}` }
const inlined = (definition: { [keyword: string]: unknown }) => inline(IT, definition, () => undefined)

test('allOf is flattened into one schema, beside what stands around it', () => {
  assert.deepEqual(
    inlined({
      allOf: [{ type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] }, { properties: { b: {} } }],
      required: ['b'],
    }),
    { required: ['b', 'a'], type: 'object', properties: { a: { type: 'integer' }, b: {} } },
  )
})

test('two patterns of an allOf both hold', () => {
  assert.deepEqual(inlined({ properties: { a: { allOf: [{ pattern: 'a' }, { pattern: 'b' }] } } })['properties'], {
    a: { pattern: 'a', allOf: [{ pattern: 'b' }] },
  })
})

test('a union with null is a type with null; with values, null joins them', () => {
  const of = (schema: unknown) => (inlined({ properties: { a: schema } })['properties'] as { a: unknown }).a
  assert.deepEqual(of({ anyOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }], description: 'd' }), {
    type: ['string', 'null'],
    maxLength: 3,
    description: 'd',
  })
  assert.deepEqual(of({ oneOf: [{ type: 'null' }, { type: 'string', enum: ['a'] }] }), {
    type: ['string', 'null'],
    enum: ['a', null],
  })
  assert.deepEqual(of({ oneOf: [{ type: 'null' }, { type: 'integer', const: 1 }] }), {
    type: ['integer', 'null'],
    enum: [1, null],
  })
  assert.deepEqual(of({ anyOf: [{ type: 'string' }, { type: 'integer' }] }), {
    anyOf: [{ type: 'string' }, { type: 'integer' }],
  })
})

test('a reference within a datatype is looked up in the datatype', () => {
  const types: Record<string, { [keyword: string]: unknown }> = {
    'https://x.example/t': {
      type: 'object',
      properties: { v: { $ref: '#/$defs/v' } },
      $defs: { v: { type: 'boolean' } },
    },
  }
  const placed = inline(
    IT,
    { properties: { a: { $ref: 'https://x.example/t' } }, $defs: { v: { type: 'string' } } },
    (uri) => types[uri],
  )
  assert.deepEqual(placed['properties'], { a: { type: 'object', properties: { v: { type: 'boolean' } } } })
})
