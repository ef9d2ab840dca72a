import { Buffer } from 'node:buffer'
import type { Journal, Segment } from './journal.ts'
import type { RecentBytes } from './recent.ts'
import type { Partition } from './topics.ts'

/** Which batches a fetch answers, chosen without touching a file. */
export interface ReadPlan {
  readonly pieces: readonly { readonly segment: number; readonly position: number; readonly bytes: number }[]
  readonly bytes: number
}

const NOTHING: ReadPlan = { pieces: [], bytes: 0 }

/**
 * Whole batches from the one that holds `offset` on, up to `maxBytes`; the first one even where it is larger if
 * `atLeastOne` (KIP-74: a reader must never be stuck before a large batch).
 */
export function planRead(partition: Partition, offset: number, maxBytes: number, atLeastOne: boolean): ReadPlan {
  const { batches } = partition
  let at = batches.find(offset)
  if (at === batches.length) return NOTHING
  const pieces: { segment: number; position: number; bytes: number }[] = []
  let bytes = 0
  for (; at < batches.length; at += 1) {
    const size = batches.bytes(at)
    if (bytes + size > maxBytes && !(atLeastOne && pieces.length === 0)) break
    pieces.push({ segment: batches.segment(at), position: batches.position(at), bytes: size })
    bytes += size
  }
  return { pieces, bytes }
}

/** Gaps up to this many bytes between two batches are read along: cheaper than a second read. */
const GAP_BYTES = 64 * 1024

/** Reads what was planned, in order: from the recent bytes where they are, else from the files. */
export async function readBatches(journal: Journal, recent: RecentBytes, plan: ReadPlan): Promise<Buffer[]> {
  const found: Buffer[] = []
  const missing: number[] = []
  plan.pieces.forEach((piece, index) => {
    const bytes = recent.get(piece.segment, piece.position)
    if (bytes === undefined) missing.push(index)
    found.push(bytes ?? EMPTY)
  })
  if (missing.length === 0) return found
  // Held before the first wait, so that no file is closed between the plan and its reads.
  const held = new Map<number, Segment>()
  for (const index of missing) {
    const no = (plan.pieces[index] as ReadPlan['pieces'][number]).segment
    const segment = journal.segments.get(no)
    if (segment === undefined) throw new Error(`segment ${no} is gone`)
    if (!held.has(no)) {
      segment.readers += 1
      held.set(no, segment)
    }
  }
  try {
    await Promise.all(runsOf(plan, missing).map((run) => readRun(plan, run, held, found)))
  } finally {
    for (const segment of held.values()) journal.release(segment)
  }
  return found
}

const EMPTY = Buffer.alloc(0)

/** Neighbours in one segment, to be read at once. */
function runsOf(plan: ReadPlan, missing: readonly number[]): number[][] {
  const runs: number[][] = []
  let end = -1
  let segment = -1
  for (const index of missing) {
    const piece = plan.pieces[index] as ReadPlan['pieces'][number]
    const near = piece.segment === segment && piece.position >= end && piece.position - end <= GAP_BYTES
    if (near) (runs.at(-1) as number[]).push(index)
    else runs.push([index])
    segment = piece.segment
    end = piece.position + piece.bytes
  }
  return runs
}

async function readRun(
  plan: ReadPlan,
  run: readonly number[],
  held: ReadonlyMap<number, Segment>,
  found: Buffer[],
): Promise<void> {
  const first = plan.pieces[run[0] as number] as ReadPlan['pieces'][number]
  const last = plan.pieces[run.at(-1) as number] as ReadPlan['pieces'][number]
  const length = last.position + last.bytes - first.position
  const bytes = await (held.get(first.segment) as Segment).file.read(first.position, length)
  if (bytes.length < length) throw new Error(`segment ${first.segment} is shorter than it was`)
  for (const index of run) {
    const piece = plan.pieces[index] as ReadPlan['pieces'][number]
    const at = piece.position - first.position
    found[index] = bytes.subarray(at, at + piece.bytes)
  }
}
