import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { deflateRawSync } from 'node:zlib'
import avsc from 'avsc'
import { isLakeFault, openDuckDb, openObjectStore, planScan, stageAppend } from '../../src/lake/index.ts'
import { decodeAvro, encodeAvro } from '../../src/lake/avro.ts'
import { daysOf, type ManifestRow } from '../../src/lake/manifest-list.ts'
import { parseMetadata } from '../../src/lake/metadata.ts'
import { readFooter } from '../../src/lake/parquet/footer.ts'
import { loadTable } from '../../src/lake/table.ts'
import { ownFolder } from '../kit/folder.ts'
import { chance, type Chance } from '../kit/seed.ts'
import { fakeFile, openBench, RETENTION } from './workbench.ts'

/**
 * What lies in a lake may be damaged, or somebody else's. Whatever the bytes are, a reader answers what they say or
 * `table_unreadable`, soon: never a crash, never a wait, never memory beyond what a file may take.
 */
const CASES = Number(process.env['TEST_LAKE_FUZZ'] ?? 600)
/** Of one case; two processes share the machine with it, so this is far above the milliseconds that a case takes. */
const MOST_MS = 5_000

const LONG = avsc.Type.forSchema('long')
const BYTES_MAP = avsc.Type.forSchema({ type: 'map', values: 'bytes' })
const SYNC = Buffer.alloc(16, 7)

interface Block {
  readonly count: number
  readonly body: Buffer
  readonly size?: number
}
/** A container file of blocks that say of themselves what they like. */
function container(schema: unknown, codec: string, blocks: readonly Block[]): Buffer {
  const header = { 'avro.schema': Buffer.from(JSON.stringify(schema)), 'avro.codec': Buffer.from(codec) }
  const parts = blocks.flatMap(({ count, body, size = body.length }) => [
    LONG.toBuffer(count),
    LONG.toBuffer(size),
    body,
    SYNC,
  ])
  return Buffer.concat([Buffer.from('Obj\u0001', 'latin1'), BYTES_MAP.toBuffer(header), SYNC, ...parts])
}

/** The same records in a file that is not compressed, their bytes changed. */
async function unpacked(file: Uint8Array, change: (body: Buffer) => Buffer): Promise<Buffer> {
  const { metadata, records } = await decodeAvro(file, 'x')
  const schema = JSON.parse(metadata['avro.schema'] ?? '') as avsc.Schema
  const type = avsc.Type.forSchema(schema, { wrapUnions: false })
  const body = change(Buffer.concat(records.map((record) => type.toBuffer(record))))
  return container(schema, 'null', [{ count: records.length, body }])
}

/** Some bytes changed, cut out, doubled or put in. */
function damaged(bytes: Uint8Array, random: Chance): Buffer {
  let out = Buffer.from(bytes)
  for (let times = random.between(1, 4); times > 0; times -= 1) {
    const at = random.between(0, Math.max(0, out.length - 1))
    const length = random.between(1, 12)
    const noise = Buffer.from(Array.from({ length }, () => random.pick([0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x5b])))
    const how = random.between(0, 5)
    if (how === 0) out[at] = (out[at] ?? 0) ^ (1 << random.between(0, 7))
    else if (how === 1) noise.copy(out, at)
    else if (how === 2) out = out.subarray(0, at)
    else if (how === 3) out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)])
    else if (how === 4) out = Buffer.concat([out.subarray(0, at), noise, out.subarray(at)])
    else out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + length), out.subarray(at)])
  }
  return Buffer.from(out)
}

/** Holds one reading to the promise; answers whether the bytes were readable after all. */
async function reading(what: string, act: () => unknown): Promise<boolean> {
  const began = performance.now()
  try {
    await act()
    return true
  } catch (error) {
    assert.ok(isLakeFault(error), `${what}: ${String((error as Error).stack)}`)
    return false
  } finally {
    const tookMs = performance.now() - began
    assert.ok(tookMs < MOST_MS, `${what} took ${Math.round(tookMs)} ms`)
  }
}

/** All objects of a table with one commit, by the end of their names. */
async function aTable(t: { after(act: () => void | Promise<void>): void }) {
  const bench = await openBench(t, [])
  const staged = await stageAppend(bench.store, bench.table, [fakeFile(bench.location, 'flush-0')], {
    fileTag: 'flush',
    attempt: 0,
    now: 1_767_225_600_000,
    ...RETENTION,
  })
  const objects = await Promise.all(
    staged.written.map(async (location) => [location, Buffer.from(await bench.store.get(location))] as const),
  )
  const of = (ending: RegExp): readonly [string, Buffer] => {
    const found = objects.find(([location]) => ending.test(location))
    assert.ok(found !== undefined, String(ending))
    return found
  }
  return { bench, objects, of }
}

