import type { PublishCall } from './calls.ts'
import type { OutgoingRecord, PublishFailure } from './port.ts'

/** Records in the order they came; four arrays in step instead of an object per record. */
export interface Rows {
  readonly records: OutgoingRecord[]
  readonly calls: PublishCall[]
  readonly slots: number[]
  readonly sizes: number[]
}

/** What waits for one partition. */
export interface Queue extends Rows {
  readonly topic: string
  readonly partition: number
  /** Sends of it that failed in a row. */
  failures: number
  notBeforeMs: number
  /** What its last failure was. */
  why: PublishFailure | undefined
}

/** What goes out in one record batch. */
export interface Batch extends Rows {
  readonly queue: Queue
}

/** Of one record batch: below the 1 MiB that brokers take by default. A single larger record goes alone. */
const BATCH_BYTES = 900 * 1024

export interface Outbox {
  readonly records: number
  readonly bytes: number
  /** All partitions that ever waited and were not swept; those served last come last. */
  readonly queues: Iterable<Queue>
  push(topic: string, partition: number, record: OutgoingRecord, call: PublishCall, slot: number, size: number): void
  /** The next batch of a queue, without records whose call is over; it may be empty. */
  take(queue: Queue): Batch
  /** Back to the front: what came later waits behind it. */
  putBack(batch: Batch, why: PublishFailure, notBeforeMs: number): void
}

export function openOutbox(): Outbox {
  const topics = new Map<string, Map<number, Queue>>()
  const queues = new Set<Queue>()
  let records = 0
  let bytes = 0

  function queueOf(topic: string, partition: number): Queue {
    let partitions = topics.get(topic)
    if (partitions === undefined) topics.set(topic, (partitions = new Map()))
    let queue = partitions.get(partition)
    if (queue === undefined) {
      queue = { topic, partition, ...noRows(), failures: 0, notBeforeMs: 0, why: undefined }
      partitions.set(partition, queue)
    }
    return queue
  }

  return {
    get records() {
      return records
    },
    get bytes() {
      return bytes
    },
    queues,
    push(topic, partition, record, call, slot, size) {
      const queue = queueOf(topic, partition)
      if (queue.records.length === 0) queues.add(queue)
      queue.records.push(record)
      queue.calls.push(call)
      queue.slots.push(slot)
      queue.sizes.push(size)
      records += 1
      bytes += size
    },
    take(queue) {
      let count = 0
      let taken = 0
      while (count < queue.sizes.length && (count === 0 || taken + (queue.sizes[count] as number) <= BATCH_BYTES)) {
        taken += queue.sizes[count] as number
        count += 1
      }
      records -= count
      bytes -= taken
      const batch = { queue, ...cut(queue, count) }
      queues.delete(queue)
      if (queue.records.length > 0) queues.add(queue)
      else if (queue.failures === 0) sweep(topics, queue)
      return batch.calls.some((call) => call.done) ? { queue, ...keep(batch, (call) => !call.done) } : batch
    },
    putBack(batch, why, notBeforeMs) {
      const rows = keep(batch, (call) => !call.done)
      // The queue itself may have been swept, and made anew for later records.
      const queue = queueOf(batch.queue.topic, batch.queue.partition)
      queue.records.unshift(...rows.records)
      queue.calls.unshift(...rows.calls)
      queue.slots.unshift(...rows.slots)
      queue.sizes.unshift(...rows.sizes)
      queue.failures = batch.queue.failures
      queue.notBeforeMs = notBeforeMs
      queue.why = why
      records += rows.records.length
      for (const size of rows.sizes) bytes += size
      if (queue.records.length > 0) queues.add(queue)
    },
  }
}

export const noRows = (): Rows => ({ records: [], calls: [], slots: [], sizes: [] })

/** The rows whose call `keeps`. */
function keep(rows: Rows, keeps: (call: PublishCall) => boolean): Rows {
  const kept = noRows()
  rows.calls.forEach((call, at) => {
    if (!keeps(call)) return
    kept.records.push(rows.records[at] as OutgoingRecord)
    kept.calls.push(call)
    kept.slots.push(rows.slots[at] as number)
    kept.sizes.push(rows.sizes[at] as number)
  })
  return kept
}

/** Two halves of a batch that was too large as a whole. */
export function halves(batch: Batch): readonly Batch[] {
  const middle = batch.records.length >>> 1
  const part = (from: number, to: number): Batch => ({
    queue: batch.queue,
    records: batch.records.slice(from, to),
    calls: batch.calls.slice(from, to),
    slots: batch.slots.slice(from, to),
    sizes: batch.sizes.slice(from, to),
  })
  return [part(0, middle), part(middle, batch.records.length)]
}

function cut(queue: Queue, count: number): Rows {
  return {
    records: queue.records.splice(0, count),
    calls: queue.calls.splice(0, count),
    slots: queue.slots.splice(0, count),
    sizes: queue.sizes.splice(0, count),
  }
}

function sweep(topics: Map<string, Map<number, Queue>>, queue: Queue): void {
  const partitions = topics.get(queue.topic)
  if (partitions?.get(queue.partition) !== queue) return
  partitions.delete(queue.partition)
  if (partitions.size === 0) topics.delete(queue.topic)
}
