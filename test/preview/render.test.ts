import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuckDBInstance, type DuckDBValue } from '@duckdb/node-api'
import type { Type } from '../../src/lake/index.ts'
import { rendererOf, rfc3339, type Json } from '../../src/preview/render.ts'

const struct = (fields: Record<string, Type>): Type => ({
  type: 'struct',
  fields: Object.entries(fields).map(([name, type], at) => ({ id: at + 10, name, required: false, type })),
})
const list = (element: Type): Type => ({ type: 'list', 'element-id': 20, element, 'element-required': false })
const map = (value: Type): Type => ({
  type: 'map',
  'key-id': 30,
  key: 'string',
  'value-id': 31,
  value,
  'value-required': false,
})

const CASES: readonly [sql: string, type: Type, json: Json][] = [
  ['true', 'boolean', true],
  ['42::INTEGER', 'int', 42],
  ['9007199254740992::BIGINT', 'long', 9007199254740992],
  ['9007199254740993::BIGINT', 'long', '9007199254740993'],
  ["'-9223372036854775808'::BIGINT", 'long', '-9223372036854775808'],
  ['0.1::FLOAT', 'float', 0.1],
  ['1.5::DOUBLE', 'double', 1.5],
  ["'NaN'::DOUBLE", 'double', 'NaN'],
  ["'-Infinity'::FLOAT", 'float', '-Infinity'],
  ['123.40::DECIMAL(10,2)', 'decimal(10, 2)', '123.40'],
  ["'-0.00000001'::DECIMAL(38,8)", 'decimal(38, 8)', '-0.00000001'],
  ["TIMESTAMPTZ '2026-11-25 08:04:12.549619+00'", 'timestamptz', '2026-11-25T08:04:12.549619Z'],
  ["TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'", 'timestamptz', '1969-12-31T23:59:59.999999Z'],
  ["DATE '2020-02-29'", 'date', '2020-02-29'],
  ["TIME '23:59:59.000001'", 'time', '23:59:59.000001'],
  ["UUID '0193a000-0000-7000-8000-000000000001'", 'uuid', '0193a000-0000-7000-8000-000000000001'],
  [`'{"b":1,"a":[1e400]}'`, 'string', '{"b":1,"a":[1e400]}'],
  ['[1::BIGINT, NULL, 9007199254740993]', list('long'), [1, null, '9007199254740993']],
  [
    "{'a': 1::INTEGER, 'b': [{'c': 1.10::DECIMAL(4,2)}]}",
    struct({ a: 'int', b: list(struct({ c: 'decimal(4, 2)' })) }),
    { a: 1, b: [{ c: '1.10' }] },
  ],
  ['NULL', 'string', null],
]

async function valueOf(sql: string): Promise<DuckDBValue> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    return (await connection.runAndReadAll(`SELECT ${sql}`)).getRows()[0]?.[0] ?? null
  } finally {
    connection.closeSync()
  }
}

for (const [sql, type, json] of CASES) {
  test(`${sql} is shown as ${JSON.stringify(json)}`, async () => {
    assert.deepEqual(rendererOf(type, { int64AsString: false })(await valueOf(sql)), json)
  })
}

test('on request every 64-bit integer is a string, at any depth, and a 32-bit one is not', async () => {
  assert.deepEqual(rendererOf(list('long'), { int64AsString: true })(await valueOf('[1::BIGINT]')), ['1'])
  assert.deepEqual(rendererOf('int', { int64AsString: true })(await valueOf('1::INTEGER')), 1)
})

test('a key named __proto__ is data', async () => {
  const shown = rendererOf(map('string'), { int64AsString: false })(await valueOf("MAP {'__proto__': 'x', 'a': 'y'}"))
  assert.equal(JSON.stringify(shown), '{"__proto__":"x","a":"y"}')
})

test('instants before 1970 and beyond 9999 keep their microseconds', () => {
  assert.equal(rfc3339(-1n), '1969-12-31T23:59:59.999999Z')
  assert.equal(rfc3339(0n), '1970-01-01T00:00:00.000000Z')
  assert.equal(rfc3339(7_258_118_400_000_001n), '2200-01-01T00:00:00.000001Z')
})