test('a container file that lies about its counts, sizes or length is refused at once', async () => {
  const list = { type: 'record', name: 'r', fields: [{ name: 'a', type: { type: 'array', items: 'long' } }] }
  const map = { type: 'record', name: 'r', fields: [{ name: 'a', type: { type: 'map', values: 'long' } }] }
  const nothing = { type: 'record', name: 'r', fields: [] }
  const nulls = { type: 'array', items: 'null' }
  const empty = Buffer.alloc(0)
  const claims = (count: number): Buffer => Buffer.concat([LONG.toBuffer(count), Buffer.from([2])])
  const cases: Readonly<Record<string, Buffer>> = {
    'a list of more items than bytes': container(list, 'null', [{ count: 1, body: claims(200_000_000) }]),
    'a list of less than no items': container(list, 'null', [
      { count: 1, body: Buffer.concat([LONG.toBuffer(-200_000_000), LONG.toBuffer(1), Buffer.from([2])]) },
    ]),
    'a map of more entries than bytes': container(map, 'null', [{ count: 1, body: claims(200_000_000) }]),
    'more records than bytes': container(nothing, 'null', [{ count: 50_000_000, body: empty }]),
    'items that take no bytes': container(nulls, 'null', [{ count: 1, body: claims(30_000_000) }]),
    'less than no records': container('long', 'null', [{ count: -1, body: Buffer.from([2]) }]),
    // With a size of -18 the next block would begin where this one began.
    'a block that leads back to itself': container('long', 'null', [{ count: 0, body: Buffer.alloc(40), size: -18 }]),
    'a block beyond the end': container('long', 'null', [{ count: 1, body: Buffer.from([2]), size: 2 ** 40 }]),
    'a header of more members than bytes': Buffer.concat([Buffer.from('Obj\u0001', 'latin1'), claims(2 ** 40)]),
    'a codec that nobody knows': container('long', 'zip', [{ count: 1, body: Buffer.from([2]) }]),
    'a schema that is none': container({ type: 'nothing' }, 'null', [{ count: 1, body: Buffer.from([2]) }]),
    'a schema that contains itself': container(
      { type: 'record', name: 'r', fields: [{ name: 'a', type: 'r' }] },
      'null',
      [{ count: 1, body: Buffer.alloc(64) }],
    ),
    'a name that is code': container(
      { type: 'record', name: 'r', fields: [{ name: 'a; globalThis.broken = true //', type: 'long' }] },
      'null',
      [{ count: 1, body: Buffer.from([2]) }],
    ),
  }
  for (const [what, bytes] of Object.entries(cases))
    assert.equal(await reading(what, () => decodeAvro(bytes, what)), false, what)
  assert.ok(!('broken' in globalThis))
})

test('a manifest whose bounds are not as long as a day’s leaves its days unknown', () => {
  const row = (lower: Buffer, upper: Buffer): ManifestRow =>
    ({ partitions: [{ contains_null: false, lower_bound: lower, upper_bound: upper }] }) as unknown as ManifestRow
  const day = Buffer.from([1, 0, 0, 0])
  assert.deepEqual(daysOf(row(day, day)), { from: 1, to: 1 })
  for (const odd of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(8)]) {
    assert.equal(daysOf(row(odd, day)), undefined)
    assert.equal(daysOf(row(day, odd)), undefined)
  }
})

test('a file that unfolds without measure is refused before it has', async () => {
  const schema = { type: 'record', name: 'r', fields: [{ name: 'a', type: 'bytes' }] }
  const bomb = deflateRawSync(Buffer.alloc(600 * 1024 * 1024))
  await assert.rejects(decodeAvro(container(schema, 'deflate', [{ count: 1, body: bomb }]), 'a bomb'), (error) =>
    isLakeFault(error, 'table_unreadable'),
  )
})

