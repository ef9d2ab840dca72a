import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusUnreachable } from '../../src/bus/port.ts'
import { openTopology } from '../../src/bus/topology.ts'
import type { WireReader } from '../../src/bus/wire/reader.ts'
import type { WireWriter } from '../../src/bus/wire/writer.ts'
import { fakeLinks } from './fake-cluster.ts'

const settings = { brokers: ['a:1', 'b:2'], clientId: 'test', publishTimeoutMs: 1000 }
const hangs = (): never => {
  throw new Error('Request timed out')
}
/** Metadata version 12: no brokers, no cluster, no topics. */
const answers = (_key: number, _body: unknown, out: WireWriter): void => {
  out
    .int32(0)
    .structs([], () => undefined)
    .string(null)
    .int32(-1)
    .structs([], () => undefined)
    .tags()
}

test('a broker that takes the request and never answers is passed over for one that does', async () => {
  const links = fakeLinks({ 'a:1': hangs, 'b:2': answers })
  const topology = openTopology(settings, links, 'test')
  assert.equal((await topology.refresh(['t'])).size, 0)
  assert.deepEqual(
    links.sent.map((one) => one.split(' ')[0]),
    ['a:1', 'b:2'],
  )
})

/** Metadata version 12: one broker that leads every partition of every topic asked for. */
const leads =
  (partitions: () => number) =>
  (_key: number, body: WireReader, out: WireWriter): void => {
    const names = body.structs(() => (body.uuid(), body.string()))
    out
      .int32(0)
      .structs([0], () => out.int32(1).string('a').int32(1).string(null))
      .string(null)
      .int32(1)
      .structs(names, (name) => {
        out.int16(0).string(name).uuid('00000000-0000-4000-8000-000000000001').bool(false)
        const indexes = Array.from({ length: partitions() }, (_, index) => index)
        out.structs(indexes, (index) => {
          out.int16(0).int32(index).int32(1).int32(0)
          for (let list = 0; list < 3; list += 1) out.values([], () => out)
        })
        out.int32(0)
      })
      .tags()
  }

test('partitions that an operator added are known after the next renewal, of every topic that is used', async () => {
  let partitions = 1
  const topology = openTopology(settings, fakeLinks({ 'a:1': leads(() => partitions), 'b:2': hangs }), 'test')
  await topology.renew()
  await topology.refresh(['t', 'u'])
  assert.deepEqual(topology.known('t')?.leaders, ['a:1'])
  partitions = 2
  await topology.renew()
  assert.deepEqual(topology.known('t')?.leaders, ['a:1', 'a:1'])
  assert.deepEqual(topology.known('u')?.leaders, ['a:1', 'a:1'])
})

test('a broker that never comes back to a question is passed over within seconds, and asked last from then on', async () => {
  const links = fakeLinks({ 'a:1': () => new Promise(() => {}), 'b:2': answers })
  const topology = openTopology(settings, links, 'test')
  const beganAt = performance.now()
  await topology.refresh(['t'])
  assert.ok(performance.now() - beganAt < 8_000)
  await topology.refresh(['t'])
  assert.deepEqual(
    links.sent.map((one) => one.split(' ')[0]),
    ['a:1', 'b:2', 'b:2'],
  )
})

test('where no broker answers, that is a bus that cannot be reached, and says why', async () => {
  const topology = openTopology(settings, fakeLinks({ 'a:1': hangs, 'b:2': hangs }), 'test')
  await assert.rejects(
    topology.refresh(['t']),
    (error) => error instanceof BusUnreachable && /No broker of a:1, b:2 .*Request timed out/.test(error.message),
  )
})
