import type { Buffer } from 'node:buffer'
import { batchIntact, readBatchHead, BATCH_HEAD } from '../records/batch.ts'
import type { BatchEntry } from './batch-index.ts'
import { applyCheckpoint, checkpointFormat, JOURNAL_FORMAT } from './checkpoint.ts'
import type { FileLayer, JournalFile } from './files.ts'
import {
  BATCH_FRAME_HEAD,
  FRAME_HEAD,
  frameIntact,
  GROUP_HEAD,
  GROUP_MAGIC,
  isBatch,
  KIND,
  readGroupHead,
  type Kind,
} from './frames.ts'
import { segmentName, segmentNumber, type Segment } from './journal.ts'
import { forgetOldProducers, rememberBatch } from './producers.ts'
import { applyChange } from './changes.ts'
import { countBatch, emptyState, type BusState, type Partition } from './topics.ts'

/** The journal is damaged where it must not be, or was written by a newer version. The sentence is for an operator. */
export class JournalRefused extends Error {
  override readonly name = 'JournalRefused'
}

interface Recovered {
  readonly state: BusState
  readonly segments: Segment[]
  readonly nextSequence: number
  /** Bytes of the last segment that were cut off because their group was not whole. */
  readonly cutBytes: number
}

/**
 * Reads the journal from its first byte and rebuilds the state. Every checksum is looked at.
 *
 * A group that is not whole at the very end was being written when the process or the machine stopped; it was never
 * acknowledged (the ack comes after the sync), and is cut off. Anything else that is not whole is damage: the bus then
 * refuses to start, because going on would silently lose records that were acknowledged.
 */
export async function recover(
  files: FileLayer,
  options: { readonly clusterId: string; readonly groupOf: (topic: string) => string; readonly folder: string },
): Promise<Recovered> {
  const numbers = (await files.list()).map(segmentNumber).filter((no) => no !== undefined)
  numbers.sort((a, b) => a - b)
  const replay = newReplay(emptyState(options.clusterId), options.groupOf)
  const segments: Segment[] = []
  let sequence = 0
  let cutBytes = 0
  let before = 0
  for (const no of numbers) {
    const file = await files.open(segmentName(no))
    const size = await file.size()
    const bytes = await file.read(0, size)
    const scan = scanSegment(bytes, no, replay)
    const last = no === numbers.at(-1)
    // Segments whose numbers follow each other hold sequences that do: a closed one cut at a group's end shows, too.
    const gap = before === no - 1 && scan.groups > 0 && scan.firstSequence !== sequence + 1
    if (gap || (scan.end < size && (!last || provenAfter(bytes, scan.end))) || (scan.groups === 0 && !last)) {
      await file.close()
      for (const segment of segments) await segment.file.close()
      const where = gap
        ? `${segmentName(before)} at its end (groups are missing)`
        : `${segmentName(no)} at byte ${scan.end} (${scan.why})`
      throw new JournalRefused(
        `The bus's journal in ${options.folder} is damaged: ${where}. What follows was acknowledged, so nothing is ` +
          `thrown away by itself. Restore the folder from a copy, or move it away to begin with an empty bus.`,
      )
    }
    if (scan.end < size) cutBytes = size - scan.end
    if (scan.groups === 0) {
      // A segment whose first group never got whole was not in use yet; what came before it is complete.
      await file.close()
      await files.remove(segmentName(no))
      await files.syncFolder()
      continue
    }
    sequence = scan.sequence
    before = no
    if (last) await settleTail(file, scan.end, size)
    segments.push({ no, file, bytes: scan.end, readers: 0, removed: false })
  }
  replay.finish()
  return { state: replay.state, segments, nextSequence: sequence + 1, cutBytes }
}

/** Whole groups that a `kill -9` left unsynced become readable now: they must be on the medium first. */
async function settleTail(file: JournalFile, end: number, size: number): Promise<void> {
  if (end < size) await file.truncate(end)
  await file.sync()
}

interface Scan {
  readonly end: number
  readonly groups: number
  readonly firstSequence: number
  readonly sequence: number
  readonly why: string
}

function scanSegment(bytes: Buffer, no: number, replay: Replay): Scan {
  let at = 0
  let groups = 0
  let firstSequence = 0
  let sequence = 0
  let why: string | undefined
  while (at < bytes.length) {
    const head = readGroupHead(bytes, at)
    const end = at + GROUP_HEAD + (head?.bodyBytes ?? 0)
    if (head === undefined) why = 'no group begins there'
    else if (end > bytes.length) why = 'its group is cut off'
    else if (groups > 0 && head.sequence !== sequence + 1) why = 'a group is missing'
    else why = groupFault(bytes, at + GROUP_HEAD, end, head.frames)
    if (head === undefined || why !== undefined) break
    eachFrame(bytes, at + GROUP_HEAD, end, (kind, from, to) => replay.frame(kind, bytes, no, from, to))
    if (groups === 0) firstSequence = head.sequence
    groups += 1
    sequence = head.sequence
    at = end
  }
  return { end: at, groups, firstSequence, sequence, why: why ?? '' }
}

