import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { murmur2 as theirs } from '@platformatic/kafka'
import fc from 'fast-check'
import { murmur2, partitionOf } from '../../../src/bus/records/partition.ts'

test('murmur2 is Kafka’s: known values, and equal to another implementation for any key', () => {
  // From org.apache.kafka.common.utils.UtilsTest.
  const known: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ]
  for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (key) => murmur2(Buffer.from(key)) === theirs(Buffer.from(key))),
  )
})

test('a key has one partition below the count', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 1, max: 10_000 }), (key, count) => {
      const partition = partitionOf(Buffer.from(key), count)
      return Number.isInteger(partition) && partition >= 0 && partition < count
    }),
  )
})
