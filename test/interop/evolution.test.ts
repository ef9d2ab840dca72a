import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import {
  assignIds,
  createTable,
  formerNames,
  insertNamespace,
  insertTable,
  loadTable,
  movePointer,
  stageAppend,
  stageSchema,
  type DraftField,
  type LineShape,
  type SourceField,
  type Table,
} from '../../src/lake/index.ts'
import { contentsOf, evolveColumns, type Rename } from '../../src/pdm/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { column, DAY, ENVELOPE, openBench, openWriter, readRows, RETENTION, type Bench } from '../lake/workbench.ts'
import { foreignPython, readWith } from './python.ts'

/**
 * Every rule of evolution as one column of one table, which is written before, after, and again by an event of the version
 * before that was under way: what each rule must look like to DuckDB's Iceberg extension, to PyIceberg, and to our own preview.
 */
interface Rule {
  readonly before: readonly DraftField[]
  readonly next: readonly DraftField[]
  readonly renames?: readonly Rename[]
  /** An event of the version before, and one of the next. */
  readonly old: object
  readonly new: object
  /** The rule's columns as a reader sees them, for each. */
  readonly seen: readonly [old: object, new: object]
  readonly types: Readonly<Record<string, readonly [pyiceberg: string, duckdb: string]>>
}

const struct = (...members: DraftField[]) => ({ struct: members })
const must = { required: true }

const RULES: Readonly<Record<string, Rule>> = {
  'a column is added': {
    before: [],
    next: [column('added', 'string', must)],
    old: {},
    new: { added: 'a' },
    seen: [{ added: null }, { added: 'a' }],
    types: { added: ['string', 'VARCHAR'] },
  },
  'a member is added to a struct': {
    before: [column('deeper', struct(column('x', 'long')))],
    next: [column('deeper', struct(column('x', 'long'), column('y', { list: 'string' })))],
    old: { deeper: { x: 1 } },
    new: { deeper: { x: 2, y: ['b'] } },
    seen: [{ deeper: { x: '1', y: null } }, { deeper: { x: '2', y: ['b'] } }],
    types: {},
  },
  'a member is added to the structs in a list': {
    before: [column('listed', { list: struct(column('x', 'long')) })],
    next: [column('listed', { list: struct(column('x', 'long'), column('y', 'string')) })],
    old: { listed: [{ x: 1 }, { x: 2 }] },
    new: { listed: [{ x: 3, y: 'c' }] },
    seen: [
      {
        listed: [
          { x: '1', y: null },
          { x: '2', y: null },
        ],
      },
      { listed: [{ x: '3', y: 'c' }] },
    ],
    types: {},
  },
  'a member is added to the structs in a map': {
    before: [column('mapped', { map: struct(column('x', 'long')) })],
    next: [column('mapped', { map: struct(column('x', 'long'), column('y', 'string')) })],
    old: { mapped: { k: { x: 1 } } },
    new: { mapped: { k: { x: 2, y: 'd' } } },
    seen: [{ mapped: { k: { x: '1', y: null } } }, { mapped: { k: { x: '2', y: 'd' } } }],
    types: {},
  },
  'required is relaxed': {
    before: [column('relaxed', 'string', must), column('relaxedIn', struct(column('x', 'long', must)))],
    next: [column('relaxed', 'string'), column('relaxedIn', struct(column('x', 'long'), column('z', 'long')))],
    old: { relaxed: 'r', relaxedIn: { x: 1 } },
    new: { relaxedIn: { z: 1 } },
    seen: [
      { relaxed: 'r', relaxedIn: { x: '1', z: null } },
      { relaxed: null, relaxedIn: { x: null, z: '1' } },
    ],
    types: {},
  },
  'int becomes long': {
    before: [column('wide', 'int'), column('wideIn', { list: 'int' })],
    next: [column('wide', 'long'), column('wideIn', { list: 'long' })],
    old: { wide: -2_147_483_648, wideIn: [7] },
    new: { wide: 2 ** 53, wideIn: [2 ** 40] },
    seen: [
      { wide: '-2147483648', wideIn: ['7'] },
      { wide: '9007199254740992', wideIn: ['1099511627776'] },
    ],
    types: { wide: ['long', 'BIGINT'] },
  },
  'float becomes double': {
    before: [column('precise', 'float')],
    next: [column('precise', 'double')],
    old: { precise: 0.5 },
    new: { precise: 1e300 },
    seen: [{ precise: 0.5 }, { precise: 1e300 }],
    types: { precise: ['double', 'DOUBLE'] },
  },
  'a decimal gets more digits': {
    before: [column('price', 'decimal(9, 2)'), column('sum', 'decimal(18, 4)')],
    next: [column('price', 'decimal(12, 2)'), column('sum', 'decimal(38, 4)')],
    old: { price: '-1234567.89', sum: '99999999999999.9999' },
    new: { price: '1234567890.12', sum: '1234567890123456789012345678901234.5678' },
    seen: [
      { price: '-1234567.89', sum: '99999999999999.9999' },
      { price: '1234567890.12', sum: '1234567890123456789012345678901234.5678' },
    ],
    types: { price: ['decimal(12, 2)', 'DECIMAL(12,2)'], sum: ['decimal(38, 4)', 'DECIMAL(38,4)'] },
  },
  'a column is renamed': {
    before: [column('formerly', 'int')],
    next: [column('nowadays', 'long')],
    renames: [{ from: '/formerly', to: '/nowadays' }],
    old: { formerly: 5 },
    new: { nowadays: 2 ** 40 },
    seen: [{ nowadays: '5' }, { nowadays: '1099511627776' }],
    types: { nowadays: ['long', 'BIGINT'] },
  },
  'a member of a struct is renamed': {
    before: [column('person', struct(column('zip', 'string'), column('city', 'string')))],
    next: [column('person', struct(column('postcode', 'string'), column('city', 'string')))],
    renames: [{ from: '/person/zip', to: '/person/postcode' }],
    old: { person: { zip: '1', city: 'a' } },
    new: { person: { postcode: '2', city: 'b' } },
    seen: [{ person: { postcode: '1', city: 'a' } }, { person: { postcode: '2', city: 'b' } }],
    types: {},
  },
  'a member of the structs in a list or a map is renamed and widened': {
    before: [
      column('lines', { list: struct(column('count', 'int')) }),
      column('kinds', { map: struct(column('count', 'int'), column('kept', 'string')) }),
    ],
    next: [
      column('lines', { list: struct(column('amount', 'long')) }),
      column('kinds', { map: struct(column('amount', 'long'), column('kept', 'string')) }),
    ],
    renames: [
      { from: '/lines/*/count', to: '/lines/*/amount' },
      { from: '/kinds/*/count', to: '/kinds/*/amount' },
    ],
    old: { lines: [{ count: 1 }, { count: -2 }], kinds: { k: { count: 3, kept: 'a' } } },
    new: { lines: [{ amount: 2 ** 40 }], kinds: { k: { amount: 2 ** 40, kept: 'b' } } },
    seen: [
      { lines: [{ amount: '1' }, { amount: '-2' }], kinds: { k: { amount: '3', kept: 'a' } } },
      { lines: [{ amount: '1099511627776' }], kinds: { k: { amount: '1099511627776', kept: 'b' } } },
    ],
    types: {},
  },
  'a column is dropped': {
    before: [column('dropped', 'string', must)],
    next: [],
    old: { dropped: 'kept' },
    new: {},
    seen: [{ dropped: 'kept' }, { dropped: null }],
    types: { dropped: ['string', 'VARCHAR'] },
  },
}

