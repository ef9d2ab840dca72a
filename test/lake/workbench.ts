import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import {
  assignIds,
  createTable,
  dayName,
  loadTable,
  openDataFileWriter,
  openDuckDb,
  openObjectStore,
  planScan,
  readParquetSql,
  type DataFile,
  type DataFileWriter,
  type DraftField,
  type FileLayer,
  type FormerNames,
  type LineShape,
  type ObjectStore,
  type Schema,
  type Table,
} from '../../src/lake/index.ts'
import { ownFolder } from '../kit/folder.ts'
import type { Owner } from '../kit/postgres.ts'

export const column = (name: string, type: DraftField['type'], more: Partial<DraftField> = {}): DraftField => ({
  name,
  type,
  required: false,
  ...more,
})

/** The envelope that most tests' lines have, and the day column. */
export const ENVELOPE: readonly DraftField[] = [column('id', 'long', { required: true })]
export const DAY = column('timestamp', 'timestamptz', { required: true })

export interface Bench {
  readonly root: string
  readonly store: ObjectStore
  readonly schema: Schema
  readonly shape: LineShape
  readonly location: string
  readonly dayFieldId: number
  readonly table: Table
}

/** An empty local table with `id`, `timestamp` and further columns that lie below `e`. */
export async function openBench(
  owner: Owner,
  columns: readonly DraftField[] = [],
  files?: FileLayer,
  now = 1_767_225_600_000,
): Promise<Bench> {
  const root = await ownFolder(owner)
  const store = openObjectStore({ warehouse: join(root, 'warehouse'), ...(files ? { files } : {}) })
  const assigned = assignIds([...ENVELOPE, DAY, ...columns])
  const shape = { envelope: assigned.fields.slice(0, 1), under: ['e'], fields: assigned.fields.slice(1) }
  const location = `file://${root}/warehouse/space/table-1`
  const made = await createTable(store, {
    location,
    schema: assigned.schema,
    lastColumnId: assigned.lastColumnId,
    dayFieldId: 2,
    tableUuid: randomUUID(),
    fileTag: 'created',
    now,
  })
  const table = await loadTable(store, made.metadataLocation)
  return { root, store, schema: assigned.schema, shape, location, dayFieldId: 2, table }
}

export async function openWriter(owner: Owner, bench: Pick<Bench, 'root' | 'store'>): Promise<DataFileWriter> {
  const writer = await openDataFileWriter({ store: bench.store, tempDir: join(bench.root, 'temporary') })
  owner.after(async () => await writer[Symbol.asyncDispose]())
  return writer
}

/** A line as its text: `{"id":…,"e":{"timestamp":…,…}}`; a member given as text is taken as JSON as it is. */
export function line(
  id: number,
  members: Readonly<Record<string, unknown>> | string = {},
  day = '2026-01-01',
): Uint8Array {
  const body = typeof members === 'string' ? members : JSON.stringify(members).slice(1, -1)
  const rest = body === '' ? '' : `,${body}`
  return Buffer.from(`{"id":${id},"e":{"timestamp":"${day}T12:00:00Z"${rest}}}\n`)
}

export function job(bench: Bench, lines: readonly Uint8Array[], fileTag = 'flush') {
  const { schema, shape, dayFieldId, location } = bench
  return { tableLocation: location, schema, shape, dayFieldId, fileTag, lines }
}

/** A data file that nobody wrote: enough for everything but reading its rows. */
export function fakeFile(location: string, name: string, day = 20_454, rows = 10): DataFile {
  const int64 = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  }
  const each = <V>(value: V): Map<number, V> => new Map([1, 2].map((id) => [id, value]))
  return {
    location: `${location}/data/timestamp_day=${dayName(day)}/${name}.parquet`,
    day,
    rows,
    bytes: 1000,
    columnSizes: each(500),
    valueCounts: each(rows),
    nullCounts: each(0),
    nanCounts: new Map(),
    lowerBounds: each(int64(1)),
    upperBounds: each(int64(rows)),
    splitOffsets: [4],
  }
}

/** The table's rows by DuckDB through this room's own plan, in the order of `id`. */
export async function readRows(bench: Pick<Bench, 'root' | 'store'>, table: Table): Promise<Record<string, unknown>[]> {
  const plan = await planScan(bench.store, table)
  return await readFiles(bench, plan.schema, plan.files, '*', plan.formerNames)
}

export async function readFiles(
  bench: Pick<Bench, 'root' | 'store'>,
  schema: Schema,
  files: readonly DataFile[],
  select = '*',
  former?: FormerNames,
): Promise<Record<string, unknown>[]> {
  if (files.length === 0) return []
  const paths = await Promise.all(files.map((file) => bench.store.localCopy(file.location)))
  await using duck = await openDuckDb({ tempDir: bench.root })
  const connection = await duck.connect()
  try {
    const answer = await connection.runAndReadAll(
      `SELECT ${select} FROM ${readParquetSql(schema, paths, former)} ORDER BY id`,
    )
    return answer.getRowObjectsJson() as Record<string, unknown>[]
  } finally {
    connection.closeSync()
  }
}

/** All objects below the table, by their names under its location. */
export async function filesBelow(bench: Pick<Bench, 'store' | 'location'>): Promise<string[]> {
  const found: string[] = []
  for await (const { location } of bench.store.list(`${bench.location}/`)) {
    found.push(location.slice(bench.location.length + 1))
  }
  return found.toSorted()
}

export const RETENTION = { keepSnapshots: 100, keepMs: 3_600_000 }
