import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { dayName, isLakeFault, openDataFileWriter, openDuckDb, RowRefused } from '../../../src/lake/index.ts'
import { evolveColumns } from '../../../src/pdm/index.ts'
import { ownFolder } from '../../kit/folder.ts'
import { column, DAY, ENVELOPE, filesBelow, job, line, openBench, openWriter, readFiles } from '../workbench.ts'
import { assignIds } from '../../../src/lake/index.ts'

const days = (files: readonly { readonly day: number }[]) => files.map((file) => dayName(file.day))

test('rows become one file per day, in the order of days, named after the commit', async (t) => {
  const bench = await openBench(t, [column('n', 'long')])
  const writer = await openWriter(t, bench)
  const lines = [line(1, { n: 1 }, '2026-01-03'), line(2, { n: 2 }, '2026-01-01'), line(3, {}, '2026-01-03')]
  const files = await writer.write(job(bench, lines, 'flush-9'))
  assert.deepEqual(days(files), ['2026-01-01', '2026-01-03'])
  assert.deepEqual(
    files.map((file) => file.rows),
    [1, 2],
  )
  for (const file of files) {
    const [folder, name] = file.location.slice(`${bench.location}/data/`.length).split('/')
    assert.equal(folder, `timestamp_day=${dayName(file.day)}`)
    assert.match(name ?? '', /^flush-9-[a-z0-9]+-\d+\.parquet$/)
  }
  const rows = await readFiles(bench, bench.schema, files)
  assert.deepEqual(
    rows.map((row) => [row['id'], row['n']]),
    [
      ['1', '1'],
      ['2', '2'],
      ['3', null],
    ],
  )
})

test('a single day, several days, then one again: the files are right each time', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  for (const [round, wanted] of [
    ['2026-01-01'],
    ['2026-01-01', '2026-01-02'],
    ['2026-01-02', '2026-01-05'],
    ['2026-01-05'],
  ].entries()) {
    const lines = wanted.flatMap((day, index) => [line(index * 2, {}, day), line(index * 2 + 1, {}, day)])
    const files = await writer.write(job(bench, lines, `flush-${round}`))
    assert.deepEqual(days(files), wanted)
    assert.equal((await readFiles(bench, bench.schema, files)).length, lines.length)
  }
  assert.deepEqual(days(await writer.write(job(bench, [line(9)]))), ['2026-01-01'])
})

test('many days with few files open give one file each', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const lines = Array.from({ length: 600 }, (_, id) => line(id, {}, dayName(20_000 + (id % 200))))
  const files = await writer.write({ ...job(bench, lines), maxOpenFiles: 4 })
  assert.equal(files.length, 200)
  assert.deepEqual(
    files.map((file) => file.day),
    Array.from({ length: 200 }, (_, index) => 20_000 + index),
  )
  assert.ok(files.every((file) => file.rows === 3))
})

test('hundreds of days of many columns are parted in the memory that there is, also where a few were expected', async (t) => {
  const names = Array.from({ length: 30 }, (_, index) => `text_${index}`)
  const bench = await openBench(
    t,
    names.map((name) => column(name, 'string')),
  )
  const tempDir = join(bench.root, 'temporary')
  const writer = await openDataFileWriter({ store: bench.store, tempDir, memoryLimit: '512MB' })
  t.after(() => writer[Symbol.asyncDispose]())
  const of = (count: number, tag: string) =>
    job(
      bench,
      Array.from({ length: count }, (_, id) =>
        line(id, Object.fromEntries(names.map((name) => [name, `${name} of ${id}`])), dayName(10_000 + id)),
      ),
      tag,
    )
  assert.equal((await writer.write(of(2, 'few'))).length, 2)
  const files = await writer.write(of(500, 'many'))
  assert.deepEqual(
    files.map(({ day, rows }) => [day, rows]),
    Array.from({ length: 500 }, (_, index) => [10_000 + index, 1]),
  )
  assert.equal((await writer.write(of(2, 'few again'))).length, 2)
})

