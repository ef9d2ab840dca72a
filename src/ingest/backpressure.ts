/**
 * One buffer, shared fairly without being divided: a tenant is read while it holds less than
 * `PRESSURE` times what is still free. That is the dynamic threshold of shared-memory switches
 * (Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
 * 1998): one busy tenant gets 2/3 of the buffer, n busy tenants 2/(1 + 2n) each, and there is
 * always room left for whoever comes next.
 */
const PRESSURE = 2

interface Room {
  readonly capacityBytes: number
  /** All tenants' buffered and in-flight bytes. */
  readonly usedBytes: number
}

/**
 * How many more bytes may be read for a tenant that holds `heldBytes`; 0 = not now. They count
 * on both sides of the threshold: what is read is held, and no longer free.
 */
export function roomFor(heldBytes: number, room: Room): number {
  const free = Math.max(0, room.capacityBytes - room.usedBytes)
  return Math.max(0, Math.floor((PRESSURE * free - heldBytes) / (1 + PRESSURE)))
}

/** The most one partition may answer with, so that neither it nor its tenant overfills the buffer. */
export function fetchBytes(roomBytes: number, readablePartitions: number): number {
  const fair = Math.floor(FETCH_BYTES / Math.max(1, readablePartitions))
  return Math.max(MIN_PARTITION_BYTES, Math.min(fair, roomBytes, MAX_PARTITION_BYTES))
}

/** One poll's most bytes: some ten thousand events, consumed in about 20 ms, so that probes are answered between polls. */
export const FETCH_BYTES = 8 << 20
const MAX_PARTITION_BYTES = 4 << 20
const MIN_PARTITION_BYTES = 32 << 10
