import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { adoptPartitions } from '../../src/upkeep/partitions.ts'
import { openGround } from '../kit/ground.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'

test('partitions that somebody adds to a topic are read from their first record on, and no other topic is touched', async (t) => {
  const { store, admin, tenant, partition, worker } = await openGround(t)
  const [grown, same, anew] = [
    await partition(await tenant(), 2),
    await partition(await tenant(), 2),
    await partition(await tenant()),
  ]
  const partitions = new Map([
    [grown.topic, { topicId: grown.topicId, partitions: 4 }],
    [same.topic, { topicId: same.topicId, partitions: 2 }],
    [anew.topic, { topicId: randomUUID(), partitions: 9 }],
  ])
  const bus = {
    admin: {
      ...openMemoryBus().admin,
      describeTopics: async (names: readonly string[]) =>
        names.flatMap((name) => {
          const found = partitions.get(name)
          return found === undefined ? [] : [{ name, ...found }]
        }),
    },
  }
  assert.equal(await adoptPartitions(store, bus), 2)
  assert.equal(await adoptPartitions(store, bus), 0)
  const rows = await admin.query(
    'SELECT topic, partition, next_offset::int AS next FROM source_partitions WHERE topic = $1 ORDER BY 2',
    [grown.topic],
  )
  assert.deepEqual(
    rows,
    [0, 1, 2, 3].map((at) => ({ topic: grown.topic, partition: at, next: 0 })),
  )
  assert.equal((await worker()).owned.length, 7)
  await admin.query('UPDATE source_partitions SET retired_at = now() WHERE topic = $1', [grown.topic])
  partitions.set(grown.topic, { topicId: grown.topicId, partitions: 5 })
  assert.equal(await adoptPartitions(store, bus), 0, 'a source that is retired stays so')
})
