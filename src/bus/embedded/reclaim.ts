import type { Buffer } from 'node:buffer'
import { writeBatchBody } from './append.ts'
import { BATCH_FRAME_HEAD, FRAME_HEAD, KIND } from './frames.ts'
import type { Entry, Journal } from './journal.ts'
import { readBatches } from './read.ts'
import type { RecentBytes } from './recent.ts'
import { countBatch, type BusState, type Partition } from './topics.ts'

export interface Reclaimer {
  /** Something landed: segments may have died. Cheap; work is done in the background, one pass at a time. */
  noticed(): void
  /** Runs until nothing is left to do. For tests and for a caller that wants the space now. */
  run(): Promise<void>
  close(): Promise<void>
}

interface ReclaimOptions {
  readonly state: BusState
  readonly journal: Journal
  readonly recent: RecentBytes
  readonly segmentBytes: number
  readonly now: () => number
}

/** A closed segment with less than this share of readable bytes is emptied, whatever the disk holds. */
const SPARSE = 0.1
/** The disk may hold this many times the readable bytes (and two segments) before segments are emptied for space. */
const SLACK = 1.5
/** Bytes moved in one ticket. */
const MOVE_BYTES = 4 * 1024 * 1024
const PASS_EVERY_MS = 1000

/**
 * Gives space back. A closed segment without readable records is removed (its topics and log starts stand in the
 * checkpoints of later segments). One that holds few is emptied first: those batches are written again at the end,
 * so that one idle partition does not keep a whole segment for ever. Cost: a byte is moved only when at least as much
 * is freed, so that writing stays within a small factor of what is produced.
 */
export function reclaimer(options: ReclaimOptions): Reclaimer {
  const { state, journal, recent } = options
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  let lastPass = 0

  const liveOf = (no: number): number => state.liveBySegment.get(no) ?? 0

  /** The closed segment to empty next, if one is worth it. */
  function choose(): number | undefined {
    let sparsest: number | undefined
    let least = 1
    for (const segment of journal.segments.values()) {
      if (segment === journal.active) continue
      const share = liveOf(segment.no) / Math.max(1, segment.bytes)
      if (share < least) {
        least = share
        sparsest = segment.no
      }
    }
    if (sparsest === undefined || least < SPARSE) return sparsest
    const bound = state.liveBytes * SLACK + 2 * options.segmentBytes
    return journal.diskBytes > bound && least < 0.7 ? sparsest : undefined
  }

  async function pass(): Promise<void> {
    lastPass = options.now()
    for (let chosen = choose(); chosen !== undefined && !closed; chosen = choose()) {
      if (liveOf(chosen) > 0 && !(await empty(chosen))) return
      await journal.remove(chosen)
      state.liveBySegment.delete(chosen)
    }
  }

  /** Writes a segment's readable batches again; false where that failed, to be tried at the next pass. */
  async function empty(no: number): Promise<boolean> {
    for (const topic of Array.from(state.topics.values())) {
      for (const partition of topic.partitions) {
        while (partition.batches.length > 0) {
          const bases = basesIn(partition, no)
          if (bases.length === 0) break
          if (!(await move(partition, no, bases))) return false
        }
      }
    }
    return liveOf(no) <= 0
  }

  function basesIn(partition: Partition, no: number): number[] {
    const bases: number[] = []
    let bytes = 0
    for (let at = 0; at < partition.batches.length && bytes < MOVE_BYTES; at += 1) {
      if (partition.batches.segment(at) !== no) continue
      bases.push(partition.batches.baseOffset(at))
      bytes += partition.batches.bytes(at)
    }
    return bases
  }

  async function move(partition: Partition, from: number, bases: readonly number[]): Promise<boolean> {
    const plan = {
      pieces: bases.map((base) => partition.batches.entry(partition.batches.find(base))),
      bytes: 0,
    }
    const batches = await readBatches(journal, recent, plan)
    const { promise, resolve } = Promise.withResolvers<boolean>()
    journal.commit({
      bytes: batches.reduce((sum, batch) => sum + batch.length + BATCH_FRAME_HEAD, 0),
      // A batch that was deleted meanwhile is written all the same: it is dead where it lands, like any other.
      prepare: () => batches.map((batch, index) => movedEntry(partition, batch, bases[index] as number, from)),
      settle: (fault) => resolve(fault === null),
    })
    return promise
  }

  function movedEntry(partition: Partition, batch: Buffer, base: number, from: number): Entry {
    return {
      kind: KIND.movedBatch,
      bodyBytes: BATCH_FRAME_HEAD - FRAME_HEAD + batch.length,
      write: (into, at) => writeBatchBody(into, at, partition, batch, base),
      landed(segment, position) {
        const at = partition.batches.find(base)
        const still =
          at < partition.batches.length &&
          partition.batches.baseOffset(at) === base &&
          partition.batches.segment(at) === from
        if (!still || partition.topic.deleted) return
        countBatch(state, partition, from, batch.length, -1)
        countBatch(state, partition, segment, batch.length, 1)
        partition.batches.move(at, segment, position + FRAME_BODY_PREFIX)
      },
      lost: () => undefined,
    }
  }

  function start(): Promise<void> {
    running ??= pass()
      .catch(() => undefined)
      .finally(() => {
        running = undefined
      })
    return running
  }

  return {
    noticed() {
      if (closed || timer !== undefined || running !== undefined || journal.segments.size < 2) return
      const wait = Math.max(0, lastPass + PASS_EVERY_MS - options.now())
      timer = setTimeout(() => {
        timer = undefined
        void start()
      }, wait).unref()
    },
    async run() {
      while (running !== undefined) await running
      await start()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}

/** Topic number and partition before the batch. */
const FRAME_BODY_PREFIX = BATCH_FRAME_HEAD - FRAME_HEAD
