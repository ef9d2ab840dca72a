import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  assignIds,
  createTable,
  loadTable,
  openDataFileWriter,
  openObjectStore,
  stageAppend,
  type DataFile,
  type DraftField,
  type ObjectStore,
} from '../../src/lake/index.ts'
import { openPreview, type Preview, type PreviewSettings } from '../../src/preview/index.ts'
import { listen, type Announcements } from '../../src/telemetry/index.ts'
import { ownFolder } from '../kit/folder.ts'

const TENANT = '0193a000-0000-7000-8000-00000000000a'
const DATASET_ID = '0193a000-0000-7000-8000-00000000000d'
const DAY_MS = 86_400_000
const START = Date.UTC(2026, 2, 1)

const COLUMNS: readonly DraftField[] = [
  { name: 'timestamp', required: true, type: 'timestamptz' },
  { name: 'n', required: true, type: 'long' },
  { name: 'price', required: false, type: 'decimal(12, 2)' },
  {
    name: 'place',
    required: false,
    type: {
      struct: [
        { name: 'name', required: false, type: 'string' },
        { name: 'tags', required: false, type: { list: 'string' } },
      ],
    },
  },
  { name: 'scores', required: false, type: { map: 'long' } },
  { name: 'free', required: false, type: 'json' },
]

interface Row {
  readonly timestamp: string
  readonly n: number | string
  readonly price?: string
  readonly place?: unknown
  readonly scores?: unknown
  readonly free?: unknown
}

/** A real table in a temporary folder, and previews of it; `between` runs before each file is opened. */
async function openTable(t: TestContext, settings: Partial<PreviewSettings> = {}) {
  const folder = await ownFolder(t)
  const real = openObjectStore({ warehouse: folder })
  const opened: string[] = []
  const between: ((location: string) => Promise<void>)[] = []
  const objects: ObjectStore = {
    ...real,
    async localCopy(location) {
      opened.push(location)
      for (const act of between) await act(location)
      return real.localCopy(location)
    },
  }
  const envelope = assignIds([{ name: '_event_id', required: true, type: 'uuid' }])
  const { schema, lastColumnId, fields } = assignIds([...COLUMNS], envelope.lastColumnId)
  const whole = { ...schema, fields: [...envelope.schema.fields, ...schema.fields] }
  const dayFieldId = whole.fields.find((field) => field.name === 'timestamp')?.id ?? 0
  const location = `file://${folder}/pulse_x/things-1`
  const created = await createTable(real, {
    location,
    schema: whole,
    lastColumnId,
    dayFieldId,
    tableUuid: DATASET_ID,
    fileTag: 'new',
    now: START,
  })
  let pointer: string | undefined = created.metadataLocation
  const writer = await openDataFileWriter({ store: real, tempDir: folder })
  t.after(() => writer[Symbol.asyncDispose]())
  let flushes = 0

  const append = async (
    rows: readonly Row[],
    options: { keepSnapshots?: number } = {},
  ): Promise<{ snapshotId: string; files: readonly DataFile[] }> => {
    const table = await loadTable(real, pointer ?? '')
    const fileTag = `flush-${(flushes += 1)}`
    const lines = rows.map((row, at) =>
      Buffer.from(
        `${JSON.stringify({ _event_id: idOf(flushes * 10_000 + at), e: { data: row } }).replace(/"n":"(-?\d+)"/, '"n":$1')}\n`,
      ),
    )
    const files = await writer.write({
      tableLocation: location,
      schema: whole,
      shape: { envelope: envelope.fields, under: ['e', 'data'], fields },
      dayFieldId,
      fileTag,
      lines,
    })
    const staged = await stageAppend(real, table, files, {
      fileTag,
      attempt: 0,
      now: START + flushes * 1_000,
      keepSnapshots: options.keepSnapshots ?? 100,
      keepMs: 3_600_000,
    })
    pointer = staged.metadataLocation
    return { snapshotId: String(staged.snapshotId), files }
  }

  const binding = {
    tenantId: TENANT,
    tenantSlug: 'acme',
    datasetId: DATASET_ID,
    datasetSlug: 'things',
    namespace: 'pulse_x',
    table: 'things',
  }
  const store = {
    asTenant: async (tenantId: string, act: (sql: { query: () => Promise<unknown[]> }) => Promise<unknown>) =>
      act({
        query: async () =>
          pointer === undefined || tenantId !== TENANT ? [] : [{ table_name: 'things', metadata_location: pointer }],
      }),
  }
  const bindings = {
    bySlug: async (tenantId: string, slug: string) => (tenantId === TENANT && slug === 'things' ? binding : undefined),
    byId: async (tenantId: string, id: string) => (tenantId === TENANT && id === DATASET_ID ? binding : undefined),
  }
  const preview: Preview = openPreview({ store: store as never, bindings: bindings as never, objects, ...settings })
  t.after(() => preview[Symbol.asyncDispose]())
  const read = (asked: Partial<Parameters<Preview['read']>[0]> = {}) =>
    preview.read({ tenantId: TENANT, dataset: 'things', limit: 10, ...asked })
  return {
    append,
    read,
    preview,
    opened,
    between,
    binding,
    real,
    location,
    drop: () => (pointer = undefined),
    files: () => real.list(location),
  }
}

