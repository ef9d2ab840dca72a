import type { Calls } from './calls.ts'
import { rootCause } from './causes.ts'
import { CallUnsupported, type Links } from './links.ts'
import { halves, type Batch, type Outbox, type Queue } from './outbox.ts'
import { BusUnreachable, type PublishFailure, type PublishVerdict } from './port.ts'
import { produceMessage, type ProducePart, type ProduceVerdict } from './produce-message.ts'
import { encodeBatch } from './records/encode.ts'
import type { Topology } from './topology.ts'
import { fateOf } from './verdicts.ts'
import { openWatch } from './watch.ts'

/** Of one request: a flush over 2,000 topics is some requests, not 2,000. */
const REQUEST_BYTES = 4 * 1024 * 1024
/** Requests in flight to one broker: one that hangs must not hold up what the others lead. */
const MAX_SENDS = 4
/** With this much waiting a send goes out at once, otherwise after the linger (while others are in flight). */
const FULL_RECORDS = 1000
const FULL_BYTES = 512 * 1024
const LINGER_MS = 2
const RETRY_MS = 50
const LONGEST_RETRY_MS = 1000
/**
 * Unanswered for so long, a broker may hang (its machine does, the network lost it): others may lead its partitions by now, and its
 * own request would end only with the publish timeout.
 */
const SLOW_MS = 2000

interface SenderParts {
  readonly outbox: Outbox
  readonly calls: Calls
  readonly links: Links
  readonly topology: Topology
  readonly timeoutMs: number
  readonly nowMs: () => number
  /** The time that records carry. */
  readonly wallMs: () => number
}

/** A request that is under way. */
interface Sending {
  readonly leader: string
  readonly batches: readonly Batch[]
  /** Those that went to another leader meanwhile: what this one says of them still is not heard. */
  moved: Set<Batch> | undefined
  over: boolean
}

interface Sender {
  /** Sends what waits: now if nothing is in flight or there is much, else soon. */
  wake(): void
  close(): void
}

/**
 * Takes batches out of the outbox and sees each to its verdict: at most four requests in flight to a broker, one batch a partition
 * (the protocol's rule), what failed back into the outbox by itself, with a pause that grows.
 */
