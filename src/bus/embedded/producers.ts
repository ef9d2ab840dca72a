import { CODE } from '../wire/codes.ts'
import type { BatchHead } from '../records/batch.ts'

/** What a log remembers of an idempotent producer, so that a batch sent twice is kept once (KIP-98). */
export interface ProducerState {
  epoch: number
  /** The last five batches, oldest first: a client has at most five in flight. */
  batches: { firstSequence: number; lastSequence: number; baseOffset: number }[]
  /** Of its last batch, by the batch's own clock. */
  lastTimestamp: number
}

const REMEMBERED = 5
const SEQUENCES = 0x8000_0000

type SequenceVerdict =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly baseOffset: number }
  | { readonly kind: 'refuse'; readonly code: number; readonly detail: string }

const APPEND: SequenceVerdict = { kind: 'append' }

/** Decides what becomes of a batch. A producer that is not known may begin anywhere, as in Kafka since 2.5. */
export function judgeSequence(known: ProducerState | undefined, head: BatchHead): SequenceVerdict {
  if (head.producerId < 0 || known === undefined) return APPEND
  if (head.producerEpoch < known.epoch) {
    return refuse(CODE.invalidProducerEpoch, `epoch ${head.producerEpoch} is older than ${known.epoch}`)
  }
  if (head.producerEpoch > known.epoch) {
    return head.baseSequence === 0
      ? APPEND
      : refuse(CODE.outOfOrderSequenceNumber, `a new epoch begins at sequence ${head.baseSequence}, not 0`)
  }
  const lastSequence = lastOf(head)
  for (const batch of known.batches) {
    if (batch.firstSequence === head.baseSequence && batch.lastSequence === lastSequence) {
      return { kind: 'duplicate', baseOffset: batch.baseOffset }
    }
  }
  const expected = ((known.batches.at(-1)?.lastSequence ?? -1) + 1) % SEQUENCES
  if (head.baseSequence === expected) return APPEND
  return refuse(CODE.outOfOrderSequenceNumber, `sequence ${head.baseSequence} where ${expected} is next`)
}

const refuse = (code: number, detail: string): SequenceVerdict => ({ kind: 'refuse', code, detail })
const lastOf = (head: BatchHead): number => (head.baseSequence + head.lastOffsetDelta) % SEQUENCES

/** Takes a batch that was appended into account; answers how to take it back. */
export function rememberBatch(producers: Map<number, ProducerState>, head: BatchHead, baseOffset: number): () => void {
  const before = producers.get(head.producerId)
  const same = before !== undefined && before.epoch === head.producerEpoch
  const batch = { firstSequence: head.baseSequence, lastSequence: lastOf(head), baseOffset }
  // Deleted first, so that the map's order is by last use.
  producers.delete(head.producerId)
  producers.set(head.producerId, {
    epoch: head.producerEpoch,
    batches: [...(same ? before.batches.slice(1 - REMEMBERED) : []), batch],
    lastTimestamp: head.maxTimestamp,
  })
  return () => {
    if (before === undefined) producers.delete(head.producerId)
    else producers.set(head.producerId, before)
  }
}

/** Producers come with every process that starts: the longest unused are forgotten beyond this many a partition. */
const PRODUCERS_KEPT = 1000
export function forgetOldProducers(producers: Map<number, ProducerState>): void {
  for (const id of producers.keys()) {
    if (producers.size <= PRODUCERS_KEPT) return
    producers.delete(id)
  }
}
