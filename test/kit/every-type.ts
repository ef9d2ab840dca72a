/** A schema with every type that a table can have, at the top and nested, and events that fill it in many ways. */
export const EVERY_TYPE = {
  type: 'object',
  required: ['timestamp', 'n'],
  additionalProperties: true,
  properties: {
    timestamp: { type: 'string', format: 'date-time' },
    n: { type: 'integer' },
    text: { type: 'string' },
    flag: { type: 'boolean' },
    small: { type: 'integer', format: 'int32' },
    big: { type: 'integer' },
    ratio: { type: 'number' },
    single: { type: 'number', format: 'float' },
    price: { type: 'string', format: 'decimal', precision: 18, scale: 4 },
    day: { type: 'string', format: 'date' },
    clock: { type: 'string', format: 'time' },
    at: { type: 'string', format: 'date-time' },
    ref: { type: 'string', format: 'uuid' },
    maybe: { type: ['string', 'null'] },
    free: {},
    place: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        point: { type: 'object', properties: { x: { type: 'number' }, y: { type: 'number' } } },
        seen: { type: 'array', items: { type: 'string', format: 'date-time' } },
      },
    },
    tags: { type: 'array', items: { type: 'string' } },
    items: {
      type: 'array',
      items: { type: 'object', properties: { sku: { type: 'string' }, count: { type: 'integer' } } },
    },
    scores: { type: 'object', additionalProperties: { type: 'number' } },
  },
} as const

const DAY_MS = 86_400_000
const TEXTS = ['plain', '', 'quote " and \\ back', 'tab\tnewline\n', 'ünïcødé ✓', '𝛑 beyond the plane', 'x'.repeat(300)]

/**
 * The event's data, from its number alone: four days, edges of every range, and every fifth event lacks a
 * column. `items` is lacking only where `nullLists` is true: PyIceberg 0.12.0 reads a null list of structs as an empty one.
 */
export function everyTypeAt(n: number, nullLists = false): Record<string, unknown> {
  const at = new Date(Date.UTC(2026, 2, 28) + (n % 4) * DAY_MS + n * 1_001).toISOString()
  const full: Record<string, unknown> = {
    timestamp: at,
    n,
    text: TEXTS[n % TEXTS.length],
    flag: n % 2 === 0,
    small: [0, -1, 2_147_483_647, -2_147_483_648][n % 4],
    big: [0, -1, 9_007_199_254_740_991, -9_007_199_254_740_991][n % 4],
    ratio: [0, 1.5, -1e300, 5e-324, 0.1][n % 5],
    single: [0, 1.5, -0.25, 1024][n % 4],
    price: ['0.0000', '-12.3400', '99999999999999.9999', '0.0001'][n % 4],
    day: ['1970-01-01', '1960-02-29', '2026-03-28', '9999-12-31'][n % 4],
    clock: ['00:00:00', '23:59:59.999999', '12:30:00.5'][n % 3],
    at: ['1970-01-01T00:00:00Z', '2026-03-28T23:59:59.999999+02:00', '2199-12-31T23:59:59Z'][n % 3],
    ref: `0193a000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`,
    maybe: n % 2 === 0 ? null : 'there',
    free: [{ any: ['thing', n] }, 'text', 17, [1, { a: null }]][n % 4],
    place: { name: `place ${n}`, point: { x: n / 4, y: 1 - n }, seen: [at] },
    tags: [[], ['one'], ['one', 'two', '']][n % 3],
    items: [
      [],
      [{ sku: 'a', count: n }],
      [
        { sku: 'a', count: 1 },
        { sku: 'b', count: 2 },
      ],
    ][n % 3],
    scores: [{}, { a: 1.5 }, { a: 1, b: -2.25, 'odd key "': 0 }][n % 3],
  }
  // What the schema does not name is kept as text.
  if (n % 7 === 0) full['surplus'] = { kept: n }
  const optional = Object.keys(full).filter(
    (name) => name !== 'timestamp' && name !== 'n' && (nullLists || name !== 'items'),
  )
  if (n % 5 === 0) delete full[optional[n % optional.length] ?? '']
  return full
}
