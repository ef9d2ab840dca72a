import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusUnreachable } from '../../src/bus/port.ts'
import { openTopology } from '../../src/bus/topology.ts'
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

test('where no broker answers, that is a bus that cannot be reached, and says why', async () => {
  const topology = openTopology(settings, fakeLinks({ 'a:1': hangs, 'b:2': hangs }), 'test')
  await assert.rejects(
    topology.refresh(['t']),
    (error) => error instanceof BusUnreachable && /No broker of a:1, b:2 .*Request timed out/.test(error.message),
  )
})
