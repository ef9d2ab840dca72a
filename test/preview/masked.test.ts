import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Field } from '../../src/lake/index.ts'
import { maskedPaths } from '../../src/preview/masked.ts'
import { rowRenderer } from '../../src/preview/render.ts'

const field = (id: number, name: string, type: Field['type']): Field => ({ id, name, required: false, type })
const FIELDS: readonly Field[] = [
  field(1, 'mail', 'string'),
  field(2, 'age', 'int'),
  field(3, 'place', {
    type: 'struct',
    fields: [field(4, 'street', 'string'), field(5, 'at', { type: 'struct', fields: [field(6, 'lat', 'double')] })],
  }),
  field(7, 'tags', { type: 'list', 'element-id': 8, element: 'string', 'element-required': false }),
  field(9, 'counts', {
    type: 'map',
    'key-id': 10,
    key: 'string',
    'value-id': 11,
    value: 'long',
    'value-required': false,
  }),
]
const ROW = `SELECT 'a@b.c', 36::INTEGER, {'street': 'Main', 'at': {'lat': 1.5::DOUBLE}}, ['x', NULL], MAP {'k': 7::BIGINT}`

async function shown(masked: readonly number[]): Promise<unknown> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    const rows = (await connection.runAndReadAll(ROW)).getRows()
    return rowRenderer(FIELDS, { int64AsString: false, masked: new Set(masked) })(rows[0] ?? [])
  } finally {
    connection.closeSync()
  }
}
const paths = (masked: readonly number[]): string[] => FIELDS.flatMap((one) => maskedPaths(one, new Set(masked)))

test('what is masked is three stars at its place, and its path is told', async () => {
  const whole = {
    mail: 'a@b.c',
    age: 36,
    place: { street: 'Main', at: { lat: 1.5 } },
    tags: ['x', null],
    counts: { k: 7 },
  }
  for (const [masked, told, changed] of [
    [[], [], {}],
    [[1, 2], ['mail', 'age'], { mail: '***', age: '***' }],
    [[4], ['place.street'], { place: { street: '***', at: { lat: 1.5 } } }],
    [[6], ['place.at.lat'], { place: { street: 'Main', at: { lat: '***' } } }],
    [[3, 4], ['place'], { place: '***' }],
    [[8], ['tags.element'], { tags: ['***', null] }],
    [[11], ['counts.value'], { counts: { k: '***' } }],
    [[7, 9], ['tags', 'counts'], { tags: '***', counts: '***' }],
    [[99], [], {}],
  ] as const) {
    assert.deepEqual(paths(masked), told, String(masked))
    assert.deepEqual(await shown(masked), { ...whole, ...changed }, String(masked))
  }
})
