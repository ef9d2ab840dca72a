import { hash } from 'node:crypto'

import { hexOf, withRandom } from './randomness.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

let lastMs = 0
let counter = 0
let prefix = ''

const variantAndRest = (pool: Buffer, at: number): string =>
  hexOf(0x80 | ((pool[at] as number) & 0x3f)) +
  hexOf(pool[at + 1] as number) +
  '-' +
  hexOf(pool[at + 2] as number) +
  hexOf(pool[at + 3] as number) +
  hexOf(pool[at + 4] as number) +
  hexOf(pool[at + 5] as number) +
  hexOf(pool[at + 6] as number) +
  hexOf(pool[at + 7] as number)

const seed = (pool: Buffer, at: number): number => (((pool[at] as number) << 8) | (pool[at + 1] as number)) & 0x7ff

/**
 * A new UUIDv7 (RFC 9562 section 5.7), lower case, strictly increasing within this process: the 12 bits
 * after the version count within a millisecond (section 6.2, method 1), from a random start in the
 * lower half; a full counter borrows the next millisecond. A clock that steps back is not followed.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    startMillisecond(Math.floor(nowMs))
  } else if (++counter > 0xfff) {
    startMillisecond(lastMs + 1)
  }
  return prefix + counter.toString(16).padStart(3, '0') + '-' + withRandom(8, variantAndRest)
}

function startMillisecond(ms: number): void {
  lastMs = ms
  const hex = ms.toString(16).padStart(12, '0')
  prefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7`
  counter = withRandom(2, seed)
}

/** True for the canonical form 8-4-4-4-12 in hex of either case; no braces, no `urn:uuid:`. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && text.length === 36 && UUID.test(text)
}

/** The one spelling of an id: ids that differ only in case are the same id. Expects `isUuid`. */
export const canonicalUuid = (uuid: string): string => uuid.toLowerCase()

/** A UUID's 16 bytes. Expects `isUuid`. */
export const uuidBytes = (uuid: string): Buffer => Buffer.from(uuid.replaceAll('-', ''), 'hex')

/** The canonical text of 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * The id of the event at `position` (0-based) of a request that named an `Idempotency-Key`: the same
 * key and position give the same id, so that a repeated request makes no second row. UUIDv8 (RFC 9562
 * section 5.8) over SHA-256 of the key's bytes and the position.
 */
export function deriveId(key: string, position: number): string {
  const input = Buffer.allocUnsafe(20)
  uuidBytes(key).copy(input)
  input.writeUInt32BE(position, 16)
  const digest = hash('sha256', input, 'buffer').subarray(0, 16)
  digest[6] = 0x80 | ((digest[6] as number) & 0x0f)
  digest[8] = 0x80 | ((digest[8] as number) & 0x3f)
  return uuidText(digest)
}
