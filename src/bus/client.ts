import { openAdmin } from './admin.ts'
import { openLinks, REQUEST_SLACK_MS } from './links.ts'
import type { Bus, BusSettings } from './port.ts'
import { openPublisher } from './publisher.ts'
import { LONGEST_POLL_MS, openReader } from './reader.ts'
import { openTopology } from './topology.ts'
import { withinTime } from './within.ts'

const ADMIN_REQUEST_MS = 10_000
/** Sends of one publisher to one broker; the publisher itself keeps to fewer. */
const IN_FLIGHT = 16
/** How soon a publisher writes to partitions that an operator added: about when the workers begin to read them (`adoptPartitions`). */
const RENEW_MS = 30_000

/**
 * A client of any Kafka: nothing is connected before it is used, and every call ends within its bound whether or not a
 * broker is there. One that went away is asked again, and found when it is back.
 */
export function openBus(settings: BusSettings): Bus {
  const nowMs = (): number => performance.now()
  const adminLinks = openLinks(settings, ADMIN_REQUEST_MS, IN_FLIGHT)
  const produceLinks = openLinks(settings, settings.publishTimeoutMs + REQUEST_SLACK_MS, IN_FLIGHT)
  const topology = openTopology(settings, adminLinks, 'metadata')
  const admin = openAdmin({ settings, links: adminLinks, topology, nowMs })
  const opened: AsyncDisposable[] = []
  let renewing: NodeJS.Timeout | undefined
  return {
    publisher() {
      const publisher = openPublisher({
        timeoutMs: settings.publishTimeoutMs,
        links: produceLinks,
        topology,
        nowMs,
        wallMs: Date.now,
      })
      opened.push(publisher)
      // A bus that is away is asked again the next time; whoever publishes meanwhile asks anyway.
      renewing ??= setInterval(() => topology.renew().catch(() => undefined), RENEW_MS).unref()
      return publisher
    },
    reader() {
      const links = openLinks(settings, LONGEST_POLL_MS + REQUEST_SLACK_MS, 1)
      const reader = openReader({ links, topology, lane: 'fetch', nowMs })
      opened.push(reader)
      return reader
    },
    admin,
    async ping(timeoutMs) {
      await withinTime(topology.refresh([]), timeoutMs)
    },
    async [Symbol.asyncDispose]() {
      clearInterval(renewing)
      for (const each of opened) await each[Symbol.asyncDispose]()
      await produceLinks[Symbol.asyncDispose]()
      await adminLinks[Symbol.asyncDispose]()
    },
  }
}
