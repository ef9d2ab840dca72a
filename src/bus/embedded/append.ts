import type { Buffer } from 'node:buffer'
import { ATTRIBUTE, BATCH_HEAD, batchIntact, placeBatch, readBatchHead, type BatchHead } from '../records/batch.ts'
import { CODE } from '../wire/codes.ts'
import { BATCH_FRAME_HEAD, FRAME_HEAD, KIND } from './frames.ts'
import type { Entry, Journal } from './journal.ts'
import { forgetOldProducers, judgeSequence, rememberBatch } from './producers.ts'
import { refuseForSpace } from './quota.ts'
import type { RecentBytes } from './recent.ts'
import { addBatch, type BusState, type Partition } from './topics.ts'

/** One partition's part of a produce request. */
export interface Append {
  readonly partition: Partition | undefined
  readonly batch: Buffer | null
}

export interface Appended {
  readonly code: number
  readonly baseOffset: number
  readonly logStart: number
  readonly detail: string | null
}

const refused = (code: number, detail: string | null = null): Appended => ({
  code,
  baseOffset: -1,
  logStart: -1,
  detail,
})

interface AppendOptions {
  readonly state: BusState
  readonly journal: Journal
  readonly recent: RecentBytes
  readonly maxBytes: number
}

/** As Kafka's `message.max.bytes`; a topic may say otherwise with `max.message.bytes`. */
const MAX_BATCH_BYTES = 1_048_588

/**
 * Appends record batches as they came, one frame each, all in one group; answers one verdict per part, in order, once
 * that group is on the medium. Offsets are given away when the group is built, so that a group that could not be
 * written gives its offsets back.
 */
export function appendBatches(
  options: AppendOptions,
  parts: readonly Append[],
  done: (verdicts: Appended[]) => void,
): void {
  const { state, journal, recent } = options
  const verdicts: Appended[] = parts.map((part) => checkPart(part))
  let bytes = 0
  parts.forEach((part, index) => {
    if (verdicts[index]?.code === CODE.none) bytes += (part.batch as Buffer).length + BATCH_FRAME_HEAD
  })
  if (bytes === 0) {
    done(verdicts)
    return
  }
  journal.commit({
    bytes,
    prepare() {
      const entries: Entry[] = []
      const waiting = { bytes: 0, groups: new Map<string, number>() }
      parts.forEach((part, index) => {
        if (verdicts[index]?.code !== CODE.none) return
        const partition = part.partition as Partition
        const batch = part.batch as Buffer
        const head = readBatchHead(batch)
        const verdict = decide(partition, head, batch.length, waiting)
        if (verdict !== undefined) {
          verdicts[index] = verdict
          return
        }
        verdicts[index] = {
          code: CODE.none,
          baseOffset: partition.nextOffset,
          logStart: partition.logStart,
          detail: null,
        }
        entries.push(batchEntry(partition, batch, head))
      })
      return entries
    },
    settle(fault) {
      if (fault === null) return done(verdicts)
      const storage = refused(CODE.kafkaStorageError, fault.message)
      done(verdicts.map((verdict) => (verdict.code === CODE.none ? storage : verdict)))
    },
  })

  /** What the batch's place in its log decides; `undefined`: append it. */
  function decide(
    partition: Partition,
    head: BatchHead,
    length: number,
    waiting: { bytes: number; groups: Map<string, number> },
  ): Appended | undefined {
    const { topic } = partition
    if (topic.deleted) return refused(CODE.unknownTopicOrPartition)
    const judged = judgeSequence(partition.producers.get(head.producerId), head)
    if (judged.kind === 'refuse') return refused(judged.code, judged.detail)
    if (judged.kind === 'duplicate') {
      return { code: CODE.none, baseOffset: judged.baseOffset, logStart: partition.logStart, detail: null }
    }
    const size = length + BATCH_FRAME_HEAD
    const group = waiting.groups.get(topic.group) ?? 0
    const full = refuseForSpace(state, topic.group, size, options.maxBytes, { bytes: waiting.bytes, group })
    if (full !== undefined) return refused(CODE.kafkaStorageError, full)
    waiting.bytes += size
    waiting.groups.set(topic.group, group + size)
    return undefined
  }

  function batchEntry(partition: Partition, batch: Buffer, head: BatchHead): Entry {
    const baseOffset = partition.nextOffset
    const nextOffset = baseOffset + head.lastOffsetDelta + 1
    partition.nextOffset = nextOffset
    const forget = head.producerId < 0 ? undefined : rememberBatch(partition.producers, head, baseOffset)
    return {
      kind: KIND.batch,
      bodyBytes: BATCH_FRAME_HEAD - FRAME_HEAD + batch.length,
      write: (into, at) => writeBatchBody(into, at, partition, batch, baseOffset),
      landed(segment, position, body) {
        if (head.producerId >= 0) forgetOldProducers(partition.producers)
        partition.highWatermark = nextOffset
        if (partition.topic.deleted) return
        const entry = {
          baseOffset,
          lastOffset: nextOffset - 1,
          segment,
          position: position + 8,
          bytes: batch.length,
          maxTimestamp: head.maxTimestamp,
        }
        addBatch(state, partition, entry)
        recent.keep(segment, entry.position, body.subarray(8))
        for (const watcher of partition.watchers) watcher.touched()
      },
      lost() {
        partition.nextOffset = baseOffset
        forget?.()
      },
    }
  }
}

/** The body of a batch frame: topic number, partition, and the batch at its place in the log. */
export function writeBatchBody(
  into: Buffer,
  at: number,
  partition: Partition,
  batch: Buffer,
  baseOffset: number,
): void {
  into.writeUInt32BE(partition.topic.no, at)
  into.writeUInt32BE(partition.index, at + 4)
  batch.copy(into, at + 8)
  placeBatch(into, at + 8, baseOffset)
}

/** Everything that can be judged without the log: as Kafka's `LogValidator` does. */
function checkPart({ partition, batch }: Append): Appended {
  if (partition === undefined) return refused(CODE.unknownTopicOrPartition)
  if (batch === null || batch.length < BATCH_HEAD) return refused(CODE.invalidRecord, 'There is no record batch.')
  const head = readBatchHead(batch)
  if (head.magic !== 2) return refused(CODE.unsupportedForMessageFormat, 'Only record batches of magic 2 are taken.')
  if (head.bytes !== batch.length) return refused(CODE.invalidRecord, 'There must be exactly one record batch.')
  const limit = Number(partition.topic.configs['max.message.bytes'] ?? MAX_BATCH_BYTES)
  if (batch.length > limit)
    return refused(CODE.messageTooLarge, `The batch has ${batch.length} bytes, the topic takes ${limit}.`)
  if (!batchIntact(batch, 0, batch.length)) return refused(CODE.corruptMessage, 'The batch fails its checksum.')
  if ((head.attributes & (ATTRIBUTE.transactional | ATTRIBUTE.control)) !== 0) {
    return refused(CODE.invalidRecord, 'The embedded bus takes no transactions.')
  }
  if (head.count < 1 || head.lastOffsetDelta !== head.count - 1) {
    return refused(
      CODE.invalidRecord,
      `The batch says ${head.count} records and a last delta of ${head.lastOffsetDelta}.`,
    )
  }
  return { code: CODE.none, baseOffset: -1, logStart: -1, detail: null }
}
