import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  dayName,
  insertNamespace,
  insertTable,
  loadTable,
  movePointer,
  stageAppend,
  type DraftField,
  type Table,
} from '../../src/lake/index.ts'
import { withPostgres } from '../kit/postgres.ts'
import { column, job, openBench, openWriter, RETENTION } from '../lake/workbench.ts'
import { readWith } from './python.ts'

/** One row of every type, at the edges that all engines can hold, and what a reader must see. */
const COLUMNS: DraftField[] = [
  column('b', 'boolean'),
  column('i', 'int'),
  column('l', 'long'),
  column('f', 'float'),
  column('d', 'double'),
  column('day', 'date'),
  column('clock', 'time'),
  column('u', 'uuid'),
  column('text', 'string'),
  column('small', 'decimal(9, 2)'),
  column('middle', 'decimal(18, 4)'),
  column('large', 'decimal(38, 10)'),
  column('free', 'json'),
  column('st', {
    struct: [
      column('must', 'string', { required: true }),
      column('select', 'long'),
      column('de"ep', { struct: [column('x', 'timestamptz')] }),
    ],
  }),
  column('li', { list: 'string' }),
  column('ls', { list: { struct: [column('a', 'long'), column('named', 'string', { key: 'inTheLine' })] } }),
  column('ma', { map: 'double' }),
  column('ms', { map: { struct: [column('l', { list: 'date' })] } }),
]
const FULL = {
  b: true,
  i: -2_147_483_648,
  l: (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('9007199254740993'),
  f: 0.5,
  d: 1e308,
  day: '1969-07-20',
  clock: '23:59:59.999999',
  u: '550e8400-e29b-41d4-a716-446655440000',
  text: 'é€😀 "q" \\ \u0000 \n',
  small: '-1234567.89',
  middle: '99999999999999.9999',
  large: '-1234567890123456789012345678.0123456789',
  free: { a: [1, null] },
  st: { must: 'm', select: 5, 'de"ep': { x: '2200-12-31T23:59:59.999999Z' } },
  li: ['a', null, ''],
  ls: [{ a: 1, inTheLine: 'n' }, { a: null }],
  ma: { k: 1.5, 'ü ': null },
  ms: { one: { l: ['2026-01-01'] } },
}
const SEEN = {
  ...FULL,
  i: '-2147483648',
  l: '9007199254740993',
  free: '{"a":[1,null]}',
  st: { must: 'm', select: '5', 'de"ep': { x: '7289654399999999' } },
  ls: [
    { a: '1', named: 'n' },
    { a: null, named: null },
  ],
}
/**
 * PyIceberg 0.12 makes an empty list or map of a null one where structs are inside, and a struct of nulls of a null struct
 * in a list; DuckDB and Iceberg's own Java do not. Those columns are compared without that difference.
 */
function loosely(rows: readonly Readonly<Record<string, unknown>>[]) {
  const loose = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value
    const inside = Object.entries(value).map(([key, part]) => [key, loose(part)] as const)
    if (inside.every(([, part]) => part === null)) return null
    return Array.isArray(value) ? inside.map(([, part]) => part) : Object.fromEntries(inside)
  }
  return rows.map((row) => ({ ...row, ls: loose(row['ls']), ms: loose(row['ms']) }))
}
const EMPTY = Object.fromEntries(COLUMNS.map(({ name }) => [name, null]))
const HOLLOW = { ...EMPTY, st: { must: 'm', select: null, 'de"ep': null }, li: [], ls: [], text: '' }
const HOLLOW_LINE = { st: { must: 'm', 'de"ep': null }, li: [], ls: [], text: '' }

