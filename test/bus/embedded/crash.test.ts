import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { openBus, startEmbeddedBus, type TopicInfo } from '../../../src/bus/index.ts'
import { chance } from '../../kit/seed.ts'
import { until } from '../../kit/until.ts'
import { from, readAll, record } from '../contract.ts'
import { withBusProcess } from '../process.ts'

const ROUNDS = Number(process.env['TEST_BUS_KILLS'] ?? 4)

test('whatever was acknowledged is there after kill -9 at any moment, segments changing under it', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const server = await withBusProcess(t, { segmentBytes: 200_000 })
  await using bus = openBus({ brokers: [server.broker], clientId: 'crash', publishTimeoutMs: 20_000 })
  const topics = await bus.admin.ensureTopics(
    [0, 1, 2].map((index) => ({ name: `pulse.${index}.events.raw`, partitions: 1 })),
  )
  const publisher = bus.publisher()
  const acknowledged = new Set<string>()
  let stop = false
  let sent = 0
  const work = Array.from({ length: 6 }, async () => {
    while (!stop) {
      const values = Array.from({ length: random.between(1, 40) }, () => `${(sent += 1)} ${'x'.repeat(200)}`)
      const verdicts = await publisher.publish(
        values.map((value) => record((topics[sent % 3] as TopicInfo).name, value)),
      )
      values.forEach((value, index) => verdicts[index] === null && acknowledged.add(value))
    }
  })
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = acknowledged.size
    await until('some records are acknowledged', () => acknowledged.size > before + 200)
    await new Promise((settle) => setTimeout(settle, random.between(0, 60)))
    await server.restart()
  }
  stop = true
  await Promise.all(work)
  const offsets = await bus.admin.offsets(topics.map(({ name }) => ({ topic: name, partition: 0 })))
  const total = offsets.reduce((sum, { latest }) => sum + latest, 0)
  const found = new Set(
    await readAll(
      bus.reader(),
      topics.map((topic) => from(topic)),
      total,
    ),
  )
  const missing = [...acknowledged].filter((value) => !found.has(value))
  assert.deepEqual(missing, [], `of ${acknowledged.size} acknowledged`)
  assert.ok(acknowledged.size > 200 * ROUNDS)
  assert.ok((await readdir(server.dataDir)).length > 2, 'several segments were written')
})

test('two buses on one folder: the second is refused with a sentence, and a lock of the dead is none', async (t) => {
  const server = await withBusProcess(t)
  const second = startEmbeddedBus({ dataDir: server.dataDir, host: '127.0.0.1', port: 0, maxBytes: 1e9 })
  await assert.rejects(second, { name: 'FolderLocked', message: /Stop it first, or set PULSE_DATA_DIR/ })
  await server.kill()
  await using third = await startEmbeddedBus({ dataDir: server.dataDir, host: '127.0.0.1', port: 0, maxBytes: 1e9 })
  assert.ok(third.port > 0)
  const taken = startEmbeddedBus({
    dataDir: `${server.dataDir}/other`,
    host: '127.0.0.1',
    port: third.port,
    maxBytes: 1e9,
  })
  await assert.rejects(taken, { name: 'BusStartRefused', message: /port is taken. Set PULSE_BUS_PORT/ })
})

test('a bus waits for another that is about to end, as after a kill -9 of the supervisor', async (t) => {
  const server = await withBusProcess(t)
  const second = startEmbeddedBus({ dataDir: server.dataDir, host: '127.0.0.1', port: 0, maxBytes: 1e9 })
  await Promise.all([
    second,
    new Promise((settle) => setTimeout(settle, 300)).then(() => server.kill()), // while the second waits
  ])
  await using started = await second
  assert.ok(started.port > 0)
})
