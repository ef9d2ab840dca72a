import type { Buffer } from 'node:buffer'

/** The batches written last, so that a reader that keeps up never touches a file. */
export interface RecentBytes {
  keep(segment: number, position: number, bytes: Buffer): void
  get(segment: number, position: number): Buffer | undefined
}

export function recentBytes(maxBytes: number): RecentBytes {
  // A Map keeps the order of insertion: its first key is the oldest batch.
  const kept = new Map<number, Buffer>()
  let bytes = 0
  // Positions stay far below 2^31: a segment is cut at tens of megabytes, a group at 16 more.
  const keyOf = (segment: number, position: number): number => segment * 0x8000_0000 + position
  return {
    keep(segment, position, batch) {
      kept.set(keyOf(segment, position), batch)
      bytes += batch.length
      if (bytes <= maxBytes) return
      for (const [key, old] of kept) {
        kept.delete(key)
        bytes -= old.length
        if (bytes <= maxBytes) return
      }
    },
    get: (segment, position) => kept.get(keyOf(segment, position)),
  }
}
