import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assignIds, type DraftField, type DraftType } from '../../src/lake/index.ts'
import { column, DAY, ENVELOPE, openBench, openWriter, readFiles } from './workbench.ts'

/**
 * Any schema and any values of its types: what goes in as JSON comes back from Parquet through DuckDB, found by field
 * id. Values are the ones that a validator may accept; what DuckDB refuses or changes is in edge-values.test.ts.
 */
const RUNS = Number(process.env['TEST_ROUND_TRIPS'] ?? 120)

const NAMES = [
  'select',
  'order',
  'a.b',
  'a"b',
  "it's",
  'a b',
  'élan',
  '名前',
  '😀',
  'key',
  'element',
  'value',
  'list',
  'line',
]
const MORE_NAMES = [
  'x0',
  'partition_day',
  'timestamp_day',
  'e',
  'data',
  '1st',
  '{',
  '%',
  '\\',
  '\n',
  'n'.repeat(300),
  'filename',
]

const name = fc.oneof(
  fc.constantFrom(...NAMES, ...MORE_NAMES),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0')),
)
// `__proto__`: the file can hold such a column, DuckDB's JavaScript rows, by which this test reads it, cannot.
const RESERVED = new Set(['id', 'timestamp', '__proto__'])

const fieldsOf = (type: fc.Arbitrary<DraftType>, most: number): fc.Arbitrary<DraftField[]> =>
  fc
    .uniqueArray(fc.record({ name, type }), {
      minLength: 1,
      maxLength: most,
      selector: (field) => field.name.toLowerCase(),
    })
    .map((fields) =>
      fields.filter((field) => !RESERVED.has(field.name.toLowerCase())).map((f) => column(f.name, f.type)),
    )

const leaf = fc.oneof(
  fc.constantFrom<DraftType>(
    'boolean',
    'int',
    'long',
    'float',
    'double',
    'date',
    'time',
    'timestamptz',
    'string',
    'uuid',
    'json',
  ),
  fc
    .integer({ min: 1, max: 38 })
    .chain((precision) =>
      fc.integer({ min: 0, max: precision }).map((scale): DraftType => `decimal(${precision}, ${scale})`),
    ),
)
const { type } = fc.letrec<{ type: DraftType }>((tie) => ({
  type: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    leaf,
    tie('type').map((list): DraftType => ({ list })),
    tie('type').map((map): DraftType => ({ map })),
    fieldsOf(tie('type'), 4)
      .filter((fields) => fields.length > 0)
      .map((struct): DraftType => ({ struct })),
  ),
}))

/** A value as JSON text, and as what must come back. */
interface Value {
  readonly json: string
  readonly back: unknown
}
const plain = (back: unknown, json = JSON.stringify(back)): Value => ({ json, back })
const NULL = plain(null)

