/**
 * Which member reads which partition: rendezvous hashing (Thaler and Ravishankar, 1998). Everybody
 * computes the same answer from the same list of members, without talking; a member that joins or
 * leaves moves only what it takes or had, 1/n of all.
 */

/** 32 bits of FNV-1a, then murmur3's finalizer, so that names that differ in one digit are far apart. */
function weigh(member: string, partition: string): number {
  let hash = 0x811c9dc5
  for (const text of [member, '\n', partition]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The member whose share a partition (any stable name of it) is; `undefined` without members. Order does not matter. */
export function ownerOf(partition: string, members: readonly string[]): string | undefined {
  let best: string | undefined
  let bestWeight = -1
  for (const member of members) {
    const weight = weigh(member, partition)
    if (weight > bestWeight || (weight === bestWeight && best !== undefined && member < best)) {
      best = member
      bestWeight = weight
    }
  }
  return best
}
