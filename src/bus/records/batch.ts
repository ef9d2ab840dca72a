import type { Buffer } from 'node:buffer'
import { checksum } from './checksum.ts'
import { readInt64, writeInt64 } from '../wire/writer.ts'

/**
 * A record batch, magic 2 (https://kafka.apache.org/documentation/#recordbatch): 61 bytes of head, then records. The
 * checksum covers everything from the attributes on, so that a broker may patch base offset and leader epoch.
 */
export const BATCH_HEAD = 61
/** Base offset and length: what must be read to know where a batch ends. */
const BATCH_PREFIX = 12

const AT = {
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  count: 57,
} as const

export const ATTRIBUTE = { compression: 0x07, transactional: 0x10, control: 0x20 } as const

export interface BatchHead {
  readonly baseOffset: number
  /** Bytes of the whole batch, the prefix included. */
  readonly bytes: number
  readonly leaderEpoch: number
  readonly magic: number
  readonly attributes: number
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly count: number
}

/** Bytes of the batch that begins at `at`, or `undefined` when not even its prefix is there. */
export function batchBytes(bytes: Buffer, at: number): number | undefined {
  if (at + BATCH_PREFIX > bytes.length) return undefined
  return BATCH_PREFIX + bytes.readInt32BE(at + AT.length)
}

/** Reads the head of the batch at `at`; the caller has made sure that 61 bytes are there. */
export function readBatchHead(bytes: Buffer, at = 0): BatchHead {
  return {
    baseOffset: readInt64(bytes, at),
    bytes: BATCH_PREFIX + bytes.readInt32BE(at + AT.length),
    leaderEpoch: bytes.readInt32BE(at + AT.leaderEpoch),
    magic: bytes.readInt8(at + AT.magic),
    attributes: bytes.readInt16BE(at + AT.attributes),
    lastOffsetDelta: bytes.readInt32BE(at + AT.lastOffsetDelta),
    baseTimestamp: readInt64(bytes, at + AT.baseTimestamp),
    maxTimestamp: readInt64(bytes, at + AT.maxTimestamp),
    producerId: readInt64(bytes, at + AT.producerId),
    producerEpoch: bytes.readInt16BE(at + AT.producerEpoch),
    baseSequence: bytes.readInt32BE(at + AT.baseSequence),
    count: bytes.readInt32BE(at + AT.count),
  }
}

/** Whether the checksum of the batch in `bytes[at, at + length)` holds. */
export function batchIntact(bytes: Buffer, at: number, length: number): boolean {
  return checksum(bytes.subarray(at + AT.attributes, at + length)) === bytes.readUInt32BE(at + AT.crc)
}

/** Gives the batch at `at` its place in a log; its checksum stays valid. */
export function placeBatch(bytes: Buffer, at: number, baseOffset: number): void {
  writeInt64(bytes, baseOffset, at)
  bytes.writeInt32BE(0, at + AT.leaderEpoch)
}

/** Writes the head around records that are already in `bytes` from `BATCH_HEAD` on; not idempotent, not compressed. */
export function sealBatch(bytes: Buffer, count: number, timestampMs: number): Buffer {
  writeInt64(bytes, 0, 0)
  bytes.writeInt32BE(bytes.length - BATCH_PREFIX, AT.length)
  bytes.writeInt32BE(-1, AT.leaderEpoch)
  bytes.writeInt8(2, AT.magic)
  bytes.writeInt16BE(0, AT.attributes)
  bytes.writeInt32BE(count - 1, AT.lastOffsetDelta)
  writeInt64(bytes, timestampMs, AT.baseTimestamp)
  writeInt64(bytes, timestampMs, AT.maxTimestamp)
  writeInt64(bytes, -1, AT.producerId)
  bytes.writeInt16BE(-1, AT.producerEpoch)
  bytes.writeInt32BE(-1, AT.baseSequence)
  bytes.writeInt32BE(count, AT.count)
  bytes.writeUInt32BE(checksum(bytes.subarray(AT.attributes)), AT.crc)
  return bytes
}