/** Why a group cannot be believed, or `undefined`. Nothing of it is applied before all of it was looked at. */
function groupFault(bytes: Buffer, from: number, end: number, frames: number): string | undefined {
  let at = from
  let count = 0
  while (at < end) {
    if (at + FRAME_HEAD > end) return 'a frame is cut off'
    const length = bytes.readUInt32BE(at)
    const kind = bytes[at + 8] as Kind
    const least = isBatch(kind) ? BATCH_FRAME_HEAD + BATCH_HEAD : FRAME_HEAD
    if (length < least || at + length > end) return 'a frame has an impossible length'
    if (!frameIntact(bytes, at, length, kind)) return 'a frame fails its checksum'
    if (isBatch(kind)) {
      const batch = at + BATCH_FRAME_HEAD
      if (readBatchHead(bytes, batch).bytes !== length - BATCH_FRAME_HEAD) return 'a record batch has a wrong length'
      if (!batchIntact(bytes, batch, length - BATCH_FRAME_HEAD)) return 'a record batch fails its checksum'
    }
    at += length
    count += 1
  }
  return count === frames ? undefined : `${count} frames where its head says ${frames}`
}

function eachFrame(
  bytes: Buffer,
  from: number,
  end: number,
  visit: (kind: Kind, from: number, to: number) => void,
): void {
  let at = from
  while (at < end) {
    const length = bytes.readUInt32BE(at)
    visit(bytes[at + 8] as Kind, at + FRAME_HEAD, at + length)
    at += length
  }
}

/** Whether some later group says that byte `at` was on the medium before it was written itself. */
function provenAfter(bytes: Buffer, at: number): boolean {
  let from = bytes.indexOf(GROUP_MAGIC, at + 1)
  while (from !== -1) {
    const head = readGroupHead(bytes, from)
    if (head !== undefined && head.syncedUpTo > at) return true
    from = bytes.indexOf(GROUP_MAGIC, from + 1)
  }
  return false
}

interface Replay {
  readonly state: BusState
  frame(kind: Kind, bytes: Buffer, segment: number, from: number, to: number): void
  finish(): void
}

/** Applies frames in journal order. Batches are put in order, counted and cut to the logs' starts only at the end. */
function newReplay(state: BusState, groupOf: (topic: string) => string): Replay {
  const found = new Map<string, { topicNo: number; index: number; entries: BatchEntry[] }>()

  function batch(kind: Kind, bytes: Buffer, segment: number, from: number): void {
    const topicNo = bytes.readUInt32BE(from)
    const index = bytes.readUInt32BE(from + 4)
    const head = readBatchHead(bytes, from + 8)
    const key = `${topicNo}/${index}`
    let log = found.get(key)
    if (log === undefined) found.set(key, (log = { topicNo, index, entries: [] }))
    log.entries.push({
      baseOffset: head.baseOffset,
      lastOffset: head.baseOffset + head.lastOffsetDelta,
      segment,
      position: from + 8,
      bytes: head.bytes,
      maxTimestamp: head.maxTimestamp,
    })
    if (kind === KIND.movedBatch) return
    const partition = state.topics.get(topicNo)?.partitions[index]
    if (partition === undefined) return
    partition.nextOffset = Math.max(partition.nextOffset, head.baseOffset + head.lastOffsetDelta + 1)
    if (head.producerId >= 0) {
      rememberBatch(partition.producers, head, head.baseOffset)
      forgetOldProducers(partition.producers)
    }
  }

  return {
    state,
    frame(kind, bytes, segment, from, to) {
      if (isBatch(kind)) return batch(kind, bytes, segment, from)
      const body = bytes.subarray(from, to)
      if (kind !== KIND.checkpoint) return applyChange(state, kind, body, groupOf)
      const format = checkpointFormat(body)
      if (format > JOURNAL_FORMAT) {
        throw new JournalRefused(
          `The bus's journal has format ${format}, this version of Pulse reads up to ${JOURNAL_FORMAT}. Start the ` +
            `version that wrote it, or a newer one.`,
        )
      }
      applyCheckpoint(state, body, groupOf)
    },
    finish() {
      for (const { topicNo, index, entries } of found.values()) {
        const partition = state.topics.get(topicNo)?.partitions[index]
        if (partition !== undefined) indexBatches(state, partition, entries)
      }
      for (const topic of state.topics.values()) {
        for (const partition of topic.partitions) partition.highWatermark = partition.nextOffset
      }
    },
  }
}

function indexBatches(state: BusState, partition: Partition, entries: readonly BatchEntry[]): void {
  const { logStart } = partition
  partition.batches.rebuild(entries.filter((entry) => entry.lastOffset >= logStart))
  for (let at = 0; at < partition.batches.length; at += 1) {
    countBatch(state, partition, partition.batches.segment(at), partition.batches.bytes(at), 1)
  }
}
