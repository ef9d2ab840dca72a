import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { createRecordsBatch, readRecordsBatch, Reader } from '@platformatic/kafka'
import fc from 'fast-check'
import { decodeBatches } from '../../../src/bus/records/decode.ts'
import { encodeBatch, recordBound } from '../../../src/bus/records/encode.ts'
import { anySeed } from '../../kit/seed.ts'

const SEED = anySeed()
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each))
const records = fc.array(
  fc.record({
    topic: fc.constant('t'),
    key: bytes(100),
    value: bytes(3000),
    headers: fc.array(fc.tuple(bytes(70), bytes(200)), { maxLength: 5 }).map((entries) => ({ entries })),
  }),
  { minLength: 1, maxLength: 130 },
)

test('what is encoded here, another implementation reads: every key, value, header and time', () => {
  fc.assert(
    fc.property(records, fc.nat(2 ** 42), (sent, time) => {
      const batch = encodeBatch(sent, time)
      const read = readRecordsBatch(Reader.from(batch))
      assert.equal(read.records.length, sent.length)
      assert.equal(Number(read.firstTimestamp), time)
      assert.equal(read.lastOffsetDelta, sent.length - 1)
      read.records.forEach((each, index) => {
        assert.equal(each.offsetDelta, index)
        assert.ok(each.key?.equals(sent[index]?.key as Buffer))
        assert.ok(each.value?.equals(sent[index]?.value as Buffer))
        assert.deepEqual(each.headers, sent[index]?.headers.entries)
      })
      assert.ok(batch.length <= 61 + sent.reduce((sum, each) => sum + recordBound(each), 0))
    }),
    { seed: SEED, numRuns: 60 },
  )
})

test('what is encoded here or by another implementation is decoded here, from any offset on', () => {
  fc.assert(
    fc.property(records, fc.nat(2 ** 42), fc.double({ min: 0, max: 1, noNaN: true }), (sent, time, share) => {
      const theirs = createRecordsBatch(
        sent.map((each) => ({
          topic: each.topic,
          key: each.key,
          value: each.value,
          timestamp: BigInt(time),
          headers: new Map(each.headers.entries),
        })),
        {},
      ).buffer
      const offset = Math.floor(share * sent.length)
      for (const batch of [encodeBatch(sent, time), theirs]) {
        const { records: found, nextOffset, fault } = decodeBatches(batch, offset)
        assert.equal(fault, undefined)
        assert.equal(nextOffset, sent.length)
        assert.deepEqual(
          found.map((each) => each.offset),
          Array.from({ length: sent.length - offset }, (_, at) => at + offset),
        )
        found.forEach((each) => {
          assert.equal(each.timestampMs, time)
          assert.ok(each.value?.equals(sent[each.offset]?.value as Buffer))
          assert.ok(each.key?.equals(sent[each.offset]?.key as Buffer))
          assert.deepEqual(each.headers, sent[each.offset]?.headers.entries)
        })
      }
    }),
    { seed: SEED, numRuns: 60 },
  )
})
