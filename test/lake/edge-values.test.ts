import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DraftType } from '../../src/lake/index.ts'
import { column, job, line, openBench, openWriter, readFiles } from './workbench.ts'

/**
 * What DuckDB's JSON reader (1.5.6) does with values at the edge, written down: whoever validates events must refuse what is
 * refused here, and what is changed silently. A new version that does otherwise fails here first.
 */
const REFUSED = Symbol('refused')
const LONG = '1' + '0'.repeat(30)

const CASES: readonly (readonly [DraftType, Readonly<Record<string, unknown>>])[] = [
  [
    'long',
    {
      '9007199254740993': '9007199254740993',
      '9223372036854775807': '9223372036854775807',
      '-9223372036854775808': '-9223372036854775808',
      '1.0': '1',
      '1e3': '1000',
      '-0': '0',
      '9223372036854775808': REFUSED,
      '1e19': REFUSED,
      '"x"': REFUSED,
      '[]': REFUSED,
      '{}': REFUSED,
      // changed
      '1.5': '2',
      true: '1',
      '"12"': '12',
    },
  ],
  ['int', { '2147483647': 2_147_483_647, '-2147483648': -2_147_483_648, '2147483648': REFUSED, '1.5': 2, true: 1 }],
  [
    'double',
    {
      '1e308': 1e308,
      '5e-324': 5e-324,
      '-0.0': -0,
      '0.1': 0.1,
      '""': REFUSED,
      // changed
      '-0': 0,
      '1e-400': 0,
      '9007199254740993': 9_007_199_254_740_992,
      '1e400': 'Infinity',
      '"NaN"': 'NaN',
      '"1.5"': 1.5,
      true: 1,
    },
  ],
  ['float', { '0.5': 0.5, '3.4e38': Math.fround(3.4e38), '1e39': REFUSED, '16777217': 16_777_216, '1e-46': 0 }],
  ['boolean', { true: true, false: false, null: null, '1': true, '"yes"': true, '2': true, '"maybe"': REFUSED }],
  [
    'string',
    {
      '""': '',
      '"a\\u0000b"': 'a\0b',
      '"\\ud83d\\ude00"': '😀',
      '"\\u2028\\ufeff"': '\u2028\ufeff',
      '"\\ud800"': REFUSED,
      '"\\udc00x"': REFUSED,
      // changed
      '1.50': '1.5',
      true: 'true',
      '{"a":1}': '{"a":1}',
      '[1]': '[1]',
    },
  ],
  [
    'timestamptz',
    {
      '"2024-02-29T23:59:59.999999Z"': '2024-02-29 23:59:59.999999+00',
      '"2024-01-01T00:00:00+05:30"': '2023-12-31 18:30:00+00',
      '"1970-01-01T00:00:00-00:00"': '1970-01-01 00:00:00+00',
      '"2200-12-31T23:59:59.9999999Z"': '2200-12-31 23:59:59.999999+00',
      '"2024-01-01t00:00:00Z"': REFUSED,
      '"2024-01-01T00:00:00z"': REFUSED,
      '"2016-12-31T23:59:60Z"': REFUSED,
      '"2023-02-29T00:00:00Z"': REFUSED,
      '"2024-01-01T00:00Z"': REFUSED,
      '1704067200': REFUSED,
      // changed, or accepted though no date-time
      '"2024-01-01T24:00:00Z"': '2024-01-02 00:00:00+00',
      '"2024-01-01T00:00:00+24:00"': '2023-12-31 00:00:00+00',
      '"2024-01-01T00:00:00"': '2024-01-01 00:00:00+00',
      '"2024-01-01"': '2024-01-01 00:00:00+00',
      '"2024-01-01 00:00:00Z"': '2024-01-01 00:00:00+00',
      '"2024-01-01T00:00:00+05"': '2023-12-31 19:00:00+00',
      '"infinity"': 'infinity',
    },
  ],
  [
    'date',
    {
      '"2024-02-29"': '2024-02-29',
      '"0001-01-01"': '0001-01-01',
      '"9999-12-31"': '9999-12-31',
      '"2023-02-29"': REFUSED,
      '"20240101"': REFUSED,
      '20000': REFUSED,
      '"2024-1-1"': '2024-01-01',
      '"2024-01-01T10:00:00Z"': '2024-01-01',
    },
  ],
  [
    'time',
    {
      '"23:59:59.999999"': '23:59:59.999999',
      '"12:00:00.1234567"': '12:00:00.123456',
      '"23:59:60"': REFUSED,
      '"25:00:00"': REFUSED,
      '"12:00"': '12:00:00',
      '"12:00:00+01:00"': '12:00:00',
    },
  ],
  [
    'uuid',
    {
      '"550e8400-e29b-41d4-a716-446655440000"': '550e8400-e29b-41d4-a716-446655440000',
      '"ffffffff-ffff-ffff-ffff-ffffffffffff"': 'ffffffff-ffff-ffff-ffff-ffffffffffff',
      '"550E8400-E29B-41D4-A716-446655440000"': '550e8400-e29b-41d4-a716-446655440000',
      '"550e8400e29b41d4a716446655440000"': '550e8400-e29b-41d4-a716-446655440000',
      '"{550e8400-e29b-41d4-a716-446655440000}"': '550e8400-e29b-41d4-a716-446655440000',
      '"urn:uuid:550e8400-e29b-41d4-a716-446655440000"': REFUSED,
      '"550e8400"': REFUSED,
    },
  ],
  [
    'decimal(10, 2)',
    {
      '"99999999.99"': '99999999.99',
      '"-0.01"': '-0.01',
      '"-0"': '0.00',
      '"999999999.99"': REFUSED,
      '"0x10"': REFUSED,
      '""': REFUSED,
      '"1.555"': '1.56',
      '"1e2"': '100.00',
      '" 1 "': '1.00',
      '".5"': '0.50',
    },
  ],
  ['decimal(38, 0)', { [`"${'9'.repeat(38)}"`]: '9'.repeat(38) }],
  [
    'json',
    {
      '{"b":1,"a":[1,null]}': '{"b":1,"a":[1,null]}',
      '"text"': '"text"',
      null: null,
      [LONG]: LONG,
      '1e5': '100000.0',
      '{ "a" : 1.50 }': '{"a":1.5}',
      '{"a":1,"a":2}': '{"a":1,"a":2}',
    },
  ],
  [{ list: 'long' }, { '[]': [], '[null]': [null], null: null, '{}': REFUSED, '1': REFUSED, '"[1]"': REFUSED }],
  [
    { map: 'long' },
    {
      '{}': [],
      '{"":1}': [{ key: '', value: '1' }],
      '{"a":null}': [{ key: 'a', value: null }],
      null: null,
      '[]': REFUSED,
      '1': REFUSED,
      '{"k":1,"k":2}': [
        { key: 'k', value: '1' },
        { key: 'k', value: '2' },
      ],
    },
  ],
  [
    { struct: [column('x', 'long'), column('y', { struct: [column('z', 'string')] })] },
    {
      '{}': { x: null, y: null },
      '{"x":null,"y":{}}': { x: null, y: { z: null } },
      '{"y":null}': { x: null, y: null },
      null: null,
      '[]': REFUSED,
      '"x"': REFUSED,
      '{"x":1,"x":2}': REFUSED,
      '{"X":1}': { x: null, y: null },
    },
  ],
]

