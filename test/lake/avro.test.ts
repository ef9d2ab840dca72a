import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import { decodeAvro, encodeAvro } from '../../src/lake/avro.ts'
import { isLakeFault } from '../../src/lake/index.ts'

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'r',
  fields: [
    { name: 'a', type: 'long', 'field-id': 7 },
    { name: 'b', type: ['null', 'string'], default: null, 'field-id': 8 },
  ],
})

test('records come back, and the header keeps the schema’s attributes and the metadata', async () => {
  const records = Array.from({ length: 1300 }, (_, a) => ({ a, b: a % 2 ? null : `text ${a}` }))
  const bytes = await encodeAvro(SCHEMA, records, { content: 'data', 'format-version': '2' })
  const file = await decodeAvro<{ a: number; b: string | null }>(bytes, 'x')
  assert.deepEqual(
    file.records.map((record) => ({ ...record })),
    records,
  )
  assert.equal(file.metadata['avro.schema'], SCHEMA)
  assert.equal(file.metadata['content'], 'data')
  assert.equal(file.metadata['format-version'], '2')
  assert.equal(file.metadata['avro.codec'], 'deflate')
})

test('the same records give the same bytes', async () => {
  const one = await encodeAvro(SCHEMA, [{ a: 1, b: null }], {})
  assert.deepEqual(await encodeAvro(SCHEMA, [{ a: 1, b: null }], {}), one)
})

test('integers beyond 2^53 are exact in both directions, beside small ones', async () => {
  const records = [
    { a: 1, b: null },
    { a: 4_994_405_859_821_726_593n, b: 'x' },
    { a: -5, b: null },
  ]
  const file = await decodeAvro(await encodeAvro(SCHEMA, records, {}), 'x')
  assert.deepEqual(
    file.records.map((record) => ({ ...(record as object) })),
    records,
  )
})

test('a file without compression, as others write it, is read', async () => {
  const { promise, resolve } = Promise.withResolvers<Buffer>()
  const encoder = new avsc.streams.BlockEncoder(JSON.parse(SCHEMA), { codec: 'null' })
  const parts: Buffer[] = []
  encoder.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve(Buffer.concat(parts)))
  encoder.write({ a: 3, b: null })
  encoder.end()
  const file = await decodeAvro(await promise, 'x')
  assert.deepEqual({ ...(file.records[0] as object) }, { a: 3, b: null })
})

test('a damaged file is unreadable, not half read', async () => {
  const good = await encodeAvro(SCHEMA, [{ a: 1, b: 'x' }], {})
  const cut = good.slice(0, -3)
  const flipped = Uint8Array.from(good)
  flipped[good.length - 20] = (flipped[good.length - 20] ?? 0) ^ 0xff
  for (const bytes of [cut, flipped, Buffer.from('Obj'), Buffer.alloc(0), Buffer.from('PAR1 and more')]) {
    await assert.rejects(decodeAvro(bytes, 'the file'), (error: unknown) => {
      assert.ok(isLakeFault(error, 'table_unreadable'))
      return /the file/.test(error.message)
    })
  }
})