test('PyIceberg and DuckDB’s Iceberg extension read the rows, types, partitions and snapshots that were written', async (t) => {
  const postgres = await withPostgres(t)
  const sql = postgres.sql('admin')
  const bench = await openBench(t, COLUMNS)
  const writer = await openWriter(t, bench)
  const namespace = `pulse_${'b'.repeat(32)}`
  const name = 'page-views'
  await insertNamespace(sql, namespace, `file://${bench.root}/warehouse/space`)
  await insertTable(sql, { namespace, name, metadataLocation: bench.table.metadataLocation })

  let table: Table = bench.table
  const micros = (day: number): string => String(BigInt(Date.parse('2026-01-01T12:00:00Z') + day * 86_400_000) * 1000n)
  const written: Record<string, unknown>[] = []
  const commit = async (lines: readonly { day: number; members: object; seen: object }[]): Promise<void> => {
    const made = lines.map(({ day, members }, index) => {
      const timestamp = `2026-01-0${day + 1}T12:00:00Z`
      return Buffer.from(`${JSON.stringify({ id: written.length + index, e: { timestamp, ...members } })}\n`)
    })
    for (const { day, seen } of lines) written.push({ id: String(written.length), timestamp: micros(day), ...seen })
    const files = await writer.write(job(bench, made, `flush-${written.length}`))
    const options = { fileTag: `flush-${written.length}`, attempt: 0, now: Date.now(), ...RETENTION }
    const staged = await stageAppend(bench.store, table, files, options)
    const moved = await movePointer(sql, { namespace, name, from: table.metadataLocation, to: staged.metadataLocation })
    assert.ok(moved)
    table = await loadTable(bench.store, staged.metadataLocation)
  }
  const full = (day: number) => ({ day, members: FULL, seen: SEEN })
  const empty = (day: number) => ({ day, members: {}, seen: EMPTY })
  await commit([full(0), empty(1), { day: 1, members: HOLLOW_LINE, seen: HOLLOW }])
  const firstSnapshot = String(table.currentSnapshotId)
  // Enough commits that manifests are merged.
  for (let flush = 0; flush < 20; flush += 1) await commit([flush % 2 ? full(flush % 3) : empty(flush % 3)])

  const ordered = (rows: readonly Readonly<Record<string, unknown>>[]) =>
    rows.toSorted((a, b) => Number(a['id']) - Number(b['id']))
  const later = written.filter(
    (row) => BigInt(String(row['timestamp'])) >= BigInt(Date.parse('2026-01-02T00:00:00Z')) * 1000n,
  )

  const foreign = await readWith('pyiceberg', postgres.adminUrl, namespace, name)
  assert.deepEqual(loosely(ordered(foreign.rows)), loosely(written))
  assert.equal(foreign.filtered, later.length)
  assert.deepEqual(foreign.tables, [`${namespace}.${name}`])
  assert.equal(foreign.snapshots, 21)
  assert.deepEqual(foreign.spec, [['timestamp_day', 'day', 2]])
  assert.deepEqual(foreign.required, ['id', 'timestamp'])
  assert.deepEqual(foreign.ids, Object.fromEntries(bench.schema.fields.map((field) => [field.name, field.id])))
  assert.deepEqual(
    Object.entries(foreign.types).map(([key, type]) => [key, type.replace(/<.*/, '')]),
    bench.schema.fields.map((field) => [field.name, typeof field.type === 'string' ? field.type : field.type.type]),
  )
  for (const [folder, day] of foreign.partitions as [string, number, number][]) {
    assert.equal(folder, `timestamp_day=${dayName(day)}`)
  }
  assert.equal(
    (foreign.partitions as [string, number, number][]).reduce((rows, [, , count]) => rows + count, 0),
    written.length,
  )
  const before = await readWith('pyiceberg', postgres.adminUrl, namespace, name, firstSnapshot)
  assert.deepEqual(loosely(ordered(before.rows)), loosely(written.slice(0, 3)))

  const duck = await readWith('duckdb', table.metadataLocation)
  assert.deepEqual(ordered(duck.rows), written)
  assert.equal(duck.filtered, later.length)
  assert.deepEqual(
    [duck.types['l'], duck.types['u'], duck.types['large'], duck.types['timestamp'], duck.types['free']],
    ['BIGINT', 'UUID', 'DECIMAL(38,10)', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR'],
  )
  const duckBefore = await readWith('duckdb', table.metadataLocation, firstSnapshot)
  assert.deepEqual(ordered(duckBefore.rows), written.slice(0, 3))
})

test('an empty table is an empty table to both', async (t) => {
  const postgres = await withPostgres(t)
  const bench = await openBench(t, COLUMNS)
  const namespace = `pulse_${'c'.repeat(32)}`
  await insertNamespace(postgres.sql('admin'), namespace, 'file:///none')
  await insertTable(postgres.sql('admin'), { namespace, name: 'empty', metadataLocation: bench.table.metadataLocation })
  assert.deepEqual((await readWith('pyiceberg', postgres.adminUrl, namespace, 'empty')).rows, [])
  assert.deepEqual((await readWith('duckdb', bench.table.metadataLocation)).rows, [])
})