export function openSender({ outbox, calls, links, topology, timeoutMs, nowMs, wallMs }: SenderParts): Sender {
  const watch = openWatch<Sending>(SLOW_MS, nowMs, (sending) => void lookAfter(sending))
  let sends = 0
  const sendsTo = new Map<string, number>()
  let soon: NodeJS.Immediate | undefined
  let linger: NodeJS.Timeout | undefined
  let later: NodeJS.Timeout | undefined

  function wake(): void {
    if (soon !== undefined) return
    const full = outbox.records >= FULL_RECORDS || outbox.bytes >= FULL_BYTES
    if (sends === 0 || (full && sends < MAX_SENDS)) {
      clearTimeout(linger)
      linger = undefined
      soon = setImmediate(() => {
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
    for (let requests = gather(); requests.size > 0; requests = gather()) {
      for (const [leader, batches] of requests) void send(leader, batches)
    }
  }

  /** At most one batch a partition and a request's worth in all, by leader. */
  function gather(): Map<string, Batch[]> {
    const requests = new Map<string, Batch[]>()
    const now = nowMs()
    let bytes = 0
    let nextTryMs = Number.POSITIVE_INFINITY
    // A copy: a queue that is served moves to the end.
    for (const queue of Array.from(outbox.queues)) {
      if (bytes >= REQUEST_BYTES) break
      const leader = queue.notBeforeMs > now ? undefined : leaderOf(queue, now)
      if (leader === undefined) {
        nextTryMs = Math.min(nextTryMs, queue.notBeforeMs)
        continue
      }
      if ((sendsTo.get(leader) ?? 0) >= MAX_SENDS) continue
      const before = outbox.bytes
      const batch = outbox.take(queue)
      bytes += before - outbox.bytes
      if (batch.records.length === 0) continue
      const own = requests.get(leader)
      if (own === undefined) requests.set(leader, [batch])
      else own.push(batch)
    }
    if (nextTryMs < Number.POSITIVE_INFINITY) tryAgainIn(nextTryMs - now)
    return requests
  }

  function leaderOf(queue: Queue, now: number): string | undefined {
    const leader = topology.known(queue.topic)?.leaders[queue.partition]
    if (leader !== undefined) return leader
    queue.why = { code: 'unreachable', detail: `Partition ${queue.partition} of ${queue.topic} has no leader.` }
    queue.notBeforeMs = now + pauseAfter(queue)
    topology.refresh([queue.topic]).catch(() => undefined)
    return undefined
  }

  /** Counts the failure: 50, 100, 200 ... 1000 ms. */
  function pauseAfter(queue: Queue): number {
    queue.failures += 1
    return Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** Math.min(queue.failures - 1, 5))
  }

  function tryAgainIn(ms: number): void {
    later ??= setTimeout(
      () => {
        later = undefined
        flush()
      },
      Math.max(1, ms),
    )
  }

  async function send(leader: string, batches: readonly Batch[]): Promise<void> {
    const sending: Sending = { leader, batches, moved: undefined, over: false }
    watch.begin(sending)
    sends += 1
    sendsTo.set(leader, (sendsTo.get(leader) ?? 0) + 1)
    try {
      const time = wallMs()
      const parts: ProducePart[] = batches.map(({ queue, records }) => ({
        topic: queue.topic,
        partition: queue.partition,
        batch: encodeBatch(records, time),
      }))
      const link = await links.to(leader, 'produce')
      const verdicts = await link.send(produceMessage(parts, timeoutMs))
      batches.forEach((batch, index) => {
        if (sending.moved?.has(batch) !== true) settle(leader, batch, verdicts[index])
      })
    } catch (error) {
      const why = failureOf(leader, error)
      for (const batch of batches) {
        if (sending.moved?.has(batch) === true) continue
        if (why.code === 'refused') decide(batch, why)
        else again(batch, why)
      }
      topology.refresh([...new Set(batches.map(({ queue }) => queue.topic))]).catch(() => undefined)
    } finally {
      sending.over = true
      watch.end(sending)
      sends -= 1
      sendsTo.set(leader, (sendsTo.get(leader) ?? 1) - 1)
      if (outbox.records > 0) wake()
    }
  }

  /** Sends to their new leaders what a broker that does not answer has no say in any more; the ledger knows what it took after all. */
  async function lookAfter(sending: Sending): Promise<void> {
    const { leader, batches } = sending
    await topology.refresh(new Set(batches.map(({ queue }) => queue.topic))).catch(() => undefined)
    if (sending.over) return
    for (const batch of batches) {
      const now = topology.known(batch.queue.topic)?.leaders[batch.queue.partition]
      if (now === undefined || now === leader || sending.moved?.has(batch) === true) continue
      sending.moved ??= new Set()
      sending.moved.add(batch)
      again(batch, { code: 'timeout', detail: `The broker ${leader} did not answer before another led.` })
    }
  }

  function settle(leader: string, batch: Batch, verdict: ProduceVerdict | undefined): void {
    const { queue } = batch
    if (verdict === undefined) return again(batch, { code: 'timeout', detail: 'The broker left the partition out.' })
    const fate = fateOf(verdict, batch.records.length, queue.failures)
    if (fate.kind === 'acknowledged') {
      queue.failures = 0
      queue.why = undefined
      return decide(batch, null)
    }
    if (fate.kind === 'split') {
      for (const half of halves(batch)) void send(leader, [half])
      return
    }
    if (fate.kind === 'again') {
      if (fate.stale) topology.refresh([queue.topic]).catch(() => undefined)
      return again(batch, fate.failure)
    }
    // An unknown topic may come back with another id and other partitions: asked again before its next record.
    if (fate.failure.code === 'unknown_topic') topology.forget(queue.topic)
    queue.failures = 0
    decide(batch, fate.failure)
  }

  function again(batch: Batch, why: PublishFailure): void {
    const pause = pauseAfter(batch.queue)
    outbox.putBack(batch, why, nowMs() + pause)
    tryAgainIn(pause)
  }

  function decide(batch: Batch, verdict: PublishVerdict): void {
    for (let at = 0; at < batch.calls.length; at += 1) {
      const call = batch.calls[at] as Batch['calls'][number]
      calls.decide(call, batch.slots[at] as number, batch.sizes[at] as number, verdict)
    }
  }

  return {
    wake,
    close() {
      watch.close()
      clearImmediate(soon)
      clearTimeout(linger)
      clearTimeout(later)
    },
  }
}

function failureOf(leader: string, error: unknown): PublishFailure {
  if (error instanceof CallUnsupported) return { code: 'refused', detail: error.message }
  if (error instanceof BusUnreachable) return { code: 'unreachable', detail: error.message }
  return { code: 'timeout', detail: `The broker ${leader} did not answer: ${rootCause(error)}.` }
}
