import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retain } from '../../../src/bus/embedded/retention.ts'
import { append, batchOf, engineOn, makeTopic, valuesOf } from './engine-kit.ts'
import { memoryFiles } from './memory-files.ts'

test('only topics that ask for it lose old records, whole batches and oldest first', async () => {
  const engine = await engineOn(memoryFiles())
  const kept = await makeTopic(engine, 'raw')
  const timed = await makeTopic(engine, 'dlq', 1, { 'retention.ms': '1000' })
  for (const time of [1000, 2000, 3000]) {
    for (const topic of [kept, timed]) await append(engine, [[topic.partitions[0], batchOf([`at ${time}`], time)]])
  }
  assert.equal(await retain(engine, 3500), 1)
  assert.deepEqual(await valuesOf(engine, 'dlq'), ['at 3000'])
  assert.deepEqual(await valuesOf(engine, 'raw'), ['at 1000', 'at 2000', 'at 3000'])
  assert.equal(await retain(engine, 3500), 0)
})
