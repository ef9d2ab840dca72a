import type { Links } from './links.ts'
import { CallUnsupported, rootCause } from './links.ts'
import {
  BusUnreachable,
  type BusSettings,
  type OutgoingRecord,
  type Publisher,
  type PublishFailure,
  type PublishVerdict,
} from './port.ts'
import { produceMessage, type ProducePart, type ProduceVerdict } from './produce-message.ts'
import { encodeBatch, recordBound } from './records/encode.ts'
import { partitionOf } from './records/partition.ts'
import type { Topology } from './topology.ts'
import { fateOf } from './verdicts.ts'

/** Of one record batch: below the 1 MiB that brokers take by default. A single larger record goes alone. */
const BATCH_BYTES = 900 * 1024
/** Of one request: a flush over 2,000 topics is some requests, not 2,000. */
const REQUEST_BYTES = 4 * 1024 * 1024
const MAX_SENDS = 4
/** With this much waiting a send goes out at once, otherwise after the linger (while others are in flight). */
const FULL_RECORDS = 1000
const FULL_BYTES = 512 * 1024
const LINGER_MS = 2
const RETRY_MS = 50

/** One call of `publish`. */
interface Call {
  readonly records: readonly OutgoingRecord[]
  readonly verdicts: (PublishVerdict | undefined)[]
  readonly deadlineMs: number
  undecided: number
  undecidedBytes: number
  done: boolean
  readonly resolve: (verdicts: readonly PublishVerdict[]) => void
}

/** Records for one partition, in the order they came; three arrays in step instead of an object per record. */
interface Queue {
  readonly topic: string
  readonly partition: number
  readonly records: OutgoingRecord[]
  readonly calls: Call[]
  readonly slots: number[]
  bytes: number
  /** Sends of it that failed in a row: the next one waits longer. */
  failures: number
  notBeforeMs: number
  why: PublishFailure | undefined
}

interface Taken {
  readonly queue: Queue
  readonly records: OutgoingRecord[]
  readonly calls: Call[]
  readonly slots: number[]
}

export interface PublisherParts {
  readonly settings: BusSettings
  readonly links: Links
  readonly topology: Topology
  readonly nowMs: () => number
}

/**
 * Publishes in micro-batches: whatever gathers while sends are in flight goes out together. Idle, a record waits for nothing
 * but the end of the current turn of the event loop. Not idempotent on the wire: the ledger deduplicates, and so every
 * partition is retried by itself while the others go on.
 */