type Reading = Awaited<ReturnType<typeof readWith>>
const readings: { pyiceberg?: Reading; duckdb?: Reading; own?: Record<string, unknown>[] } = {}
let table: Table
let firstSnapshot: string
let first: Reading
let catalog: readonly string[]
const closing: (() => unknown)[] = []
after(async () => {
  for (const close of closing) await close()
})

before(
  async () => {
    const owner = { after: (close: () => unknown) => void closing.unshift(close) }
    const postgres = await withPostgres(owner)
    const sql = postgres.sql('admin')
    const bench = await openBench(owner)
    const writer = await openWriter(owner, bench)
    const rules = Object.values(RULES)
    const base = [...ENVELOPE, DAY]
    const assigned = assignIds([...base, ...rules.flatMap((rule) => rule.before)])
    const location = `file://${bench.root}/warehouse/space/evolved`
    const { metadataLocation } = await createTable(bench.store, {
      location,
      schema: assigned.schema,
      lastColumnId: assigned.lastColumnId,
      dayFieldId: 2,
      tableUuid: '0193a000-0000-7000-8000-000000000001',
      fileTag: 'created',
      now: Date.now(),
    })
    table = await loadTable(bench.store, metadataLocation)
    const named = { namespace: `pulse_${'e'.repeat(32)}`, name: 'evolved' }
    await insertNamespace(sql, named.namespace, location)
    await insertTable(sql, { ...named, metadataLocation })

    const shapeOf = (sources: readonly SourceField[]): LineShape => ({
      envelope: sources.slice(0, 1),
      under: ['e'],
      fields: sources.slice(1),
    })
    const point = async (to: string): Promise<void> => {
      assert.ok(await movePointer(sql, { ...named, from: table.metadataLocation, to }))
      table = await loadTable(bench.store, to)
    }
    let rows = 0
    const write = async (sources: readonly SourceField[], members: object[]): Promise<void> => {
      const fileTag = `flush-${(rows += 1)}`
      const event = Object.assign({ timestamp: '2026-01-01T12:00:00Z' }, ...members) as object
      const lines = [Buffer.from(`${JSON.stringify({ id: rows, e: event })}\n`)]
      const job = {
        tableLocation: location,
        schema: table.schema,
        shape: shapeOf(sources),
        dayFieldId: 2,
        fileTag,
        lines,
      }
      const files = await writer.write(job)
      const options = { fileTag, attempt: 0, now: Date.now(), ...RETENTION }
      await point((await stageAppend(bench.store, table, files, options)).metadataLocation)
    }
    await write(
      assigned.fields,
      rules.map((rule) => rule.old),
    )
    firstSnapshot = String(table.currentSnapshotId)
    const evolution = evolveColumns(
      {
        fields: table.schema.fields,
        lastColumnId: table.lastColumnId,
        ...contentsOf(assigned.fields),
        formerNames: formerNames(table.metadata),
      },
      [...base, ...rules.flatMap((rule) => rule.next)],
      rules.flatMap((rule) => rule.renames ?? []),
    )
    assert.deepEqual(evolution.breaking, [])
    const staged = await stageSchema(bench.store, table, evolution, { fileTag: 'evolve', attempt: 0, now: Date.now() })
    await point(staged.metadataLocation)
    await write(
      evolution.sources,
      rules.map((rule) => rule.new),
    )
    await write(
      assigned.fields,
      rules.map((rule) => rule.old),
    )

    readings.pyiceberg = await readWith('pyiceberg', postgres.adminUrl, named.namespace, named.name)
    readings.duckdb = await readWith('duckdb', table.metadataLocation)
    readings.own = await ownRows(bench)
    catalog = [postgres.adminUrl, named.namespace, named.name]
    first = await readWith('pyiceberg', postgres.adminUrl, named.namespace, named.name, firstSnapshot)
  },
  { timeout: 420_000 },
)