test('days are taken in UTC, at the microsecond, before 1970 and after 2100 too', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const at = (id: number, timestamp: string) => Buffer.from(`{"id":${id},"e":{"timestamp":"${timestamp}"}}\n`)
  const files = await writer.write(
    job(bench, [
      at(1, '2026-01-01T00:00:00+05:30'),
      at(2, '2025-12-31T23:59:59.999999Z'),
      at(3, '2026-01-01T00:00:00-00:00'),
      at(4, '1969-12-31T23:59:59.999999Z'),
      at(5, '2200-12-31T23:59:59.999999999Z'),
    ]),
  )
  assert.deepEqual(
    files.map((file) => [dayName(file.day), file.rows]),
    [
      ['1969-12-31', 1],
      ['2025-12-31', 2],
      ['2026-01-01', 1],
      ['2200-12-31', 1],
    ],
  )
})

test('no lines are no files', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  assert.deepEqual(await writer.write(job(bench, [])), [])
  assert.deepEqual(await writer.writeOrRefuse(job(bench, [])), { files: [], refused: [] })
})

test('one bad row fails a strict write by its line, and keeps nothing', async (t) => {
  const bench = await openBench(t, [column('n', 'long')])
  const writer = await openWriter(t, bench)
  const lines = Array.from({ length: 5000 }, (_, id) => line(id, id === 3210 ? { n: 'x' } : { n: id }))
  await assert.rejects(writer.write(job(bench, lines)), (error: unknown) => {
    assert.ok(error instanceof RowRefused)
    assert.equal(error.line, 3210)
    assert.match(error.message, /"x"/)
    assert.doesNotMatch(error.message, /auto_detect/)
    return true
  })
  assert.deepEqual(await filesBelow(bench), ['metadata/00000-created.metadata.json'])
})

test('all bad rows are found in one call, whatever is wrong with them, and all others are written', async (t) => {
  const bench = await openBench(t, [
    column('n', 'long'),
    column('u', 'uuid'),
    column('s', { struct: [column('must', 'string', { required: true }), column('l', { list: 'double' })] }),
    column('m', { map: 'date', valueRequired: true }),
    column('text', 'string'),
  ])
  const writer = await openWriter(t, bench)
  const bad = new Map<number, string>([
    [0, '"n":1e30'],
    [7, '"u":"urn:uuid:550e8400-e29b-41d4-a716-446655440000"'],
    [8, '"s":{}'],
    [4096, '"s":{"must":"x","l":[1,"y"]}'],
    [6000, '"m":{"k":null}'],
    [6001, '"m":{"k":"2023-02-29"}'],
    [6002, '"text":"\\ud800"'],
    [9998, '"n":1,"n":2'],
    [9999, '"s":{"must":null}'],
  ])
  const good = ['', '"s":null', '"s":{"must":"x"}', '"m":{}', '"text":"\\u0000"']
  const lines = Array.from({ length: 10_000 }, (_, id) => line(id, bad.get(id) ?? good[id % good.length] ?? ''))
  const { files, refused } = await writer.writeOrRefuse(job(bench, lines))
  assert.deepEqual(
    refused.map((one) => one.line),
    [...bad.keys()],
  )
  for (const { detail } of refused) assert.ok(detail.length > 5, detail)
  const rows = await readFiles(bench, bench.schema, files, 'id')
  assert.deepEqual(
    rows.map((row) => Number(row['id'])),
    lines.map((_, id) => id).filter((id) => !bad.has(id)),
  )
})

test('rows that are all bad are all refused, and nothing is written', async (t) => {
  const bench = await openBench(t, [column('n', 'long')])
  const writer = await openWriter(t, bench)
  const lines = Array.from({ length: 100 }, (_, id) => line(id, { n: 'x' }))
  const { files, refused } = await writer.writeOrRefuse(job(bench, lines))
  assert.deepEqual(files, [])
  assert.equal(refused.length, 100)
})

