import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { WireFault, WireReader } from '../../../src/bus/wire/reader.ts'
import { WireWriter } from '../../../src/bus/wire/writer.ts'
import { anySeed } from '../../kit/seed.ts'

const SEED = anySeed()

test('whatever is written is read back, compact or not, however long', () => {
  const message = fc.record({
    flags: fc.boolean(),
    small: fc.integer({ min: -128, max: 127 }),
    short: fc.integer({ min: -32_768, max: 32_767 }),
    int: fc.integer(),
    long: fc.maxSafeInteger(),
    id: fc.uuid(),
    text: fc.option(fc.string({ unit: 'grapheme', maxLength: 300 })),
    items: fc.array(fc.record({ name: fc.string(), part: fc.integer() }), { maxLength: 200 }),
    pieces: fc.array(fc.uint8Array({ maxLength: 9000 }), { maxLength: 4 }),
  })
  fc.assert(
    fc.property(message, fc.boolean(), (sent, flexible) => {
      const out = new WireWriter(flexible, 8)
      out
        .bool(sent.flags)
        .int8(sent.small)
        .int16(sent.short)
        .int32(sent.int)
        .int64(sent.long)
        .uuid(sent.id)
        .string(sent.text)
      out.structs(sent.items, (item) => out.string(item.name).int32(item.part))
      out.values(sent.items, (item) => out.int32(item.part))
      out
        .structs(null, () => undefined)
        .pieces(sent.pieces.map((piece) => Buffer.from(piece)))
        .tags()
      const length = out.length
      const bytes = Buffer.concat(out.parts())
      assert.equal(bytes.length, length)
      const body = new WireReader(bytes, flexible)
      assert.deepEqual(
        {
          flags: body.bool(),
          small: body.int8(),
          short: body.int16(),
          int: body.int32(),
          long: body.int64(),
          id: body.uuid(),
          text: body.stringOrNull(),
          items: body.structs(() => ({ name: body.string(), part: body.int32() })),
          parts: body.values(() => body.int32()),
          none: body.structsOrNull(() => undefined),
          bytes: body.bytesOrNull()?.toString('hex'),
        },
        {
          flags: sent.flags,
          small: sent.small,
          short: sent.short,
          int: sent.int,
          long: sent.long,
          id: sent.id,
          text: sent.text,
          items: sent.items.map((item) => ({ ...item })),
          parts: sent.items.map((item) => item.part),
          none: null,
          bytes: Buffer.concat(sent.pieces).toString('hex'),
        },
      )
      body.tags()
      assert.equal(body.remaining, 0)
    }),
    { seed: SEED, numRuns: 100 },
  )
})

test('a message that lies about lengths is a WireFault, and allocates nothing', () => {
  const lies: ((body: WireReader) => unknown)[] = [
    (body) => body.string(),
    (body) => body.bytesOrNull(),
    (body) => body.structs(() => body.int32()),
    (body) => body.int64(),
  ]
  for (const flexible of [true, false]) {
    for (const read of lies) {
      const body = new WireReader(Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x7f]), flexible)
      assert.throws(() => read(body), WireFault)
    }
  }
  assert.throws(() => new WireReader(Buffer.from('7fffffffffffffff', 'hex'), false).int64(), /2\^53/)
})