export function openPublisher({ settings, links, topology, nowMs }: PublisherParts): Publisher {
  const queues = new Map<string, Map<number, Queue>>()
  /** Records whose topic is not known yet: they get their partition when it is. */
  const unrouted = new Map<string, Queue>()
  const calls = new Set<Call>()
  const pending = { records: 0, bytes: 0 }
  let waitingRecords = 0
  let waitingBytes = 0
  let sends = 0
  let soon: NodeJS.Immediate | undefined
  let linger: NodeJS.Timeout | undefined
  let later: NodeJS.Timeout | undefined
  let expiry: NodeJS.Timeout | undefined
  let closed = false

  function publish(records: readonly OutgoingRecord[]): Promise<readonly PublishVerdict[]> {
    if (records.length === 0) return Promise.resolve([])
    const { promise, resolve } = Promise.withResolvers<readonly PublishVerdict[]>()
    const call: Call = {
      records,
      verdicts: new Array<PublishVerdict | undefined>(records.length),
      deadlineMs: nowMs() + settings.publishTimeoutMs,
      undecided: records.length,
      undecidedBytes: 0,
      done: false,
      resolve,
    }
    if (closed) {
      decideAll(call, { code: 'unreachable', detail: 'The publisher is closed.' })
      return promise
    }
    calls.add(call)
    for (let slot = 0; slot < records.length; slot += 1) {
      const record = records[slot] as OutgoingRecord
      const bytes = recordBound(record)
      call.undecidedBytes += bytes
      push(queueFor(record), record, call, slot, bytes)
    }
    pending.records += records.length
    pending.bytes += call.undecidedBytes
    expiry ??= setTimeout(expire, settings.publishTimeoutMs)
    wake()
    return promise
  }

  function queueFor(record: OutgoingRecord): Queue {
    const { topic } = record
    const route = topology.known(topic)
    if (route === undefined) {
      let queue = unrouted.get(topic)
      if (queue === undefined) unrouted.set(topic, (queue = newQueue(topic, -1)))
      return queue
    }
    const partition = record.partition ?? partitionOf(record.key, route.leaders.length)
    let byPartition = queues.get(topic)
    if (byPartition === undefined) queues.set(topic, (byPartition = new Map()))
    let queue = byPartition.get(partition)
    if (queue === undefined) byPartition.set(partition, (queue = newQueue(topic, partition)))
    return queue
  }

  function push(queue: Queue, record: OutgoingRecord, call: Call, slot: number, bytes: number): void {
    queue.records.push(record)
    queue.calls.push(call)
    queue.slots.push(slot)
    queue.bytes += bytes
    waitingRecords += 1
    waitingBytes += bytes
  }

  /** Sends now if that is due, else sees to it that it will be. */
  function wake(): void {
    if (sends >= MAX_SENDS) return
    const full = waitingRecords >= FULL_RECORDS || waitingBytes >= FULL_BYTES
    if (sends === 0 || full) {
      clearTimeout(linger)
      linger = undefined
      soon ??= setImmediate(() => {
        soon = undefined
        flush()
      })
    } else {
      linger ??= setTimeout(() => {
        linger = undefined
        flush()
      }, LINGER_MS)
    }
  }

  function flush(): void {
    if (unrouted.size > 0) void route()
    while (sends < MAX_SENDS) {
      const requests = take()
      if (requests.size === 0) return
      for (const [leader, taken] of requests) void send(leader, taken)
    }
  }

  /** At most one batch per partition (the protocol's rule), at most a request's worth, by leader. */
  function take(): Map<string, Taken[]> {
    const requests = new Map<string, Taken[]>()
    const now = nowMs()
    let bytes = 0
    let nextTryMs = Number.POSITIVE_INFINITY
    for (const [topic, byPartition] of queues) {
      for (const [partition, queue] of byPartition) {
        if (queue.records.length === 0) {
          byPartition.delete(partition)
          continue
        }
        if (queue.notBeforeMs > now) {
          nextTryMs = Math.min(nextTryMs, queue.notBeforeMs)
          continue
        }
        if (bytes >= REQUEST_BYTES) break
        const leader = topology.known(topic)?.leaders[partition]
        if (leader === undefined) {
          lookAgain(queue, { code: 'unreachable', detail: `Partition ${partition} of ${topic} has no leader.` })
          nextTryMs = Math.min(nextTryMs, queue.notBeforeMs)
          continue
        }
        const before = queue.bytes
        const taken = takeBatch(queue)
        bytes += before - queue.bytes
        if (taken.records.length === 0) continue
        const parts = requests.get(leader)
        if (parts === undefined) requests.set(leader, [taken])
        else parts.push(taken)
      }
      if (byPartition.size === 0) queues.delete(topic)
      if (bytes >= REQUEST_BYTES) break
    }
    if (nextTryMs < Number.POSITIVE_INFINITY) {
      later ??= setTimeout(
        () => {
          later = undefined
          flush()
        },
        Math.max(1, nextTryMs - now),
      )
    }
    return requests
  }

  function takeBatch(queue: Queue): Taken {
    let count = 0
    let bytes = 0
    while (count < queue.records.length) {
      const size = recordBound(queue.records[count] as OutgoingRecord)
      if (count > 0 && bytes + size > BATCH_BYTES) break
      bytes += size
      count += 1
    }
    const taken = {
      queue,
      records: queue.records.splice(0, count),
      calls: queue.calls.splice(0, count),
      slots: queue.slots.splice(0, count),
    }
    queue.bytes -= bytes
    waitingRecords -= count
    waitingBytes -= bytes
    return taken.calls.some((call) => call.done) ? withoutDone(taken) : taken
  }

  async function send(leader: string, taken: readonly Taken[]): Promise<void> {
    sends += 1
    try {
      const parts: ProducePart[] = taken.map(({ queue, records }) => ({
        topic: queue.topic,
        partition: queue.partition,
        batch: encodeBatch(records, Date.now()),
      }))
      const link = await links.to(leader, 'produce')
      const verdicts = await link.send(produceMessage(parts, settings.publishTimeoutMs))
      const stale = new Set<string>()
      taken.forEach((part, index) => settle(part, verdicts[index], stale))
      if (stale.size > 0) topology.refresh([...stale]).catch(() => undefined)
    } catch (error) {
      const code = error instanceof BusUnreachable ? 'unreachable' : 'timeout'
      const why: PublishFailure =
        error instanceof CallUnsupported
          ? { code: 'refused', detail: error.message }
          : {
              code,
              detail:
                error instanceof BusUnreachable
                  ? error.message
                  : `The broker ${leader} did not answer: ${rootCause(error)}.`,
            }
      for (const part of taken) {
        if (why.code === 'refused') decideTaken(part, why)
        else putBack(part, why)
      }
      topology.refresh([...new Set(taken.map(({ queue }) => queue.topic))]).catch(() => undefined)
    } finally {
      sends -= 1
      if (waitingRecords > 0) wake()
    }
  }

  function settle(part: Taken, verdict: ProduceVerdict | undefined, stale: Set<string>): void {
    const { queue } = part
    if (verdict === undefined) return putBack(part, { code: 'timeout', detail: 'The broker left the partition out.' })
    const fate = fateOf(verdict, part.records.length, queue.failures)
    if (fate.kind === 'acknowledged') {
      queue.failures = 0
      return decideTaken(part, null)
    }
    if (fate.kind === 'failed') {
      // An unknown topic may come back with another id and other partitions: ask again before the next record.
      if (fate.failure.code === 'unknown_topic') topology.forget(queue.topic)
      return decideTaken(part, fate.failure)
    }
    if (fate.kind === 'split') return split(part)
    if (fate.stale) stale.add(queue.topic)
    putBack(part, fate.failure)
  }

  /** Halves go back in front as two batches: the larger half alone is below what was refused. */
  function split(part: Taken): void {
    const middle = part.records.length >>> 1
    const halves = [
      {
        ...part,
        records: part.records.slice(0, middle),
        calls: part.calls.slice(0, middle),
        slots: part.slots.slice(0, middle),
      },
      {
        ...part,
        records: part.records.slice(middle),
        calls: part.calls.slice(middle),
        slots: part.slots.slice(middle),
      },
    ]
    const leader = topology.known(part.queue.topic)?.leaders[part.queue.partition]
    for (const half of halves) {
      if (leader === undefined) putBack(half, { code: 'unreachable', detail: 'The partition has no leader.' })
      else void send(leader, [half])
    }
  }

  /** In front of what came later; tried again after a pause that grows. */
  function putBack(taken: Taken, why: PublishFailure): void {
    const { queue } = taken
    const alive = taken.calls.some((call) => call.done) ? withoutDone(taken) : taken
    let bytes = 0
    for (const record of alive.records) bytes += recordBound(record)
    queue.records.unshift(...alive.records)
    queue.calls.unshift(...alive.calls)
    queue.slots.unshift(...alive.slots)
    queue.bytes += bytes
    waitingRecords += alive.records.length
    waitingBytes += bytes
    let byPartition = queues.get(queue.topic)
    if (byPartition === undefined) queues.set(queue.topic, (byPartition = new Map()))
    const other = byPartition.get(queue.partition)
    if (other !== undefined && other !== queue) merge(queue, other)
    byPartition.set(queue.partition, queue)
    lookAgain(queue, why)
  }

  function merge(into: Queue, from: Queue): void {
    into.records.push(...from.records)
    into.calls.push(...from.calls)
    into.slots.push(...from.slots)
    into.bytes += from.bytes
  }

  function lookAgain(queue: Queue, why: PublishFailure): void {
    queue.why = why
    queue.failures += 1
    queue.notBeforeMs = nowMs() + Math.min(1000, RETRY_MS * 2 ** Math.min(queue.failures - 1, 5))
  }

  let routing = false
  /** Finds the topics that are not known, and moves their records to their partitions. */
  async function route(): Promise<void> {
    if (routing) return
    routing = true
    try {
      while (unrouted.size > 0 && !closed) {
        const wanted = [...unrouted.keys()]
        let why: PublishFailure | undefined
        try {
          await topology.refresh(wanted)
        } catch (error) {
          why = { code: 'unreachable', detail: error instanceof Error ? error.message : String(error) }
        }
        const now = nowMs()
        for (const topic of wanted) {
          const queue = unrouted.get(topic)
          if (queue === undefined) continue
          if (topology.known(topic) !== undefined) reroute(topic, queue)
          else if (why === undefined) missing(topic, queue, now)
          else queue.why = why
        }
        if (unrouted.size > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref())
      }
    } finally {
      routing = false
    }
  }

  /** A topic just made may be unknown to a broker for up to a second; one that stays unknown is refused by then. */
  function missing(topic: string, queue: Queue, now: number): void {
    if (queue.notBeforeMs === 0) queue.notBeforeMs = now + Math.min(1500, settings.publishTimeoutMs / 2)
    queue.why = { code: 'unknown_topic', detail: `The bus has no topic ${topic}.` }
    if (now < queue.notBeforeMs) return
    unrouted.delete(topic)
    discount(queue)
    decideTaken(queue as Taken & Queue, queue.why)
  }

  function reroute(topic: string, queue: Queue): void {
    unrouted.delete(topic)
    discount(queue)
    queue.records.forEach((record, at) => {
      const call = queue.calls[at] as Call
      if (!call.done) push(queueFor(record), record, call, queue.slots[at] as number, recordBound(record))
    })
    wake()
  }

  function discount(queue: Queue): void {
    waitingRecords -= queue.records.length
    waitingBytes -= queue.bytes
  }

  function decideTaken(
    { records, calls: owners, slots }: Pick<Taken, 'records' | 'calls' | 'slots'>,
    verdict: PublishVerdict,
  ): void {
    for (let at = 0; at < owners.length; at += 1) {
      const call = owners[at] as Call
      if (call.done) continue
      call.verdicts[slots[at] as number] = verdict
      const bytes = recordBound(records[at] as OutgoingRecord)
      pending.records -= 1
      pending.bytes -= bytes
      call.undecidedBytes -= bytes
      call.undecided -= 1
      if (call.undecided === 0) finish(call)
    }
  }

  function decideAll(call: Call, failure: PublishFailure): void {
    for (let slot = 0; slot < call.verdicts.length; slot += 1) {
      if (call.verdicts[slot] === undefined) call.verdicts[slot] = failure
    }
    finish(call)
  }

  function finish(call: Call): void {
    call.done = true
    calls.delete(call)
    call.resolve(call.verdicts as readonly PublishVerdict[])
  }

  /** Calls are in the order of their deadlines: the set is left at the first that still has time. */
  function expire(): void {
    expiry = undefined
    const now = nowMs()
    for (const call of calls) {
      if (call.deadlineMs > now) {
        expiry = setTimeout(expire, call.deadlineMs - now)
        return
      }
      pending.records -= call.undecided
      pending.bytes -= call.undecidedBytes
      decideAll(call, lastFailure(call))
    }
  }

  /** What kept the call from being acknowledged, if a queue knows. */
  function lastFailure(call: Call): PublishFailure {
    const late = `The bus did not acknowledge within ${settings.publishTimeoutMs} ms`
    for (const queue of [
      ...unrouted.values(),
      ...[...queues.values()].flatMap((byPartition) => [...byPartition.values()]),
    ]) {
      if (queue.why !== undefined && queue.calls.includes(call)) {
        return { code: queue.why.code, detail: `${late}. ${queue.why.detail}` }
      }
    }
    return { code: 'timeout', detail: `${late}.` }
  }

  return {
    publish,
    pending,
    async [Symbol.asyncDispose]() {
      if (closed) return
      // What was accepted is given its time: every call ends by itself at its deadline.
      while (calls.size > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      closed = true
      clearTimeout(linger)
      clearTimeout(later)
      clearTimeout(expiry)
      clearImmediate(soon)
    },
  }
}

function newQueue(topic: string, partition: number): Queue {
  return { topic, partition, records: [], calls: [], slots: [], bytes: 0, failures: 0, notBeforeMs: 0, why: undefined }
}

/** Leaves out records whose call has had its verdict (its time was over). */
function withoutDone(taken: Taken): Taken {
  const kept = taken.calls.map((call, at) => (call.done ? -1 : at)).filter((at) => at >= 0)
  return {
    queue: taken.queue,
    records: kept.map((at) => taken.records[at] as OutgoingRecord),
    calls: kept.map((at) => taken.calls[at] as Call),
    slots: kept.map((at) => taken.slots[at] as number),
  }
}
