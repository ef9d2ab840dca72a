import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchIndex, type BatchEntry } from '../../../src/bus/embedded/batch-index.ts'

const entry = (baseOffset: number, count: number, segment = 1): BatchEntry => ({
  baseOffset,
  lastOffset: baseOffset + count - 1,
  segment,
  position: baseOffset * 10,
  bytes: count * 100,
  maxTimestamp: 1e12 + baseOffset,
})

test('any batches pushed and dropped are found by every offset that they hold', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ count: fc.integer({ min: 1, max: 9 }), drop: fc.boolean() }), { maxLength: 100 }),
      (steps) => {
        const index = new BatchIndex()
        const model: BatchEntry[] = []
        let next = 0
        for (const { count, drop } of steps) {
          index.push(entry(next, count))
          model.push(entry(next, count))
          next += count
          if (drop) {
            index.dropFirst()
            model.shift()
          }
        }
        assert.deepEqual(
          Array.from({ length: index.length }, (_, at) => index.entry(at)),
          model,
        )
        for (let offset = 0; offset <= next; offset += 1) {
          const expected = model.findIndex((each) => each.lastOffset >= offset)
          assert.equal(index.find(offset), expected === -1 ? model.length : expected)
        }
      },
    ),
  )
})

test('entries that came in any order are put in order, and of two copies the later one counts', () => {
  const index = new BatchIndex()
  index.rebuild([entry(5, 2, 1), entry(9, 1, 2), entry(0, 5, 3), entry(5, 2, 4)])
  assert.deepEqual(
    Array.from({ length: 3 }, (_, at) => [index.baseOffset(at), index.segment(at)]),
    [
      [0, 3],
      [5, 4],
      [9, 2],
    ],
  )
})