test('chunks may hold any number of lines, and must end in a newline', async (t) => {
  const bench = await openBench(t)
  const writer = await openWriter(t, bench)
  const chunks = [Buffer.concat([line(1), line(2)]), line(3), Buffer.concat([line(4), line(5), line(6)])]
  const files = await writer.write(job(bench, chunks))
  assert.equal(files[0]?.rows, 6)
  await assert.rejects(writer.write(job(bench, [line(1).slice(0, -1)])), /newline/)
})

test('a line of 20 MiB is no obstacle', async (t) => {
  const bench = await openBench(t, [column('text', 'string')])
  const writer = await openWriter(t, bench)
  const files = await writer.write(job(bench, [line(1), line(2, { text: 'x'.repeat(20 * 1_048_576) }), line(3)]))
  const rows = await readFiles(bench, bench.schema, files, 'id, length(text) AS length')
  assert.deepEqual(
    rows.map((row) => row['length']),
    [null, String(20 * 1_048_576), null],
  )
})

test('jobs that meet do not disturb each other, under one name too', async (t) => {
  const bench = await openBench(t)
  const writer = await openDataFileWriter({ store: bench.store, tempDir: join(bench.root, 'tmp'), jobsAtOnce: 3 })
  t.after(async () => await writer[Symbol.asyncDispose]())
  const all = await Promise.all(
    Array.from({ length: 9 }, (_, index) =>
      writer.write(
        job(
          bench,
          Array.from({ length: 50 + index }, (__, id) => line(id)),
        ),
      ),
    ),
  )
  assert.deepEqual(
    all.map((files) => files[0]?.rows),
    Array.from({ length: 9 }, (_, index) => 50 + index),
  )
  assert.equal(new Set(all.flat().map((file) => file.location)).size, 9)
})

test('a full disk is not a row’s fault', async (t) => {
  const bench = await openBench(t)
  const writer = await openDataFileWriter({ store: bench.store, tempDir: join(bench.root, 'tmp'), memoryLimit: '1MB' })
  t.after(async () => await writer[Symbol.asyncDispose]())
  await assert.rejects(writer.writeOrRefuse(job(bench, [line(1)])), (error) => isLakeFault(error, 'store_away'))
})

test('a store that refuses keeps nothing of the job', async (t) => {
  const bench = await openBench(t)
  let puts = 0
  const store: typeof bench.store = {
    ...bench.store,
    async putFile(location, path) {
      puts += 1
      if (puts === 3) throw new Error('no room')
      await bench.store.putFile(location, path)
    },
  }
  const writer = await openWriter(t, { root: bench.root, store })
  const lines = ['01', '02', '03', '04'].map((day, id) => line(id, {}, `2026-01-${day}`))
  await assert.rejects(writer.write(job(bench, lines)), /no room/)
  assert.deepEqual(await filesBelow(bench), ['metadata/00000-created.metadata.json'])
})

test('closing waits for running jobs, removes the writer’s folder and refuses new jobs', async (t) => {
  const bench = await openBench(t)
  const tempDir = join(bench.root, 'tmp')
  const writer = await openDataFileWriter({ store: bench.store, tempDir })
  const running = writer.write(job(bench, [line(1)]))
  await writer[Symbol.asyncDispose]()
  assert.equal((await running).length, 1)
  assert.deepEqual(await readdir(tempDir), [])
  await assert.rejects(writer.write(job(bench, [line(2)])), (error) => isLakeFault(error, 'store_away'))
})

