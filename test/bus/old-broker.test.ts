import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openAdmin } from '../../src/bus/admin.ts'
import { openLinks, type Link, type Links, type Message } from '../../src/bus/links.ts'
import { startEmbeddedBus } from '../../src/bus/index.ts'
import { openPublisher } from '../../src/bus/publisher.ts'
import { openReader } from '../../src/bus/reader.ts'
import { idOfName, openTopology } from '../../src/bus/topology.ts'
import { API } from '../../src/bus/wire/codes.ts'
import { from, newName, readAll, record } from './contract.ts'
import { ownFolder } from '../kit/folder.ts'

/** The last versions before topic ids, and the last that are not flexible: what brokers of 2019 speak. */
const OLD: Readonly<Record<number, number>> = {
  [API.produce]: 7,
  [API.fetch]: 11,
  [API.listOffsets]: 5,
  [API.metadata]: 8,
  [API.createTopics]: 4,
  [API.deleteTopics]: 3,
  [API.deleteRecords]: 1,
}

function oldLinks(links: Links): Links {
  const older = <T>(message: Message<T>): Message<T> => ({
    ...message,
    most: Math.min(message.most, OLD[message.key] ?? 0),
  })
  const linked = new WeakMap<Link, Link>()
  return {
    get closed() {
      return links.closed
    },
    async to(address, lane) {
      const link = await links.to(address, lane)
      let old = linked.get(link)
      if (old === undefined) {
        old = { versionOf: (message) => link.versionOf(older(message)), send: (message) => link.send(older(message)) }
        linked.set(link, old)
      }
      return old
    },
    [Symbol.asyncDispose]: () => links[Symbol.asyncDispose](),
  }
}

test('a broker without topic ids is served by names: everything works, and an id stands for the name', async (t) => {
  const dataDir = await ownFolder(t)
  await using server = await startEmbeddedBus({ dataDir, host: '127.0.0.1', port: 0, maxBytes: 1e9 })
  const settings = { brokers: [`127.0.0.1:${server.port}`], clientId: 'old', publishTimeoutMs: 3000 }
  await using links = oldLinks(openLinks(settings, 10_000, 5))
  const nowMs = (): number => performance.now()
  const topology = openTopology(settings, links, 'metadata')
  const admin = openAdmin({ settings, links, topology, nowMs })
  await using publisher = openPublisher({ timeoutMs: 3000, links, topology, nowMs, wallMs: Date.now })
  const reader = openReader({ links, topology, lane: 'fetch', nowMs })
  const name = newName()
  const [topic] = await admin.ensureTopics([{ name, partitions: 2 }])
  assert.ok(topic !== undefined)
  assert.deepEqual(topic, { name, topicId: idOfName(name), partitions: 2 })
  const records = ['a', 'b', 'c'].map((value) => record(name, value, { partition: 1 }))
  assert.deepEqual(
    await publisher.publish([...records, record(newName(), 'x')]).then((all) => all.map((one) => one?.code)),
    [undefined, undefined, undefined, 'unknown_topic'],
  )
  assert.deepEqual(await readAll(reader, [from(topic, 0, 1), from(topic, 0, 0)], 3), ['a', 'b', 'c'])
  await admin.deleteRecords([{ topic: name, partition: 1, beforeOffset: 2 }])
  assert.deepEqual(await admin.offsets([{ topic: name, partition: 1 }]), [
    { topicId: topic.topicId, topic: name, partition: 1, earliest: 2, latest: 3 },
  ])
  const below = await reader.fetch([from(topic, 0, 1)], { maxBytes: 1000, maxWaitMs: 1000 })
  assert.equal(below.problems[0]?.code, 'offset_out_of_range')
  await admin.deleteTopics([name])
  assert.deepEqual(await admin.describeTopics([name]), [])
})
