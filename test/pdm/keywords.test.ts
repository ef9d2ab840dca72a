import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEYWORDS, mapSubschemas, REFUSED_KEYWORDS, subschemas } from '../../src/pdm/keywords.ts'

const schema = {
  properties: { __proto__x: { type: 'string' }, a: true },
  items: {},
  anyOf: [{ const: 1 }, false],
  enum: [{ properties: {} }],
}

test('subschemas are found by their steps, and values are not taken for schemas', () => {
  assert.deepEqual(
    [...subschemas(schema)].map(({ steps }) => steps.join('/')),
    ['properties/__proto__x', 'properties/a', 'items', 'anyOf/0', 'anyOf/1'],
  )
})

test('mapping leaves everything else, and the order, as it was', () => {
  const mapped = mapSubschemas(schema, (sub) => sub)
  assert.deepEqual(mapped, schema)
  assert.equal(JSON.stringify(mapped), JSON.stringify(schema))
  const hostile = mapSubschemas({ properties: JSON.parse('{"__proto__":{"type":"string"}}') as object }, (sub) => sub)
  assert.ok(Object.hasOwn(hostile['properties'] as object, '__proto__'))
})

test('no keyword is both read and refused', () => {
  assert.deepEqual(
    [...REFUSED_KEYWORDS.keys()].filter((keyword) => KEYWORDS.has(keyword)),
    [],
  )
})
