import type { Link, Links, Message } from '../../src/bus/links.ts'
import { BusUnreachable } from '../../src/bus/port.ts'
import type { Topology, TopicRoute } from '../../src/bus/topology.ts'
import { WireReader } from '../../src/bus/wire/reader.ts'
import { WireWriter } from '../../src/bus/wire/writer.ts'
import { Buffer } from 'node:buffer'

/** Answers one request of a fake broker: reads its body, writes the response's. May throw, or wait. */
export type FakeBroker = (key: number, body: WireReader, out: WireWriter) => Promise<void> | void

/** Brokers that exist only as functions; messages go through their real encoding. */
export function fakeLinks(
  brokers: Readonly<Record<string, FakeBroker>>,
): Links & { down: Set<string>; sent: string[] } {
  const down = new Set<string>()
  const sent: string[] = []
  const links = new Map<string, Link>()
  const linkTo = (address: string): Link => ({
    versionOf: (message: Message<unknown>) => message.most,
    async send<T>(message: Message<T>): Promise<T> {
      const flexible = message.most >= message.flexibleFrom
      const request = new WireWriter(flexible)
      message.write(request, message.most)
      const out = new WireWriter(flexible)
      sent.push(`${address} ${message.key}`)
      await brokers[address]?.(message.key, new WireReader(Buffer.concat(request.parts()), flexible), out)
      if (down.has(address)) throw new Error('Connection closed')
      return message.read(new WireReader(Buffer.concat(out.parts()), flexible), message.most)
    },
  })
  return {
    down,
    sent,
    closed: false,
    async to(address, lane) {
      if (down.has(address) || brokers[address] === undefined)
        throw new BusUnreachable(`The broker ${address} cannot be reached.`)
      const key = `${lane} ${address}`
      let link = links.get(key)
      if (link === undefined) links.set(key, (link = linkTo(address)))
      return link
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** What is known of topics, changed by the test: `routes` is the truth, and a refresh learns it. */
export function fakeTopology(routes: Map<string, TopicRoute>): Topology & { refreshes: number; away: boolean } {
  let seen = new Map<string, TopicRoute>()
  const topology = {
    refreshes: 0,
    away: false,
    known: (name: string) => seen.get(name),
    knownId: (id: string) => [...seen.values()].find((route) => route.topicId === id),
    async refresh(wanted: Iterable<string>) {
      const names = [...wanted]
      topology.refreshes += 1
      if (topology.away) throw new BusUnreachable('No broker can be reached.')
      seen = new Map(seen)
      for (const name of names) {
        const route = routes.get(name)
        if (route === undefined) seen.delete(name)
        else seen.set(name, route)
      }
      return new Map([...routes].filter(([name]) => names.includes(name)))
    },
    async renew() {
      await topology.refresh(seen.keys())
    },
    forget: (name: string) => void seen.delete(name),
    anyBroker: () => Promise.reject(new BusUnreachable('not in this test')),
    controller: () => Promise.reject(new BusUnreachable('not in this test')),
  }
  return topology
}
