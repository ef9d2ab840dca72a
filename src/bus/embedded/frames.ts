import { Buffer } from 'node:buffer'
import { BATCH_HEAD } from '../records/batch.ts'
import { checksum } from '../records/checksum.ts'
import { readInt64, writeInt64 } from '../wire/writer.ts'

/**
 * The journal's bytes. A segment is groups in a row; a group is what one sync made durable, a head and then frames:
 *
 *     group  = 'PLSGROUP' sequence:u64 syncedUpTo:u64 bodyBytes:u32 frames:u32 crc:u32(of the head) frame*
 *     frame  = bytes:u32(all of it) crc:u32 kind:u8 body
 *     body   = topic:u32 partition:u32 record batch      kind 1 and 2
 *            | JSON                                      all other kinds
 *
 * The checksum of a batch frame ends with the batch's head: the batch carries its own over the rest, so that no byte is
 * summed twice and none is left out. `syncedUpTo` tells a torn tail from damage: a group that says "everything before me
 * was on the medium" proves that a broken one before it was whole once.
 */
export const GROUP_HEAD = 36
export const FRAME_HEAD = 9
export const BATCH_FRAME_HEAD = FRAME_HEAD + 8
export const GROUP_MAGIC = Buffer.from('PLSGROUP', 'latin1')

export const KIND = {
  batch: 1,
  /** A batch that was copied forward so that its old segment could be removed. */
  movedBatch: 2,
  /** The whole state except records: the first frame of every segment. */
  checkpoint: 3,
  topicCreated: 4,
  topicDeleted: 5,
  partitionsAdded: 6,
  logStart: 7,
  producerIds: 8,
} as const
export type Kind = (typeof KIND)[keyof typeof KIND]

interface GroupHead {
  readonly sequence: number
  readonly syncedUpTo: number
  readonly bodyBytes: number
  readonly frames: number
}

export function writeGroupHead(bytes: Buffer, at: number, head: GroupHead): void {
  GROUP_MAGIC.copy(bytes, at)
  writeInt64(bytes, head.sequence, at + 8)
  writeInt64(bytes, head.syncedUpTo, at + 16)
  bytes.writeUInt32BE(head.bodyBytes, at + 24)
  bytes.writeUInt32BE(head.frames, at + 28)
  bytes.writeUInt32BE(checksum(bytes.subarray(at, at + 32)), at + 32)
}

/** The group head at `at`, or `undefined` where there is none that is whole. */
export function readGroupHead(bytes: Buffer, at: number): GroupHead | undefined {
  if (at + GROUP_HEAD > bytes.length) return undefined
  if (GROUP_MAGIC.compare(bytes, at, at + 8) !== 0) return undefined
  if (checksum(bytes.subarray(at, at + 32)) !== bytes.readUInt32BE(at + 32)) return undefined
  return {
    sequence: readInt64(bytes, at + 8),
    syncedUpTo: readInt64(bytes, at + 16),
    bodyBytes: bytes.readUInt32BE(at + 24),
    frames: bytes.readUInt32BE(at + 28),
  }
}

/** Writes the head of a frame whose body is already in place. */
export function sealFrame(bytes: Buffer, at: number, length: number, kind: Kind): void {
  bytes.writeUInt32BE(length, at)
  bytes[at + 8] = kind
  bytes.writeUInt32BE(checksum(bytes.subarray(at + 8, at + summedBytes(kind, length))), at + 4)
}

/** Whether the frame's own checksum holds (a batch's is checked beside it). */
export function frameIntact(bytes: Buffer, at: number, length: number, kind: Kind): boolean {
  return checksum(bytes.subarray(at + 8, at + summedBytes(kind, length))) === bytes.readUInt32BE(at + 4)
}

function summedBytes(kind: Kind, length: number): number {
  return isBatch(kind) ? BATCH_FRAME_HEAD + BATCH_HEAD : length
}

export const isBatch = (kind: number): boolean => kind === KIND.batch || kind === KIND.movedBatch