for (const [type, values] of CASES) {
  test(`values at the edge of ${typeof type === 'string' ? type : JSON.stringify(type).slice(0, 40)}`, async (t) => {
    const bench = await openBench(t, [column('v', type)])
    const writer = await openWriter(t, bench)
    const texts = Object.keys(values)
    const lines = texts.map((text, id) => line(id, `"v":${text}`))
    const { files, refused } = await writer.writeOrRefuse(job(bench, lines))
    const rows = await readFiles(bench, bench.schema, files)
    const became = new Map<string, unknown>(rows.map((row) => [texts[Number(row['id'])] ?? '', row['v']]))
    for (const { line: at } of refused) became.set(texts[at] ?? '', REFUSED)
    for (const text of texts) assert.deepEqual([text, became.get(text)], [text, values[text]])
  })
}

test('null lists, maps and structs stay apart from empty ones inside lists and maps too', async (t) => {
  const bench = await openBench(t, [
    column('l', { list: { struct: [column('a', 'long')] } }),
    column('m', { map: { list: 'string' } }),
  ])
  const writer = await openWriter(t, bench)
  const files = await writer.write(job(bench, [line(1, '"l":[null,{},{"a":1}],"m":{"a":null,"b":[],"c":[null]}')]))
  const [row] = await readFiles(bench, bench.schema, files)
  assert.deepEqual(row?.['l'], [null, { a: null }, { a: '1' }])
  assert.deepEqual(row?.['m'], [
    { key: 'a', value: null },
    { key: 'b', value: [] },
    { key: 'c', value: [null] },
  ])
})
