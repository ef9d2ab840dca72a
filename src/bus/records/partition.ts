import type { Buffer } from 'node:buffer'

/**
 * The partition of a key as every Kafka client chooses it: murmur2 of the key, sign bit dropped, modulo the count
 * (`org.apache.kafka.common.utils.Utils.murmur2`). The client library has one, too: over BigInt, 1.1 us a
 * key where this one takes 0.04.
 */
export function partitionOf(key: Buffer, partitions: number): number {
  return partitions === 1 ? 0 : (murmur2(key) & 0x7fff_ffff) % partitions
}

/** Kafka's murmur2, as a signed 32-bit number. */
export function murmur2(key: Buffer): number {
  const m = 0x5bd1_e995
  const length = key.length
  let hash = 0x9747_b28c ^ length
  const blocks = length & ~3
  for (let at = 0; at < blocks; at += 4) {
    let block = key.readInt32LE(at)
    block = Math.imul(block, m)
    block ^= block >>> 24
    block = Math.imul(block, m)
    hash = Math.imul(hash, m) ^ block
  }
  const rest = length & 3
  if (rest > 0) {
    if (rest === 3) hash ^= (key[blocks + 2] as number) << 16
    if (rest >= 2) hash ^= (key[blocks + 1] as number) << 8
    hash ^= key[blocks] as number
    hash = Math.imul(hash, m)
  }
  hash ^= hash >>> 13
  hash = Math.imul(hash, m)
  return hash ^ (hash >>> 15)
}
