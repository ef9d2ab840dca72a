import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openBus, startEmbeddedBus } from '../../../src/bus/index.ts'
import { APIS } from '../../../src/bus/embedded/apis/table.ts'
import { API } from '../../../src/bus/wire/codes.ts'
import { WireReader } from '../../../src/bus/wire/reader.ts'
import { WireWriter } from '../../../src/bus/wire/writer.ts'
import { chance } from '../../kit/seed.ts'
import { until } from '../../kit/until.ts'
import { newTopic, record } from '../contract.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'pulse-bus-'))
const defects: string[] = []
const server = await startEmbeddedBus({
  dataDir,
  host: '127.0.0.1',
  port: 0,
  maxBytes: 1e9,
  onEvent: ({ kind, detail }) => void (kind === 'defect' && defects.push(detail)),
})
after(async () => {
  await server.close()
  await rm(dataDir, { recursive: true, force: true })
})

interface Raw {
  readonly socket: Socket
  /** Correlation ids of the answers so far, in order. */
  readonly answers: { id: number; body: Buffer }[]
  closed: boolean
}

async function rawConnection(): Promise<Raw> {
  const socket = connect(server.port, '127.0.0.1')
  const raw: Raw = { socket, answers: [], closed: false }
  let held = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
      const end = 4 + held.readInt32BE(0)
      raw.answers.push({ id: held.readInt32BE(4), body: held.subarray(8, end) })
      held = held.subarray(end)
    }
  })
  socket.on('error', () => undefined)
  socket.on('close', () => (raw.closed = true))
  await new Promise((connected) => socket.once('connect', connected))
  return raw
}

function requestBytes(
  key: number,
  version: number,
  id: number,
  flexible: boolean,
  write: (out: WireWriter) => void,
): Buffer {
  const out = new WireWriter(false)
  out.int32(0).int16(key).int16(version).int32(id).string('raw')
  const body = new WireWriter(flexible)
  body.tags()
  write(body)
  const bytes = Buffer.concat([...out.parts(), ...body.parts()])
  bytes.writeInt32BE(bytes.length - 4, 0)
  return bytes
}

const versionsRequest = (id: number, version = 0): Buffer =>
  requestBytes(API.apiVersions, version, id, false, () => undefined)

test('answers come in the order of the requests, though a long poll stands in front', async () => {
  const raw = await rawConnection()
  const fetch = requestBytes(API.fetch, 4, 1, false, (out) => {
    out.int32(-1).int32(300).int32(1).int32(1000).int8(0)
    out.structs([], () => undefined)
  })
  raw.socket.write(Buffer.concat([fetch, versionsRequest(2), versionsRequest(3)]))
  await until('three answers', () => raw.answers.length === 3)
  assert.deepEqual(
    raw.answers.map(({ id }) => id),
    [1, 2, 3],
  )
  raw.socket.destroy()
})

test('requests may arrive byte by byte, or many in one piece', async () => {
  const raw = await rawConnection()
  for (const byte of versionsRequest(1)) raw.socket.write(Buffer.from([byte]))
  raw.socket.write(Buffer.concat(Array.from({ length: 500 }, (_, index) => versionsRequest(index + 2))))
  await until('all answers', () => raw.answers.length === 501)
  assert.deepEqual(
    raw.answers.map(({ id }) => id),
    Array.from({ length: 501 }, (_, index) => index + 1),
  )
  raw.socket.destroy()
})

test('a client from the future learns the versions, every version of every API is advertised once', async () => {
  const raw = await rawConnection()
  raw.socket.write(versionsRequest(1, 99))
  const answer = await until('an answer', () => raw.answers[0])
  const body = new WireReader(answer.body, false)
  assert.equal(body.int16(), 35)
  const offered = body.structs(() => [body.int16(), body.int16(), body.int16()])
  assert.deepEqual(
    offered,
    [...APIS].map(([key, api]) => [key, api.least, api.most]),
  )
  raw.socket.destroy()
})

test('bytes that are no requests end their connection and nothing else', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  await using bus = openBus({ brokers: [`127.0.0.1:${server.port}`], clientId: 'raw', publishTimeoutMs: 5000 })
  const topic = await newTopic(bus)
  const publisher = bus.publisher()
  const keys = [...APIS.keys()]
  for (let round = 0; round < 150; round += 1) {
    const raw = await rawConnection()
    const key = random.pick(keys)
    const api = APIS.get(key)
    const version = random.between(api?.least ?? 0, (api?.most ?? 0) + 1)
    const noise = Buffer.from(
      Array.from({ length: random.between(0, 120) }, () => (random.next() < 0.5 ? 0 : random.between(0, 255))),
    )
    const bytes = requestBytes(key, version, round, version >= (api?.flexibleFrom ?? 99), (out) => out.raw(noise))
    if (random.next() < 0.2) bytes.writeInt32BE(random.between(-5, 2 ** 31 - 1), 0)
    raw.socket.end(bytes)
    await until('the connection ends', () => raw.closed, 10_000, 2)
  }
  assert.deepEqual(await publisher.publish([record(topic.name, 'still here')]), [null])
  assert.deepEqual(defects, [])
})

test('of 2,000 quiet partitions a poll is answered with the changed ones alone', async () => {
  await using bus = openBus({ brokers: [`127.0.0.1:${server.port}`], clientId: 'many', publishTimeoutMs: 5000 })
  const topics = await bus.admin.ensureTopics(
    Array.from({ length: 40 }, (_, index) => ({ name: `many-${index}`, partitions: 50 })),
  )
  const positions = topics.flatMap((topic) =>
    Array.from({ length: 50 }, (_, partition) => ({ topicId: topic.topicId, topic: topic.name, partition, offset: 0 })),
  )
  const reader = bus.reader()
  await reader.fetch(positions, { maxBytes: 1e6, maxWaitMs: 10 })
  const publisher = bus.publisher()
  assert.deepEqual(await publisher.publish([record('many-7', 'x', { partition: 33 })]), [null])
  const answer = await reader.fetch(positions, { maxBytes: 1e6, maxWaitMs: 5000 })
  assert.deepEqual(
    answer.partitions.map(({ topic, partition }) => [topic, partition]),
    [['many-7', 33]],
  )
  for (let poll = 0; poll < 20; poll += 1) {
    const moved = positions.map((each) =>
      each.topic === 'many-7' && each.partition === 33 ? { ...each, offset: 1 } : each,
    )
    assert.deepEqual(await reader.fetch(moved, { maxBytes: 1e6, maxWaitMs: 1 }), { partitions: [], problems: [] })
  }
})
