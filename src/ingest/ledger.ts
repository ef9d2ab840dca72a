import type { Store } from '../store/index.ts'

/** What a unit of Postgres' binary arrays starts with: one dimension, no nulls, type uuid (oid 2950). */
const HEADER_BYTES = 20
const ELEMENT_BYTES = 20
/** An array of nothing has no length and no first index. */
const EMPTY_BYTES = 12
const UUID_OID = 2950

/**
 * Event ids as Postgres' own binary `uuid[]` (array_send's layout): 20 bytes an id instead of 39 of
 * text, and nothing to parse at the server. Throws on anything that is not a canonical UUID.
 */
export function packIds(ids: Iterable<string>, count: number): Buffer {
  const packed = arrayOf(UUID_OID, count, ELEMENT_BYTES)
  let at = HEADER_BYTES
  for (const id of ids) {
    packed.writeInt32BE(16, at)
    if (!writeUuid(packed, at + 4, id)) throw new TypeError(`"${id}" is not a UUID.`)
    at += ELEMENT_BYTES
  }
  if (at !== packed.length) throw new TypeError(`There are ${(at - HEADER_BYTES) / ELEMENT_BYTES} ids, not ${count}.`)
  return count === 0 ? packed.subarray(0, EMPTY_BYTES) : packed
}

/** Room for an array of `count` elements with its header (array_recv): dimensions, nulls, type, length, first index. */
function arrayOf(oid: number, count: number, elementBytes: number): Buffer {
  const packed = Buffer.allocUnsafe(HEADER_BYTES + count * elementBytes)
  packed.writeInt32BE(count === 0 ? 0 : 1, 0)
  packed.writeInt32BE(0, 4)
  packed.writeInt32BE(oid, 8)
  packed.writeInt32BE(count, 12)
  packed.writeInt32BE(1, 16)
  return packed
}

const BIGINT_OID = 20
export const RECORD_BYTES = 8
const BIGINT_ELEMENT_BYTES = 12

/**
 * Records (`writeRecord`), 8 bytes each, as Postgres' own binary `bigint[]`; null where there is none. Throws where there are not as
 * many as ids.
 */
export function packRecords(parts: readonly Buffer[], count: number): Buffer | null {
  if (parts.length === 0) return null
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  if (bytes !== count * RECORD_BYTES) throw new TypeError(`There are ${bytes / RECORD_BYTES} records for ${count} ids.`)
  const packed = arrayOf(BIGINT_OID, count, BIGINT_ELEMENT_BYTES)
  let at = HEADER_BYTES
  for (const part of parts) {
    for (let from = 0; from < part.length; from += RECORD_BYTES) {
      packed.writeInt32BE(RECORD_BYTES, at)
      packed.writeUInt32BE(part.readUInt32BE(from), at + 4)
      packed.writeUInt32BE(part.readUInt32BE(from + 4), at + 8)
      at += BIGINT_ELEMENT_BYTES
    }
  }
  return count === 0 ? packed.subarray(0, EMPTY_BYTES) : packed
}

/**
 * A record as the ledger names it, 8 bytes: the partition in the upper 16 bits, which Postgres reads back with `>> 48`. The topic
 * is the tenant's own.
 */
export function writeRecord(into: Buffer, at: number, partition: number, offset: number): void {
  into.writeUInt32BE(((partition & 0x7fff) << 16) | Math.floor(offset / 2 ** 32), at)
  into.writeUInt32BE(offset % 2 ** 32, at + 4)
}

/** Where each of the 16 bytes begins in the text. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const
/** A digit's value by its character code; 16 and more: not a digit. */
const DIGIT = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(value) ? 0xff : value
})

function writeUuid(into: Buffer, at: number, text: string): boolean {
  if (text.length !== 36) return false
  let seen = 0
  for (let i = 0; i < 16; i++) {
    const place = PLACES[i] as number
    const high = DIGIT[text.charCodeAt(place)] ?? 0xff
    const low = DIGIT[text.charCodeAt(place + 1)] ?? 0xff
    seen |= high | low
    into[at + i] = (high << 4) | low
  }
  return seen < 16
}

/**
 * Which of the ids the ledger already has for a dataset of the tenant. For flushes that expect
 * repeats; the others find out in the commit itself, for nothing.
 */
export async function knownIds(
  store: Store,
  tenantId: string,
  datasetNumber: number,
  ids: readonly string[],
): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const packed = packIds(ids, ids.length)
  const rows = await store.callAsTenant<{ id: string }>(
    tenantId,
    'SELECT id FROM public.ledger_known($1, $2) AS id',
    [datasetNumber, packed],
    { name: 'ledger' },
  )
  return new Set(rows.map((row) => row.id))
}