const idOf = (n: number): string => `0193a000-0000-7000-8000-${String(n).padStart(12, '0')}`
const at = (ms: number): string => new Date(START + ms).toISOString()
const days = (count: number, perDay: number, from = 0): Row[] =>
  Array.from({ length: count * perDay }, (_, n) => ({
    timestamp: at(from + Math.floor(n / perDay) * DAY_MS + (n % perDay) * 1_000),
    n,
  }))

test('an empty table is an empty answer, with its columns', async (t) => {
  const { read, preview, binding, location } = await openTable(t)
  const answer = await read()
  assert.deepEqual(
    { ...answer, columns: answer.columns.map((column) => `${column.name} ${column.type}`) },
    {
      dataset: 'things',
      snapshot_id: null,
      committed_at: null,
      total_rows: 0,
      rows: [],
      columns: [
        '_event_id uuid',
        'timestamp timestamptz',
        'n long',
        'price decimal(12, 2)',
        'place struct<name: string, tags: list<string>>',
        'scores map<string, long>',
        'free string',
      ],
    },
  )
  assert.deepEqual(await preview.facts(TENANT, binding as never), {
    rows: 0,
    files: 0,
    bytes: 0,
    snapshot_id: null,
    committed_at: null,
    location,
  })
})

test('every value comes back as the contract says', async (t) => {
  const { append, read } = await openTable(t)
  await append([
    {
      timestamp: '2026-03-01T10:20:30.123456+02:00',
      n: '9007199254740993',
      price: '-0.10',
      place: { name: 'Ω "q"', tags: ['a', ''] },
      scores: { __proto__x: 1, '': 2 },
      free: { b: [1, { a: null }] },
    },
    { timestamp: at(0), n: 5 },
  ])
  const { rows } = await read()
  assert.deepEqual(rows[0], {
    _event_id: idOf(10_000),
    timestamp: '2026-03-01T08:20:30.123456Z',
    n: '9007199254740993',
    price: '-0.10',
    place: { name: 'Ω "q"', tags: ['a', ''] },
    scores: { __proto__x: 1, '': 2 },
    free: '{"b":[1,{"a":null}]}',
  })
  assert.deepEqual(rows[1], {
    _event_id: idOf(10_001),
    timestamp: '2026-03-01T00:00:00.000000Z',
    n: 5,
    price: null,
    place: null,
    scores: null,
    free: null,
  })
  assert.equal((await read({ int64: 'string' })).rows[1]?.['n'], '5')
})

test('the latest rows come first, from only as many files as can hold them', async (t) => {
  const { append, read, opened } = await openTable(t)
  await append(days(10, 5))
  const answer = await read({ limit: 7 })
  assert.deepEqual(
    answer.rows.map((row) => row['n']),
    [49, 48, 47, 46, 45, 44, 43],
  )
  assert.equal(opened.length, 2, 'two days of five rows hold the seven newest')
  assert.equal(answer.total_rows, 50)
  assert.equal((await read({ limit: 1_000 })).rows.length, 50)
})

test('columns are projected in the order asked, and an unknown one is named', async (t) => {
  const { append, read } = await openTable(t)
  await append(days(1, 2))
  const { rows, columns } = await read({ columns: ['price', 'n'] })
  assert.deepEqual(
    columns.map((column) => column.name),
    ['price', 'n'],
  )
  assert.deepEqual(rows, [
    { price: null, n: 1 },
    { price: null, n: 0 },
  ])
  await assert.rejects(read({ columns: ['n', 'nope'] }), { code: 'invalid_parameter', message: /"nope"/ })
  await assert.rejects(read({ columns: ["n' OR 1=1"] }), { code: 'invalid_parameter' })
})

test('a snapshot that is named is read as it was, and one that is gone is unknown', async (t) => {
  const { append, read } = await openTable(t)
  const first = await append(days(1, 3))
  await append(days(1, 2, DAY_MS))
  const then = await read({ snapshotId: first.snapshotId })
  assert.deepEqual([then.snapshot_id, then.total_rows, then.rows.length], [first.snapshotId, 3, 3])
  assert.equal((await read()).total_rows, 5)
  for (const snapshotId of ['1', '0', '-1', 'x', '99999999999999999999', '1e3', ` ${first.snapshotId}`]) {
    await assert.rejects(read({ snapshotId }), { code: 'unknown_snapshot' }, snapshotId)
  }
  await append(days(1, 1, 2 * DAY_MS), { keepSnapshots: 1 })
  await assert.rejects(read({ snapshotId: first.snapshotId }), { code: 'unknown_snapshot' })
})