test('records of any damaged file are read or refused, in moments', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const items = { type: 'array', items: { type: 'record', name: 'p', fields: [{ name: 'k', type: 'long' }] } }
  const fields = [
    { name: 'a', type: 'long' },
    { name: 'b', type: ['null', 'string', items] },
    { name: 'c', type: { type: 'map', values: 'bytes' } },
  ]
  const schema = JSON.stringify({ type: 'record', name: 'r', fields })
  const records = Array.from({ length: 40 }, (_, at) => ({
    a: at,
    b: at % 2 ? `text ${at}` : [{ k: at }, { k: -at }],
    c: { [`key ${at}`]: Buffer.from('x') },
  }))
  const whole = await encodeAvro(schema, records, {})
  // The same without compression: there a changed byte is a changed length, and no checksum says so.
  const type = avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, { wrapUnions: false })
  const body = Buffer.concat(records.map((record) => type.toBuffer(record)))
  const plain = container(JSON.parse(schema), 'null', [{ count: records.length, body }])
  const outcomes = { read: 0, refused: 0 }
  for (let index = 0; index < CASES; index += 1) {
    const bytes = damaged(index % 2 ? whole : plain, random)
    outcomes[(await reading(`case ${index}`, () => decodeAvro(bytes, 'x'))) ? 'read' : 'refused'] += 1
  }
  t.diagnostic(JSON.stringify(outcomes))
  assert.ok(outcomes.read > 0 && outcomes.refused > 0)
})

test('metadata of any damage is read or refused, and so is the table that it names', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const { bench, of } = await aTable(t)
  const [, whole] = of(/metadata\.json$/)
  const parsed = JSON.parse(whole.toString()) as Record<string, unknown>
  const strange = [null, true, 0, -1, 1.5, 1e300, '', 'x', [], {}, [null], [[]], { 'snapshot-id': 1 }, '__proto__']
  /** One member anywhere in the document replaced or taken out. */
  const changed = (): Buffer => {
    const copy = structuredClone(parsed)
    let at: Record<string, unknown> = copy
    for (let depth = random.between(0, 4); depth > 0; depth -= 1) {
      const inner = Object.values(at).filter((value) => typeof value === 'object' && value !== null)
      if (inner.length > 0) at = random.pick(inner) as Record<string, unknown>
    }
    const names = Object.keys(at)
    if (names.length > 0) {
      const name = random.pick(names)
      if (random.next() < 0.3) delete at[name]
      else at[name] = random.pick(strange)
    }
    return Buffer.from(JSON.stringify(copy))
  }
  let opened = 0
  for (let index = 0; index < CASES; index += 1) {
    const bytes = index % 3 === 0 ? damaged(whole, random) : changed()
    const location = `${bench.location}/metadata/fuzz-${index}.metadata.json`
    await bench.store.put(location, bytes)
    const isRead = await reading(`${location}: ${bytes.toString()}`, async () => {
      parseMetadata(bytes, location)
      await planScan(bench.store, await loadTable(bench.store, location))
    })
    if (isRead) opened += 1
  }
  t.diagnostic(`${opened} of ${CASES} could be read`)
  assert.ok(opened > 0 && opened < CASES)
})

test('manifests and lists of any damage are planned or refused', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const { bench, objects, of } = await aTable(t)
  const [metadata] = of(/metadata\.json$/)
  const avro = objects.filter(([location]) => location.endsWith('.avro'))
  assert.equal(avro.length, 2)
  let planned = 0
  for (let index = 0; index < CASES; index += 1) {
    const [broken, bytes] = random.pick(avro)
    // Every second one without compression, where a changed byte is a changed path, count or bound.
    const wrong = index % 2 ? damaged(bytes, random) : await unpacked(bytes, (body) => damaged(body, random))
    // A store of its own, so that nothing is remembered from the case before.
    const under = openObjectStore({ warehouse: bench.root })
    const store = { ...under, get: async (at: string) => (at === broken ? wrong : under.get(at)) }
    if (await reading(`case ${index}`, async () => planScan(store, await loadTable(store, metadata)))) planned += 1
  }
  t.diagnostic(`${planned} of ${CASES} could be planned`)
  assert.ok(planned < CASES)
})

test('Parquet footers of any damage are read or refused', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const root = await ownFolder(t)
  const path = join(root, 'a.parquet')
  {
    await using duck = await openDuckDb({ tempDir: root })
    const connection = await duck.connect()
    await connection.run(`COPY (SELECT i, 'text ' || i AS s FROM range(100) r(i)) TO '${path}' (FORMAT parquet)`)
    connection.closeSync()
  }
  const whole = await openObjectStore({ warehouse: root }).get(`file://${path}`)
  for (let index = 0; index < CASES / 3; index += 1) {
    // What is in front of the footer is not read here.
    const from = Math.max(4, whole.length - 1_000)
    const wrong = Buffer.concat([whole.subarray(0, from), damaged(whole.subarray(from), random)])
    await writeFile(join(root, 'wrong.parquet'), wrong)
    await reading(`case ${index}`, () => readFooter(join(root, 'wrong.parquet')))
  }
})
