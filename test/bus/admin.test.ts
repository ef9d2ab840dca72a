import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBus } from '../../src/bus/index.ts'
import { openAdmin } from '../../src/bus/admin.ts'
import { freePort } from '../../src/store/index.ts'
import { fakeLinks, fakeTopology, type FakeBroker } from './fake-cluster.ts'

const topics = [{ name: 'pulse.t.raw', partitions: 1, configs: {} }]

test('an admin call that reaches no broker ends with the publish timeout', async () => {
  const brokers = [`127.0.0.1:${await freePort()}`]
  await using bus = openBus({ brokers, clientId: 'nobody', publishTimeoutMs: 300 })
  const beganAt = performance.now()
  await assert.rejects(bus.admin.ensureTopics(topics), { name: 'BusUnreachable' })
  const tookMs = performance.now() - beganAt
  assert.ok(tookMs < 10_000, `it waited ${tookMs} ms, as if somebody were there`)
})

test('an admin call that is under way ends when the client is closed', async () => {
  const brokers = [`127.0.0.1:${await freePort()}`]
  const bus = openBus({ brokers, clientId: 'nobody', publishTimeoutMs: 600_000 })
  const refused = assert.rejects(bus.admin.ensureTopics(topics), /did not succeed/)
  const beganAt = performance.now()
  await bus[Symbol.asyncDispose]()
  await refused
  const tookMs = performance.now() - beganAt
  assert.ok(tookMs < 10_000, `it went on for ${tookMs} ms`)
})

test('a leader that is away, hangs or is not there hides nothing of the others, and where none answers that is said', async () => {
  /** ListOffsets: 7 of every partition that is asked about. */
  const answers: FakeBroker = (_key, body, out) => {
    body.int32()
    body.int8()
    const asked = body.partitions((topic, partition) => {
      body.int32()
      body.int64()
      return { topic, partition }
    })
    out.int32(0).structs(asked, ({ topic, partition }) => {
      out.string(topic).structs([partition], () => out.int32(partition).int16(0).int64(-1).int64(7).int32(0))
    })
    out.tags()
  }
  const links = fakeLinks({ 'a:1': answers, 'b:2': answers, 'c:3': () => new Promise(() => {}) })
  const leaders = ['a:1', 'b:2', 'c:3', undefined]
  const topology = fakeTopology(new Map([['t', { name: 't', topicId: 'id', leaders }]]))
  const settings = { brokers: ['a:1'], clientId: 'test', publishTimeoutMs: 500 }
  const admin = openAdmin({ settings, links, topology, nowMs: () => performance.now() })
  links.down.add('b:2')
  const all = [0, 1, 2, 3].map((partition) => ({ topic: 't', partition }))
  assert.deepEqual(await admin.offsets(all), [{ topicId: 'id', topic: 't', partition: 0, earliest: 7, latest: 7 }])
  links.down.delete('b:2')
  const answered = await admin.offsets(all)
  assert.deepEqual(
    answered.map(({ partition }) => partition),
    [0, 1],
  )
  links.down.add('a:1').add('b:2')
  await assert.rejects(admin.offsets(all), { name: 'BusUnreachable' })
})