/** As the preview reads them, values as the foreign readers print them. */
async function ownRows(bench: Bench): Promise<Record<string, unknown>[]> {
  const plain = (value: unknown): unknown => {
    if (typeof value === 'number') return Number.isInteger(value) && Math.abs(value) < 1e20 ? String(value) : value
    if (typeof value !== 'object' || value === null) return value
    if (Array.isArray(value) && value.length > 0 && value.every((item) => 'key' in Object(item)))
      return Object.fromEntries(
        (value as { key: string; value: unknown }[]).map((item) => [item.key, plain(item.value)]),
      )
    if (Array.isArray(value)) return value.map(plain)
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]))
  }
  return (await readRows(bench, table)).map((row) => plain(row) as Record<string, unknown>)
}

for (const [name, rule] of Object.entries(RULES)) {
  for (const engine of ['pyiceberg', 'duckdb', 'own'] as const) {
    test(`${name}: ${engine === 'own' ? 'the preview' : engine} reads rows from before, from after, and from what was under way`, () => {
      const found = readings[engine]
      const rows = (Array.isArray(found) ? found : (found?.rows ?? [])).toSorted(
        (a, b) => Number(a['id']) - Number(b['id']),
      )
      const columns = Object.keys(rule.seen[0])
      const seen = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])))
      assert.deepEqual(seen, [rule.seen[0], rule.seen[1], rule.seen[0]])
      if (Array.isArray(found) || found === undefined) return
      for (const [column, types] of Object.entries(rule.types))
        assert.equal(found.types[column], types[engine === 'pyiceberg' ? 0 : 1])
    })
  }
}

test('a snapshot of before the change is read with the columns that it had', () => {
  assert.equal(first.rows.length, 1)
  assert.equal(first.rows[0]?.['formerly'], '5')
  assert.ok(!('added' in (first.rows[0] ?? {})))
})

test('both engines see the ids of before at the columns that were renamed, and new ids at new ones', () => {
  const { ids, required } = readings.pyiceberg ?? {}
  const before = new Map(table.metadata.schemas[0]?.fields.map((field) => [field.name, field.id]))
  assert.equal(ids?.['nowadays'], before.get('formerly'))
  assert.ok(Number(ids?.['added']) > Math.max(...before.values()))
  assert.deepEqual(required, ['id', 'timestamp'])
})

const run = promisify(execFile)

test('both engines find rows of every age by conditions on columns whose first files have bounds of another type', async () => {
  const expected = {
    'wide < 0': 2,
    'wide > 5000000000': 1,
    'precise = 0.5': 2,
    'precise > 1000': 1,
    'nowadays = 5': 2,
    'price < 0': 2,
    'added IS NULL': 2,
  }
  const script = join(import.meta.dirname, 'filter-table.py')
  const args = [script, ...catalog, table.metadataLocation, JSON.stringify(Object.keys(expected))]
  const { stdout } = await run(await foreignPython(), args, { timeout: 120_000 })
  const found = JSON.parse(stdout) as { pyiceberg: number; duckdb: number; planned: number }[]
  for (const [at, [condition, rows]] of Object.entries(expected).entries()) {
    const { planned = 0, ...counted } = found[at] ?? {}
    assert.deepEqual(counted, { pyiceberg: rows, duckdb: rows }, condition)
    assert.ok(planned >= rows, `${condition}: no file with such rows is left out`)
  }
})
