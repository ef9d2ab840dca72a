import { openCalls, type PublishCall } from './calls.ts'
import type { Links } from './links.ts'
import { openOutbox } from './outbox.ts'
import type { OutgoingRecord, Publisher, PublishFailure, PublishVerdict } from './port.ts'
import { recordBound } from './records/encode.ts'
import { partitionOf } from './records/partition.ts'
import { openSender } from './sender.ts'
import type { Topology } from './topology.ts'
import { openUnrouted } from './unrouted.ts'

interface PublisherParts {
  readonly timeoutMs: number
  readonly links: Links
  readonly topology: Topology
  readonly nowMs: () => number
  /** The time that records carry. */
  readonly wallMs: () => number
}

/**
 * Publishes in micro-batches: whatever gathers while requests are in flight goes out together. Idle, a record waits for
 * nothing but the end of the current turn of the event loop. Not idempotent on the wire, because the ledger deduplicates:
 * so every partition is retried by itself while the others go on, and no order between batches has to be kept.
 *
 * A record's way: its topic is looked up (`unrouted`), it waits for its partition's next batch (`outbox`), goes out and
 * comes back with a verdict (`sender`), and the call resolves with the last of them (`calls`).
 */
export function openPublisher({ timeoutMs, links, topology, nowMs, wallMs }: PublisherParts): Publisher {
  const outbox = openOutbox()
  const calls = openCalls(timeoutMs, nowMs, whyLate)
  const sender = openSender({ outbox, calls, links, topology, timeoutMs, nowMs, wallMs })
  const unrouted = openUnrouted(topology, timeoutMs, nowMs, {
    found(_topic, rows) {
      rows.records.forEach((record, at) => {
        place(record, rows.calls[at] as PublishCall, rows.slots[at] as number, rows.sizes[at] as number)
      })
      sender.wake()
    },
    refused(rows, why) {
      rows.calls.forEach((call, at) => calls.decide(call, rows.slots[at] as number, rows.sizes[at] as number, why))
    },
  })
  let closed = false

  /** Puts a record where it belongs: false where its topic has to be looked up first. */
  function place(record: OutgoingRecord, call: PublishCall, slot: number, size: number): boolean {
    const route = topology.known(record.topic)
    if (route === undefined) {
      unrouted.push(record, call, slot, size)
      return false
    }
    const partition = record.partition ?? partitionOf(record.key, route.leaders.length)
    outbox.push(record.topic, partition, record, call, slot, size)
    return true
  }

  function whyLate(call: PublishCall): PublishFailure | undefined {
    const why = unrouted.whyOf(call)
    if (why !== undefined) return why
    for (const queue of outbox.queues) if (queue.why !== undefined && queue.calls.includes(call)) return queue.why
    return undefined
  }

  return {
    pending: calls.pending,
    publish(records) {
      if (records.length === 0) return Promise.resolve([])
      if (closed) return Promise.resolve(records.map((): PublishVerdict => CLOSED))
      const { call, answer } = calls.begin(records.length)
      const sizes = records.map(recordBound)
      for (const size of sizes) calls.count(call, size)
      let placed = false
      for (let slot = 0; slot < records.length; slot += 1) {
        const one = place(records[slot] as OutgoingRecord, call, slot, sizes[slot] as number)
        placed ||= one
      }
      if (placed) sender.wake()
      return answer
    },
    async [Symbol.asyncDispose]() {
      // What was accepted is given its time: every call ends at its deadline at the latest.
      closed = true
      await calls.drained()
      sender.close()
      unrouted.close()
    },
  }
}

const CLOSED: PublishFailure = { code: 'unreachable', detail: 'The publisher is closed.' }