test('lines of an older shape are written into a newer schema, renamed and widened', async (t) => {
  const root = await ownFolder(t)
  const bench = await openBench(t)
  const first = assignIds([...ENVELOPE, DAY, column('a', 'int'), column('s', { struct: [column('x', 'long')] })])
  const second = evolveColumns(
    { ...first, fields: first.schema.fields, json: new Set(), filled: new Set(), formerNames: new Map() },
    [
      ...ENVELOPE,
      DAY,
      column('a', 'long'),
      column('s', { struct: [column('x', 'long'), column('y', 'string')] }),
      column('added', 'string'),
    ],
  )
  // What the schema calls "renamed" is still "a" in the lines, and in old ones "s.x" has another name.
  const schema = {
    ...first.schema,
    'schema-id': 1,
    fields: second.fields.map((field) => (field.name === 'a' ? { ...field, name: 'renamed' } : field)),
  }
  const writer = await openWriter(t, bench)
  const shapes = [first.fields, second.sources].map((fields) => ({
    envelope: fields.slice(0, 1),
    under: ['e'],
    fields: fields.slice(1),
  }))
  const write = async (shape: (typeof shapes)[number] | undefined, lines: Uint8Array[]) =>
    await writer.write({ ...job(bench, lines), schema, shape: shape! })
  const files = [
    ...(await write(shapes[0], [line(1, { a: 5, s: { x: 1 } })])),
    ...(await write(shapes[1], [line(2, { a: 2 ** 40, s: { x: 1, y: 'z' }, added: 'new' })])),
  ]
  assert.deepEqual(
    (await readFiles({ root, store: bench.store }, schema, files)).map(({ renamed, s, added }) => ({
      renamed,
      s,
      added,
    })),
    [
      { renamed: '5', s: { x: '1', y: null }, added: null },
      { renamed: String(2 ** 40), s: { x: '1', y: 'z' }, added: 'new' },
    ],
  )
})

test('a column that must be there and is not in the lines at all is the job’s fault', async (t) => {
  const bench = await openBench(t, [column('must', 'string', { required: true })])
  const writer = await openWriter(t, bench)
  const shape = { ...bench.shape, fields: bench.shape.fields.slice(0, 1) }
  await assert.rejects(writer.write({ ...job(bench, [line(1)]), shape }), (error) =>
    isLakeFault(error, 'table_incompatible'),
  )
})

test('the file’s own columns carry field ids, and its statistics are the footer’s', async (t) => {
  const bench = await openBench(t, [
    column('s', { struct: [column('x', 'string')] }),
    column('l', { list: 'long' }),
    column('m', { map: 'decimal(10, 2)' }),
    column('d', 'double'),
  ])
  const writer = await openWriter(t, bench)
  const files = await writer.write(
    job(bench, [
      line(5, { s: { x: 'b'.repeat(30) }, l: [1, 2, 3], m: { k: '1.5' }, d: 0 }),
      line(-3, { s: null, l: [], d: -1.5 }),
      line(900, {}),
    ]),
  )
  const [file] = files
  assert.ok(file)
  const path = await bench.store.localCopy(file.location)
  await using duck = await openDuckDb({ tempDir: bench.root })
  const connection = await duck.connect()
  const ids = await connection.runAndReadAll(
    `SELECT list(field_id::INTEGER ORDER BY field_id) FROM parquet_schema('${path}') WHERE field_id IS NOT NULL`,
  )
  connection.closeSync()
  assert.deepEqual(ids.getRowsJson(), [[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]])
  const text = (bounds: ReadonlyMap<number, Uint8Array>) =>
    Object.fromEntries([...bounds].map(([id, bytes]) => [id, Buffer.from(bytes).toString('hex')]))
  const noon = Buffer.alloc(8)
  noon.writeBigInt64LE(1_767_268_800_000_000n)
  assert.deepEqual(text(file.lowerBounds), {
    1: 'fdffffffffffffff',
    2: noon.toString('hex'),
    6: '000000000000f8bf', // d: -1.5
    7: '62'.repeat(16), // s.x
  })
  assert.deepEqual(text(file.upperBounds), {
    1: '8403000000000000',
    2: noon.toString('hex'),
    6: '0000000000000000',
    7: `${'62'.repeat(15)}63`,
  })
  assert.deepEqual(Object.fromEntries(file.nullCounts), { 1: 0, 2: 0, 6: 1, 7: 2 })
  assert.equal(file.valueCounts.get(1), 3)
  assert.deepEqual(file.splitOffsets, [4])
})
