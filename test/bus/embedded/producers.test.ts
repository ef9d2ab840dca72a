import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  forgetOldProducers,
  judgeSequence,
  rememberBatch,
  type ProducerState,
} from '../../../src/bus/embedded/producers.ts'
import type { BatchHead } from '../../../src/bus/records/batch.ts'
import { CODE } from '../../../src/bus/wire/codes.ts'

const head = (baseSequence: number, count = 1, producerEpoch = 0, producerId = 1): BatchHead => ({
  baseOffset: 0,
  bytes: 100,
  leaderEpoch: 0,
  magic: 2,
  attributes: 0,
  lastOffsetDelta: count - 1,
  baseTimestamp: 0,
  maxTimestamp: 0,
  producerId,
  producerEpoch,
  baseSequence,
  count,
})

test('sequences go on without a gap; what was sent before is a duplicate with its offset', () => {
  const producers = new Map<number, ProducerState>()
  const judge = (each: BatchHead) => judgeSequence(producers.get(1), each)
  assert.equal(judge(head(-1, 1, -1, -1)).kind, 'append', 'not idempotent')
  let offset = 0
  for (let sequence = 0; sequence < 30; sequence += 3) {
    assert.equal(judge(head(sequence, 3)).kind, 'append')
    rememberBatch(producers, head(sequence, 3), offset)
    offset += 3
  }
  assert.deepEqual(judge(head(27, 3)), { kind: 'duplicate', baseOffset: 27 })
  assert.deepEqual(judge(head(15, 3)), { kind: 'duplicate', baseOffset: 15 })
  for (const wrong of [head(31), head(12, 3), head(27, 2)]) {
    const verdict = judge(wrong)
    assert.equal(verdict.kind === 'refuse' && verdict.code, CODE.outOfOrderSequenceNumber)
  }
})

test('an older epoch is fenced, a newer one begins at zero', () => {
  const producers = new Map<number, ProducerState>()
  rememberBatch(producers, head(0, 1, 5), 0)
  const old = judgeSequence(producers.get(1), head(1, 1, 4))
  assert.equal(old.kind === 'refuse' && old.code, CODE.invalidProducerEpoch)
  assert.equal(judgeSequence(producers.get(1), head(7, 1, 6)).kind, 'refuse')
  assert.equal(judgeSequence(producers.get(1), head(0, 1, 6)).kind, 'append')
})

test('sequences wrap after 2^31 - 1', () => {
  const producers = new Map<number, ProducerState>()
  rememberBatch(producers, head(2 ** 31 - 2, 2), 0)
  assert.equal(judgeSequence(producers.get(1), head(0)).kind, 'append')
})

test('a batch that was not written is forgotten again, and old producers go first', () => {
  const producers = new Map<number, ProducerState>()
  const undo = rememberBatch(producers, head(0), 0)
  undo()
  assert.equal(producers.size, 0)
  for (let id = 0; id < 1500; id += 1) rememberBatch(producers, head(0, 1, 0, id), 0)
  rememberBatch(producers, head(1, 1, 0, 3), 1)
  forgetOldProducers(producers)
  assert.equal(producers.size, 1000)
  assert.ok(producers.has(3) && producers.has(1499) && !producers.has(4))
})
