/* oxlint-disable unicorn/no-thenable -- a keyword of JSON Schema */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkDefinition, compositionOf, referencesOf } from '../../src/pdm/index.ts'
import { Problem } from '../../src/problems/index.ts'

const refusal = (definition: unknown): Problem => {
  try {
    checkDefinition('schema', definition)
  } catch (error) {
    assert.ok(error instanceof Problem, String(error))
    return error
  }
  return assert.fail(`accepted: ${JSON.stringify(definition).slice(0, 200)}`)
}

test('what JSON Schema 2020-12 allows and Pulse reads is accepted', () => {
  checkDefinition('schema', {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://test.example/x',
    $class: 'https://c',
    $fieldGroups: ['https://g'],
    title: 'T',
    'x-owner': 'me',
    'meta:license': [1],
    type: 'object',
    required: ['a'],
    properties: {
      a: { $ref: '#/$defs/a' },
      b: { $ref: 'https://test.example/type' },
      c: { type: 'string', pattern: '^\\p{L}+$', default: 'x', examples: [1] },
    },
    $defs: { a: { type: 'string', format: 'decimal', precision: 3, scale: 1 } },
    allOf: [{ if: { required: ['b'] }, then: { required: ['c'] } }],
    dependentRequired: { a: ['b'] },
    unevaluatedProperties: false,
  })
  checkDefinition('datatype', { type: 'string', minLength: 1 })
  checkDefinition('descriptor', { anything: ['goes', { requried: true }] })
})

test('each refusal has the pointer of its place', () => {
  const places: [unknown, string, string][] = [
    [{ properties: { a: { requried: [] } } }, 'definition_invalid', '/properties/a/requried'],
    [{ properties: { a: { $dynamicRef: '#x' } } }, 'definition_invalid', '/properties/a/$dynamicRef'],
    [{ properties: { a: { nullable: true } } }, 'definition_invalid', '/properties/a/nullable'],
    [{ properties: { a: { $ref: '#/properties/b' } } }, 'definition_invalid', '/properties/a/$ref'],
    [{ properties: { a: { $ref: 'other.json' } } }, 'definition_invalid', '/properties/a/$ref'],
    [{ properties: { a: { $id: 'https://x.example' } } }, 'definition_invalid', '/properties/a/$id'],
    [{ properties: { a: { minLength: -1 } } }, 'definition_invalid', '/properties/a/minLength'],
    [
      { properties: { a: { type: 'number', format: 'decimal', precision: 3, scale: 1 } } },
      'definition_invalid',
      '/properties/a/type',
    ],
    [{ properties: { a: { format: 'decimal', precision: 3, scale: 4 } } }, 'definition_invalid', '/properties/a/scale'],
    [{ properties: { a: { pattern: '(?<=x)y' } } }, 'pattern_unsupported', '/properties/a/pattern'],
    [{ patternProperties: { '(a)\\1': {} } }, 'pattern_unsupported', '/patternProperties/(a)\\1'],
    [{ $schema: 'http://json-schema.org/draft-07/schema#' }, 'definition_invalid', '/$schema'],
    [{ type: 'string' }, 'definition_invalid', '/type'],
    [
      { $fieldGroups: ['https://x.example/a', 'https://x.example/b', 'https://x.example/a'] },
      'definition_invalid',
      '/$fieldGroups/2',
    ],
    [
      { properties: { a: { $ref: `https://x.example/${'x'.repeat(500)}` } } },
      'definition_invalid',
      '/properties/a/$ref',
    ],
  ]
  for (const [definition, code, pointer] of places) {
    const problem = refusal(definition)
    assert.deepEqual([problem.code, problem.errors?.[0]?.pointer], [code, pointer], problem.message)
  }
})

test('a list of forty thousand types is refused in a moment', () => {
  const from = process.cpuUsage()
  const problem = refusal({ properties: { a: { type: Array.from({ length: 40_000 }, (_, at) => at) } } })
  const { user, system } = process.cpuUsage(from)
  assert.equal(problem.code, 'definition_invalid')
  assert.ok((user + system) / 1000 < 2_000, `${user + system} us of CPU`)
})

test('any JSON at all is accepted or refused with a problem, never with anything else', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 6 }),
      fc.dictionary(
        fc.constantFrom(
          'type',
          'properties',
          'items',
          '$ref',
          'allOf',
          'pattern',
          'required',
          'enum',
          '$defs',
          'format',
          '__proto__',
        ),
        fc.jsonValue({ maxDepth: 3 }),
      ),
      (value, schema) => {
        for (const definition of [value, schema, { properties: { a: schema } }]) {
          try {
            checkDefinition('schema', definition)
          } catch (error) {
            assert.ok(error instanceof Problem, String(error))
          }
        }
      },
    ),
    { numRuns: 500 },
  )
  let deep: unknown = {}
  for (let at = 0; at < 100_000; at++) deep = { items: deep }
  assert.equal(refusal(deep).code, 'schema_too_large')
})

test('references and the parts of a composition are read off a definition', () => {
  assert.deepEqual(
    [
      ...referencesOf({
        properties: {
          a: { $ref: 'https://x.example/t#/$defs/y' },
          b: { items: { $ref: 'https://x.example/t' } },
          c: { $ref: '#/$defs/c' },
        },
      }),
    ],
    [['https://x.example/t', '/properties/a/$ref']],
  )
  assert.deepEqual(compositionOf({ $class: 'c', $fieldGroups: ['g'], type: 'object' }), {
    classUri: 'c',
    fieldGroupUris: ['g'],
    rest: { type: 'object' },
  })
  assert.deepEqual(compositionOf({ type: 'object' }), { rest: { type: 'object' } })
  assert.throws(
    () => compositionOf({ $class: 7 }),
    (error: Problem) => error.code === 'definition_invalid',
  )
  assert.throws(
    () => compositionOf({ $fieldGroups: 'g' }),
    (error: Problem) => error.code === 'definition_invalid',
  )
})
