import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { test } from 'node:test'
import { CODE } from '../../../src/bus/wire/codes.ts'
import { append, batchOf, engineOn, makeTopic, valuesOf } from './engine-kit.ts'
import { memoryFiles } from './memory-files.ts'

test('each part of a request has its own verdict, and a bad one harms no other', async () => {
  const engine = await engineOn(memoryFiles())
  const topic = await makeTopic(engine, 't', 2, { 'max.message.bytes': '5000' })
  const good = batchOf(['good'])
  const flipped = Buffer.from(good)
  flipped[70] = (flipped[70] as number) ^ 1
  const old = Buffer.from(good)
  old[16] = 1
  const control = Buffer.from(good)
  control[22] = 0x20
  const [one, two] = topic.partitions
  const verdicts = await append(engine, [
    [one, good],
    [undefined, good],
    [one, flipped],
    [one, old],
    [one, Buffer.concat([good, good])],
    [one, good.subarray(0, 30)],
    [one, batchOf(['x'.repeat(6000)])],
    [two, good],
    [one, control],
  ])
  assert.deepEqual(
    verdicts.map(({ code }) => code),
    [
      CODE.none,
      CODE.unknownTopicOrPartition,
      CODE.corruptMessage,
      CODE.unsupportedForMessageFormat,
      CODE.invalidRecord,
      CODE.invalidRecord,
      CODE.messageTooLarge,
      CODE.none,
      CODE.corruptMessage,
    ],
  )
  assert.deepEqual(await valuesOf(engine, 't', 0), ['good'])
  assert.deepEqual(await valuesOf(engine, 't', 1), ['good'])
})

test('two batches for one partition in one group follow each other', async () => {
  const engine = await engineOn(memoryFiles())
  const topic = await makeTopic(engine, 't')
  const [partition] = topic.partitions
  const verdicts = await append(engine, [
    [partition, batchOf(['a', 'b', 'c'])],
    [partition, batchOf(['d'])],
  ])
  assert.deepEqual(
    verdicts.map(({ baseOffset }) => baseOffset),
    [0, 3],
  )
  assert.deepEqual(await valuesOf(engine, 't'), ['a', 'b', 'c', 'd'])
})

test('an append to a topic that was deleted meanwhile is refused or gone, never readable', async () => {
  const engine = await engineOn(memoryFiles())
  const topic = await makeTopic(engine, 't')
  const [, [verdict]] = await Promise.all([
    engine.deleteTopic(topic),
    append(engine, [[topic.partitions[0], batchOf(['x'])]]),
  ])
  assert.ok(verdict !== undefined)
  assert.equal(engine.state.liveBytes, 0)
  const later = await append(engine, [[topic.partitions[0], batchOf(['y'])]])
  assert.equal(later[0]?.code, CODE.unknownTopicOrPartition)
})
