import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { crc32c } from '@platformatic/kafka'
import fc from 'fast-check'
import { placeBatch } from '../../../src/bus/records/batch.ts'
import { decodeBatches } from '../../../src/bus/records/decode.ts'
import { batchOf } from '../embedded/engine-kit.ts'
import { anySeed } from '../../kit/seed.ts'

const SEED = anySeed()

interface Marks {
  readonly attributes?: number
  readonly producerId?: number
}

/** A batch at its place, with attributes as a transactional producer or a coordinator sets them. */
function placed(values: readonly string[], offset: number, { attributes = 0, producerId = -1 }: Marks = {}): Buffer {
  const batch = batchOf(values)
  placeBatch(batch, 0, offset)
  batch.writeInt16BE(attributes, 21)
  batch.writeBigInt64BE(BigInt(producerId), 43)
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17)
  return batch
}

const valuesOf = (bytes: Buffer, from = 0, aborted: { producerId: number; firstOffset: number }[] = []) => {
  const { records, nextOffset, fault } = decodeBatches(bytes, from, aborted)
  return { values: records.map((each) => String(each.value)), nextOffset, fault }
}

test('a batch cut off at the end is left for the next fetch', () => {
  const whole = Buffer.concat([placed(['a', 'b'], 0), placed(['c'], 2)])
  for (let length = 0; length < whole.length; length += 1) {
    const first = placed(['a', 'b'], 0).length
    const expected = length < first ? { values: [], nextOffset: 0 } : { values: ['a', 'b'], nextOffset: 2 }
    assert.deepEqual(valuesOf(whole.subarray(0, length)), { ...expected, fault: undefined })
  }
})

test('control batches are passed over, and records of aborted transactions are left out', () => {
  const TRANSACTIONAL = 0x10
  const CONTROL = 0x30
  const bytes = Buffer.concat([
    placed(['aborted'], 0, { attributes: TRANSACTIONAL, producerId: 7 }),
    placed(['plain'], 1),
    placed(['committed'], 2, { attributes: TRANSACTIONAL, producerId: 8 }),
    placed(['marker'], 3, { attributes: CONTROL, producerId: 7 }),
    placed(['kept'], 4, { attributes: TRANSACTIONAL, producerId: 7 }),
    placed(['marker'], 5, { attributes: CONTROL, producerId: 8 }),
  ])
  const aborted = [{ producerId: 7, firstOffset: 0 }]
  assert.deepEqual(valuesOf(bytes, 0, aborted), {
    values: ['plain', 'committed', 'kept'],
    nextOffset: 6,
    fault: undefined,
  })
})

test('what came before a damaged batch is answered, and the damage is named', () => {
  const damaged = placed(['b'], 1)
  damaged[66] = (damaged[66] as number) ^ 4
  const { values, nextOffset, fault } = valuesOf(Buffer.concat([placed(['a'], 0), damaged, placed(['c'], 2)]))
  assert.deepEqual({ values, nextOffset }, { values: ['a'], nextOffset: 1 })
  assert.match(fault ?? '', /offset 1 fails its checksum/)
})

test('any bytes decode to records or a fault, never to an exception or an endless loop', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (noise, at) => {
      const bytes = Buffer.concat([placed(['value one', 'value two'], 5), Buffer.from(noise)])
      // Damage that the checksum does not show: a producer that lies.
      noise.forEach((byte, index) => index < 4 && (bytes[61 + ((at + index) % 30)] = byte))
      bytes.writeUInt32BE(crc32c(bytes.subarray(21, 12 + bytes.readInt32BE(8))), 17)
      const { records } = decodeBatches(bytes, 0)
      for (const each of records) assert.ok(Number.isSafeInteger(each.offset))
    }),
    { seed: SEED, numRuns: 500 },
  )
})
