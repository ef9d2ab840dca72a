/* oxlint-disable unicorn/no-thenable -- a keyword of JSON Schema */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileValidator, compose } from '../../src/pdm/index.ts'

test('every rule has a sentence of its own, with the pointer of its place', () => {
  const cases: [schema: object, value: unknown, keyword: string, message: RegExp][] = [
    [{ type: ['string', 'null'] }, 1, 'type', /must be string or null/],
    [{ enum: ['a', 'b'] }, 'c', 'enum', /one of \["a","b"\]/],
    [{ const: 5 }, 6, 'const', /must be 5/],
    [{ type: 'string', pattern: '^a' }, 'b', 'pattern', /must match \^a/],
    [{ type: 'string', minLength: 2 }, 'b', 'minLength', /at least 2 characters/],
    [{ type: 'string', maxLength: 2 }, 'bbb', 'maxLength', /at most 2 characters/],
    [{ type: 'number', minimum: 2 }, 1, 'minimum', />= 2/],
    [{ type: 'number', exclusiveMaximum: 2 }, 2, 'exclusiveMaximum', /< 2/],
    [{ type: 'number', multipleOf: 2 }, 3, 'multipleOf', /multiple of 2/],
    [{ type: 'array', items: {}, minItems: 1 }, [], 'minItems', /at least 1 items/],
    [{ type: 'array', items: {}, uniqueItems: true }, [1, 1], 'uniqueItems', /same item twice/],
    [{ type: 'array', items: {}, contains: { const: 1 } }, [2], 'contains', /must contain/],
    [{ type: 'object', maxProperties: 1 }, { a: 1, b: 2 }, 'maxProperties', /at most 1 properties/],
    [{ type: 'object', propertyNames: { maxLength: 1 } }, { ab: 1 }, 'propertyNames', /"ab"/],
    [{ type: 'object', dependentRequired: { a: ['b'] } }, { a: 1 }, 'dependentRequired', /"b" is required beside "a"/],
    [{ not: { const: 1 } }, 1, 'not', /ruled out/],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 1, 'oneOf', /more than one/],
    [{ anyOf: [{ type: 'integer' }, { type: 'boolean' }] }, 'x', 'anyOf', /none of the forms/],
    [{ if: { const: 1 }, then: { const: 2 } }, 1, 'if', /must fit "then"/],
    [false, 1, 'false schema', /not allowed/],
    [{ type: 'string', format: 'date' }, '2026-02-30', 'format', /real day/],
    [{ type: 'string', format: 'email' }, 'x', 'format', /format email/],
    [{ type: 'string', format: 'decimal', precision: 4, scale: 2 }, '1.234', 'decimal', /at most 4 digits, 2 of them/],
  ] as never
  for (const [schema, value, keyword, message] of cases) {
    const validate = compileValidator(
      compose({ definition: { type: 'object', properties: { v: schema } }, fieldGroups: [], resolve: () => undefined }),
    )
    const fault = validate({ v: value })?.find((one) => one.keyword === keyword)
    assert.ok(fault !== undefined, `${keyword}: ${JSON.stringify(validate({ v: value }))}`)
    assert.equal(fault.pointer, '/v')
    assert.match(fault.message, message)
  }
})
