import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnsOf, compose, requireTimestamp, type Definition } from '../../src/pdm/index.ts'
import { Problem } from '../../src/problems/index.ts'

const columns = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  columnsOf(compose({ definition: { type: 'object', properties, ...more }, fieldGroups: [], resolve: () => undefined }))
const typeOf = (schema: unknown): unknown => columns({ a: schema }).columns[0]?.type

test('the closed list of types', () => {
  const list: [unknown, unknown][] = [
    [{ type: 'string' }, 'string'],
    [{ type: 'string', format: 'date-time' }, 'timestamptz'],
    [{ type: 'string', format: 'date' }, 'date'],
    [{ type: 'string', format: 'time' }, 'time'],
    [{ type: 'string', format: 'uuid' }, 'uuid'],
    [{ type: 'string', format: 'email' }, 'string'],
    [{ type: 'string', format: 'decimal', precision: 10, scale: 2 }, 'decimal(10, 2)'],
    [{ type: 'integer' }, 'long'],
    [{ type: 'integer', format: 'int32' }, 'int'],
    [{ type: 'number' }, 'double'],
    [{ type: 'number', format: 'float' }, 'float'],
    [{ type: ['integer', 'number'] }, 'double'],
    [{ type: 'boolean' }, 'boolean'],
    [{ enum: ['a', 'b'] }, 'string'],
    [{ const: 1 }, 'long'],
    [
      { type: 'array', items: { type: 'integer' } },
      { list: 'long', elementRequired: true },
    ],
    [
      { type: 'array', items: { type: ['integer', 'null'] } },
      { list: 'long', elementRequired: false },
    ],
    [
      { type: 'object', additionalProperties: { type: 'string' } },
      { map: 'string', valueRequired: true },
    ],
    [
      { type: 'object', properties: { x: { type: 'integer' } } },
      { struct: [{ name: 'x', required: false, type: 'long' }] },
    ],
    [{ properties: { x: { type: 'integer' } } }, { struct: [{ name: 'x', required: false, type: 'long' }] }],
  ]
  for (const [schema, type] of list) assert.deepEqual(typeOf(schema), type, JSON.stringify(schema))
})

test('everything else is JSON text, and a warning says why', () => {
  const kept = [
    {},
    true,
    { type: ['string', 'integer'] },
    { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    { type: 'object' },
    { type: 'array' },
    { type: 'array', prefixItems: [{}] },
    { type: 'object', properties: { a: {} }, additionalProperties: true },
    { type: 'object', properties: {} },
    { enum: [1, 'a'] },
    { type: 'object', patternProperties: { '^x': {} } },
    { type: 'null' },
  ]
  for (const schema of kept) {
    const { columns: found, warnings } = columns({ a: schema })
    assert.equal(found[0]?.type, 'json', JSON.stringify(schema))
    assert.ok(
      warnings.some((warning) => warning.pointer === '/properties/a' && /JSON text/.test(warning.message)),
      JSON.stringify(schema),
    )
  }
})

test('a column is required where the property is and can never be null', () => {
  const required = ['a', 'b', 'c', 'd', 'e']
  const { columns: found } = columns(
    {
      a: { type: 'string' },
      b: { type: ['string', 'null'] },
      c: {},
      d: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      e: { type: 'object' },
      f: { type: 'string' },
    },
    { required },
  )
  assert.deepEqual(
    found.map((column) => column.required),
    [true, false, false, false, true, false],
  )
  assert.equal(found[3]?.type, 'long', 'a union with null is the type, nullable')
})

test('an open top is kept in _extra; a closed one is not', () => {
  assert.equal(columns({ a: {} }).keepsExtra, false)
  assert.equal(columns({ a: {} }, { additionalProperties: true }).keepsExtra, true)
  assert.equal(columns({ a: {} }, { additionalProperties: { type: 'string' } }).keepsExtra, true)
  assert.equal(columns({ a: {} }, { patternProperties: { '^x-': {} } }).keepsExtra, true)
})

test('names that cannot be columns are refused at every depth of structs, with their pointer', () => {
  const refused = (properties: Record<string, unknown>): [string, string | undefined] => {
    try {
      columns(properties)
    } catch (error) {
      assert.ok(error instanceof Problem)
      return [error.code, error.errors?.[0]?.pointer]
    }
    return assert.fail('accepted')
  }
  assert.deepEqual(refused({ _id: {} }), ['reserved_name', '/properties/_id'])
  assert.deepEqual(refused({ timestamp_day: {} }), ['reserved_name', '/properties/timestamp_day'])
  assert.deepEqual(refused({ '': {} }), ['reserved_name', '/properties/'])
  assert.deepEqual(refused({ list: { type: 'array', items: { type: 'object', properties: { Aa: {}, aA: {} } } } }), [
    'columns_collide',
    '/properties/list/items/properties/aA',
  ])
  assert.equal(
    columns({ free: { type: 'object', properties: { _a: {} }, additionalProperties: true } }).columns[0]?.type,
    'json',
    'JSON text may hold any name',
  )
})

test('a dataset needs a required timestamp of one type', () => {
  const check = (timestamp: unknown, required: string[] = ['timestamp']): void =>
    requireTimestamp(
      compose({
        definition: { type: 'object', properties: { timestamp }, required } as Definition,
        fieldGroups: [],
        resolve: () => undefined,
      }),
    )
  check({ type: 'string', format: 'date-time' })
  for (const bad of [{ type: 'string' }, { type: ['string', 'null'], format: 'date-time' }, { type: 'integer' }, {}]) {
    assert.throws(
      () => check(bad),
      (error: Problem) => error.code === 'schema_needs_timestamp',
    )
  }
  assert.throws(
    () => check({ type: 'string', format: 'date-time' }, []),
    (error: Problem) => error.code === 'schema_needs_timestamp',
  )
})
