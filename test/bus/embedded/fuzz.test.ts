import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { openBus, type OutgoingRecord } from '../../../src/bus/index.ts'
import { chance, type Chance } from '../../kit/seed.ts'
import { until } from '../../kit/until.ts'
import { from, newTopic, readAll, record } from '../contract.ts'
import { withBusProcess } from '../process.ts'

/**
 * What real clients say, damaged byte by byte and said again, to a bus in a process of its own: it neither falls nor hangs nor
 * grows, and what it acknowledged to others meanwhile is there, before and after a kill.
 */
const CASES = Number(process.env['TEST_BUS_FUZZ'] ?? 1_500)
const MOST_MEMORY_MIB = 500

/** The requests, frame by frame, that `act` makes this process send to the port. */
async function recorded(port: number, act: () => Promise<void>): Promise<Buffer[]> {
  const streams: Buffer[][] = []
  const listen = (message: unknown): void => {
    const { socket } = message as { socket: Socket }
    // Not before: connecting puts the socket's own `write` back.
    socket.once('connect', () => {
      if (socket.remotePort !== port) return
      const chunks: Buffer[] = []
      streams.push(chunks)
      const write = socket.write.bind(socket) as (chunk: Uint8Array, ...rest: never[]) => boolean
      socket.write = ((chunk: Uint8Array, ...rest: never[]) => {
        chunks.push(Buffer.from(chunk))
        return write(chunk, ...rest)
      }) as typeof socket.write
    })
  }
  subscribe('net.client.socket', listen)
  try {
    await act()
  } finally {
    unsubscribe('net.client.socket', listen)
  }
  return streams.flatMap((chunks) => {
    const frames: Buffer[] = []
    let rest = Buffer.concat(chunks)
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      frames.push(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
    return frames
  })
}

/** A frame with some bytes changed, cut, doubled or put in; its length says the truth, mostly. */
function damaged(frame: Buffer, random: Chance): Buffer {
  let out = Buffer.from(frame)
  for (let times = random.between(1, 6); times > 0; times -= 1) {
    const at = random.between(random.next() < 0.7 ? 4 : 12, Math.max(12, out.length - 1))
    const noise = Buffer.from(
      Array.from({ length: random.between(1, 8) }, () => random.pick([0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, 0x40])),
    )
    const how = random.between(0, 5)
    if (how <= 1) out[at] = (out[at] ?? 0) ^ (1 << random.between(0, 7))
    else if (how === 2) noise.copy(out, Math.min(at, Math.max(4, out.length - noise.length)))
    else if (how === 3) out = out.subarray(0, Math.max(12, at))
    else if (how === 4) out = Buffer.concat([out.subarray(0, at), noise, out.subarray(at)])
    else out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + random.between(1, 60)), out.subarray(at)])
  }
  out = Buffer.from(out)
  out.writeInt32BE(random.next() < 0.05 ? random.between(-(2 ** 31), 2 ** 31 - 1) : out.length - 4, 0)
  return out
}

/** Sends, and resolves when the connection has ended, whoever ended it. */
function say(port: number, bytes: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
  socket.resume().on('error', () => undefined)
  const bound = setTimeout(() => {
    socket.destroy()
    reject(new Error(`the bus still had nothing to say after 30 s to ${bytes.toString('hex').slice(0, 2_000)}`))
  }, 30_000)
  socket.on('close', () => {
    clearTimeout(bound)
    resolve()
  })
  return promise
}

test('whatever bytes are sent, the bus lives, answers others at once, and has all that it acknowledged', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const server = await withBusProcess(t, { segmentBytes: 400_000 })
  const port = Number(server.broker.split(':')[1])
  const settings = { brokers: [server.broker], clientId: 'fuzz', publishTimeoutMs: 20_000 }

  const frames = await recorded(port, async () => {
    await using decoy = openBus(settings)
    const topic = await newTopic(decoy, 2)
    const publisher = decoy.publisher()
    const records: OutgoingRecord[] = Array.from({ length: 30 }, (_, index) =>
      record(topic.name, `decoy ${index}`, { partition: index % 2 }),
    )
    assert.ok((await publisher.publish(records)).every((verdict) => verdict === null))
    await readAll(decoy.reader(), [from(topic), from(topic, 0, 1)], 30)
    await decoy.admin.offsets([{ topic: topic.name, partition: 0 }])
    await decoy.admin.deleteRecords([{ topic: topic.name, partition: 0, beforeOffset: 3 }])
  })
  const keys = new Set(frames.map((frame) => frame.readInt16BE(4)))
  t.diagnostic(`${frames.length} requests of ${keys.size} kinds are damaged`)
  assert.ok(keys.size >= 6)

  await using bus = openBus(settings)
  const kept = await newTopic(bus)
  const publisher = bus.publisher()
  const acknowledged: string[] = []
  let slowestMs = 0
  const publish = async (index: number): Promise<void> => {
    const began = performance.now()
    const value = `kept ${index}`
    if ((await publisher.publish([record(kept.name, value)]))[0] === null) acknowledged.push(value)
    slowestMs = Math.max(slowestMs, performance.now() - began)
  }
  for (let index = 0; index < CASES; index += 1) {
    const some = Array.from({ length: random.between(1, 4) }, () => {
      const frame = random.pick(frames)
      return random.next() < 0.8 ? damaged(frame, random) : frame
    })
    await Promise.all([say(port, Buffer.concat(some)), index % 10 === 0 ? publish(index) : undefined])
  }
  await publish(CASES)
  t.diagnostic(`${acknowledged.length} records acknowledged meanwhile, the slowest in ${Math.round(slowestMs)} ms`)
  assert.equal(acknowledged.length, Math.ceil(CASES / 10) + 1, 'none was refused')
  assert.equal(server.exitCode(), null, 'the bus fell')
  assert.deepEqual(server.defects(), [])
  const residentMiB = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid()}/status`, 'utf8'))?.[1]) / 1024
  t.diagnostic(`${Math.round(residentMiB)} MiB resident`)
  assert.ok(residentMiB < MOST_MEMORY_MIB)

  assert.deepEqual(await readAll(bus.reader(), [from(kept)], acknowledged.length), acknowledged)
  await server.restart()
  await until('the bus to be back', async () => (await publisher.publish([record(kept.name, 'after')]))[0] === null)
  assert.deepEqual(await readAll(bus.reader(), [from(kept)], acknowledged.length + 1), [...acknowledged, 'after'])
})