function values(draft: DraftType): fc.Arbitrary<Value> {
  if (typeof draft === 'object') {
    if ('list' in draft) {
      return fc.array(nullable(draft.list), { maxLength: 4 }).map((items) => ({
        json: `[${items.map((item) => item.json).join(',')}]`,
        back: items.map((item) => item.back),
      }))
    }
    if ('map' in draft) {
      const key = fc.string({ unit: 'binary', maxLength: 8 }).map((text) => text.toWellFormed())
      return fc
        .uniqueArray(fc.tuple(key, nullable(draft.map)), { maxLength: 4, selector: ([k]) => k })
        .map((entries) => ({
          json: `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${v.json}`).join(',')}}`,
          back: entries.map(([k, v]) => ({ key: k, value: v.back })),
        }))
    }
    return members(draft.struct)
  }
  return primitive(draft)
}

function members(fields: readonly DraftField[]): fc.Arbitrary<Value> {
  const absent = Symbol('absent')
  const each = fields.map((field) =>
    fc.oneof({ weight: 4, arbitrary: nullable(field.type) }, { weight: 1, arbitrary: fc.constant(absent) }),
  )
  return fc.tuple(...each).map((made) => {
    const present = made.flatMap((value, index) =>
      typeof value === 'symbol' ? [] : [`${JSON.stringify(fields[index]?.key ?? fields[index]?.name)}:${value.json}`],
    )
    return {
      json: `{${present.join(',')}}`,
      back: Object.fromEntries(
        fields.map((field, i) => [field.name, typeof made[i] === 'symbol' ? null : (made[i] as Value).back]),
      ),
    }
  })
}

function nullable(draft: DraftType): fc.Arbitrary<Value> {
  return fc.oneof({ weight: 5, arbitrary: values(draft) }, { weight: 1, arbitrary: fc.constant(NULL) })
}

function primitive(draft: Exclude<DraftType, object>): fc.Arbitrary<Value> {
  switch (draft) {
    case 'boolean':
      return fc.boolean().map((value) => plain(value))
    case 'int':
      return fc.integer().map((value) => plain(value))
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => plain(String(value), String(value)))
    case 'float':
      return fc
        .float({ noNaN: true, noDefaultInfinity: true })
        .map((value) => plain(value === 0 ? 0 : value, JSON.stringify(value)))
    case 'double':
      return fc
        .double({ noNaN: true, noDefaultInfinity: true })
        .map((value) => plain(value === 0 ? 0 : value, JSON.stringify(value)))
    case 'date':
      return fc
        .integer({ min: -719_162, max: 2_932_896 })
        .map((day) => plain(new Date(day * 86_400_000).toISOString().slice(0, 10)))
    case 'time':
      return fc.integer({ min: 0, max: 86_399_999_999 }).map((micros) => {
        const text = new Date(Math.floor(micros / 1000)).toISOString().slice(11, 19)
        const fraction = String(micros % 1_000_000).padStart(6, '0')
        return plain(`${text}.${fraction}`)
      })
    case 'timestamptz':
      return fc
        .record({
          micros: fc.bigInt({ min: 0n, max: 7_289_654_400_000_000n - 1n }),
          offset: fc.integer({ min: -1439, max: 1439 }),
        })
        .map(({ micros, offset }) => {
          const seconds = new Date(Number(micros / 1000n) + offset * 60_000).toISOString().slice(0, 19)
          const fraction = String(micros % 1_000_000n).padStart(6, '0')
          const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((n) =>
            String(n).padStart(2, '0'),
          )
          return plain(String(micros), `"${seconds}.${fraction}${offset < 0 ? '-' : '+'}${hours}:${minutes}"`)
        })
    case 'string':
      return fc.string({ unit: 'binary', maxLength: 30 }).map((text) => plain(text.toWellFormed()))
    case 'uuid':
      return fc.uuid().map((value) => plain(value))
    case 'json':
      return fc
        .jsonValue({ maxDepth: 2 })
        .filter((value) => value !== null)
        .map((value) => plain({ json: JSON.parse(JSON.stringify(value)) }, JSON.stringify(value)))
    default: {
      const [precision = 1, scale = 0] = draft.slice(8, -1).split(',').map(Number)
      return fc
        .bigInt({ min: -(10n ** BigInt(precision)) + 1n, max: 10n ** BigInt(precision) - 1n })
        .map((unscaled) => {
          const digits = String(unscaled)
            .replace('-', '')
            .padStart(scale + 1, '0')
          const text = `${unscaled < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale > 0 ? `.${digits.slice(-scale)}` : ''}`
          return plain(text)
        })
    }
  }
}

/** A value as DuckDB gave it, in the form of `Value.back`. */
function back(draft: DraftType, value: unknown): unknown {
  if (value === null || value === undefined) return null
  if (typeof draft === 'object') {
    if ('list' in draft) return (value as unknown[]).map((item) => back(draft.list, item))
    if ('map' in draft) {
      return (value as { key: string; value: unknown }[]).map((entry) => ({
        key: entry.key,
        value: back(draft.map, entry.value),
      }))
    }
    const struct = value as Record<string, unknown>
    return Object.fromEntries(draft.struct.map((field) => [field.name, back(field.type, struct[field.name])]))
  }
  switch (draft) {
    case 'json':
      return { json: JSON.parse(value as string) }
    case 'float':
      return Math.fround(value as number) === 0 ? 0 : Math.fround(value as number)
    case 'double':
      return value === 0 ? 0 : value
    case 'time': {
      const [whole, fraction = ''] = (value as string).split('.')
      return `${whole}.${fraction.padEnd(6, '0')}`
    }
    case 'timestamptz': {
      const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?\+00$/.exec(value as string) ?? []
      return String(BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')))
    }
    default:
      return value
  }
}

const table = fieldsOf(type, 5)
  .filter((fields) => fields.length > 0)
  .chain((fields) =>
    fc.record({ fields: fc.constant(fields), rows: fc.array(members(fields), { minLength: 1, maxLength: 6 }) }),
  )

test('any row of any schema comes back as it was sent', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  let flush = 0
  await fc.assert(
    fc.asyncProperty(table, async ({ fields, rows }) => {
      const { schema, fields: sources } = assignIds([...ENVELOPE, DAY, ...fields])
      const shape = { envelope: sources.slice(0, 1), under: ['e', 'data'], fields: sources.slice(1) }
      const lines = rows.map((row, id) => {
        const members = row.json.slice(1, -1)
        const timestamp = `"timestamp":"2026-01-0${(id % 3) + 1}T00:00:00Z"`
        return Buffer.from(`{"id":${id},"e":{"data":{${timestamp}${members ? `,${members}` : ''}}}}\n`)
      })
      const files = await writer.write({
        tableLocation: bench.location,
        schema,
        shape,
        dayFieldId: 2,
        fileTag: `flush-${(flush += 1)}`,
        lines,
      })
      const read = await readFiles(bench, schema, files)
      const draft: DraftType = { struct: fields }
      assert.deepEqual(
        read.map((row) => back(draft, row)),
        rows.map((row) => row.back),
      )
    }),
    { numRuns: RUNS },
  )
})

test('keys that differ from the columns’ names are followed at every depth', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const renamed = (field: DraftField): DraftField => ({
    ...field,
    key: `${field.name} in the line`,
    type: deep(field.type),
  })
  const deep = (draft: DraftType): DraftType => {
    if (typeof draft === 'string') return draft
    if ('struct' in draft) return { struct: draft.struct.map(renamed) }
    return 'list' in draft ? { list: deep(draft.list) } : { map: deep(draft.map) }
  }
  await fc.assert(
    fc.asyncProperty(
      table.chain(({ fields }) => {
        const keyed = fields.map(renamed)
        return fc.record({ fields: fc.constant(keyed), rows: fc.array(members(keyed), { minLength: 1, maxLength: 3 }) })
      }),
      async ({ fields, rows }) => {
        const { schema, fields: sources } = assignIds([...ENVELOPE, DAY, ...fields])
        const shape = { envelope: sources.slice(0, 1), under: ['e'], fields: sources.slice(1) }
        const lines = rows.map((row, id) =>
          Buffer.from(
            `{"id":${id},"e":{"timestamp":"2026-01-01T00:00:00Z"${row.json === '{}' ? '' : `,${row.json.slice(1, -1)}`}}}\n`,
          ),
        )
        const job = { tableLocation: bench.location, schema, shape, dayFieldId: 2, fileTag: 'renamed', lines }
        const read = await readFiles(bench, schema, await writer.write(job))
        assert.deepEqual(
          read.map((row) => back({ struct: fields }, row)),
          rows.map((row) => row.back),
        )
      },
    ),
    { numRuns: Math.ceil(RUNS / 3) },
  )
})