test('a file that is deleted while it is read is no error: the new snapshot answers', async (t) => {
  const { append, read, between, real } = await openTable(t)
  await append(days(1, 3))
  let moved = 0
  between.push(async (location) => {
    if (moved++ > 0) return
    await append(days(1, 2, DAY_MS))
    await real.remove(location)
  })
  // Only the newest day's file is needed afterwards; the one that went away is not looked at again.
  const answer = await read({ limit: 2 })
  assert.deepEqual([answer.total_rows, answer.rows.map((row) => row['n'])], [5, [1, 0]])
})

test('a file that stays away is a dependency that is away, not a defect', async (t) => {
  const { append, read, real } = await openTable(t)
  const { files } = await append(days(1, 3))
  await real.remove(files[0]?.location ?? '')
  await assert.rejects(read(), { code: 'dependency_away' })
})

test('a dataset is found by slug and by id, and another tenant’s is unknown', async (t) => {
  const { append, read, drop } = await openTable(t)
  await append(days(1, 1))
  assert.equal((await read({ dataset: DATASET_ID.toUpperCase() })).dataset, 'things')
  for (const dataset of ['other', 'Things', '', '0193a000-0000-7000-8000-0000000000ff'])
    await assert.rejects(read({ dataset }), { code: 'unknown_dataset' })
  await assert.rejects(read({ tenantId: DATASET_ID }), { code: 'unknown_dataset' })
  drop()
  await assert.rejects(read(), { code: 'dependency_away' })
})

test('the facts are the table’s: rows, files, bytes and snapshot', async (t) => {
  const { append, preview, binding, location } = await openTable(t)
  const one = await append(days(2, 3))
  const two = await append(days(1, 4, DAY_MS))
  const written = [...one.files, ...two.files]
  assert.deepEqual(await preview.facts(TENANT, binding as never), {
    rows: 10,
    files: 3,
    bytes: written.reduce((sum, file) => sum + file.bytes, 0),
    snapshot_id: two.snapshotId,
    committed_at: '2026-03-01T00:00:02.000000Z',
    location,
  })
})

test('a question for what is not there waits in no line', async (t) => {
  const { append, read, between } = await openTable(t, { running: 1, waiting: 0 })
  await append(days(1, 1))
  const { promise, resolve } = Promise.withResolvers<void>()
  between.push(() => promise)
  const slow = read()
  await assert.rejects(read({ dataset: 'other' }), { code: 'unknown_dataset' })
  await assert.rejects(read(), { code: 'overloaded' })
  resolve()
  await slow
})

test('a preview that takes too long is ended and the next one runs', async (t) => {
  const { append, read, between } = await openTable(t, { timeoutMs: 200, running: 1 })
  await append(days(1, 1))
  const { promise, resolve } = Promise.withResolvers<void>()
  between.push(() => promise)
  const late = read()
  await assert.rejects(Promise.all([late, read()]), { code: 'overloaded' })
  resolve()
  between.length = 0
  await late.catch(() => undefined)
  assert.equal((await read()).rows.length, 1)
})

test('each preview is told once: files opened and left closed, bytes, rows, and what became of it', async (t) => {
  const said: Announcements['preview.finished'][] = []
  t.after(listen('preview.finished', (one) => void said.push(one)))
  const { append, read, between } = await openTable(t)
  await read()
  const { files } = await append(days(5, 2))
  await read({ limit: 2 })
  await assert.rejects(read({ columns: ['none'] }), { code: 'invalid_parameter' })
  await assert.rejects(read({ dataset: 'none' }), { code: 'unknown_dataset' })
  between.push(() => Promise.reject(Object.assign(new Error('gone'), { code: 'ENOENT' })))
  await assert.rejects(read({ limit: 2 }), { code: 'dependency_away' })
  assert.deepEqual(
    said.map(({ outcome, rows, filesRead, filesPruned }) => ({ outcome, rows, filesRead, filesPruned })),
    [
      { outcome: 'empty', rows: 0, filesRead: 0, filesPruned: 0 },
      { outcome: 'ok', rows: 2, filesRead: 1, filesPruned: 4 },
      { outcome: 'error', rows: 0, filesRead: 3, filesPruned: 12 },
    ],
  )
  const newest = files.toSorted((a, b) => b.day - a.day)[0]
  assert.equal(said[1]?.bytesRead, newest?.bytes)
  for (const { tenant, dataset, planMs, fetchMs, decodeMs, totalMs } of said) {
    assert.deepEqual([tenant, dataset], ['acme', 'things'])
    assert.ok(planMs >= 0 && fetchMs >= 0 && decodeMs >= 0 && planMs + fetchMs + decodeMs <= totalMs + 1)
  }
})
