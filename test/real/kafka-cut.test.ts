import assert from 'node:assert/strict'
import { readFile, truncate } from 'node:fs/promises'
import { after, test } from 'node:test'
import { openBus, type FetchAnswer } from '../../src/bus/index.ts'
import { batchBytes } from '../../src/bus/records/batch.ts'
import { from, newTopic, record } from '../bus/contract.ts'
import { withKafkaCluster } from '../kit/kafka-cluster.ts'
import { until } from '../kit/until.ts'

/** A power cut at a broker that acknowledges before its disk does: the end of a log is gone, and its offsets are given out again. */

const kafka = await withKafkaCluster({ after })

test('a log that lost its end and grew past it again is noticed by its epochs: what lies between is not taken for read', async (t) => {
  const bus = openBus({ brokers: kafka.brokers, clientId: 'cut', publishTimeoutMs: 20_000 })
  t.after(() => bus[Symbol.asyncDispose]())
  const topic = await newTopic(bus)
  const publisher = bus.publisher()
  const publish = async (first: number): Promise<void> => {
    // A batch each, so that the log can be cut between any two.
    for (let n = first; n < first + 40; n += 1)
      assert.deepEqual(await publisher.publish([record(topic.name, String(n))]), [null])
  }
  const reader = bus.reader()
  const poll = (offset: number, epoch?: number): Promise<FetchAnswer> =>
    until(
      'an answer',
      async () => {
        const answer = await reader.fetch([{ ...from(topic, offset), epoch }], { maxBytes: 1e6, maxWaitMs: 500 })
        return answer.partitions.length + answer.problems.length > 0 && answer
      },
      30_000,
    )

  await publish(0)
  const read = (await poll(0)).partitions[0]
  assert.equal(read?.nextOffset, 40)
  assert.ok(read.epoch >= 0)

  await kafka.kill(0)
  const file = kafka.logFile(0, topic.name, 0)
  const log = await readFile(file)
  let end = 0
  for (let batch = 0; batch < 25; batch += 1) end += batchBytes(log, end) ?? 0
  await truncate(file, end)
  await kafka.start(0)
  await publish(100)

  const { partitions, problems } = await poll(read.nextOffset, read.epoch)
  assert.deepEqual(partitions, [])
  assert.equal(problems[0]?.code, 'cut_back')
  assert.equal(problems[0].divergesAt, 25)
  const again = (await poll(25, read.epoch)).partitions[0]
  assert.equal(String(again?.records[0]?.value), '100', 'below it the log is what it was')
  assert.ok((again?.epoch ?? 0) > read.epoch, 'and what came later has another epoch')
})
