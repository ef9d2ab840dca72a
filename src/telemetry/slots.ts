import { openSketch } from './space-saving.ts'

/** How often places are given anew, and how long somebody must have been silent to lose one. */
export const PERIOD_MS = 600_000
export const SILENCE_MS = 3_600_000
/** A newcomer must weigh this many times what the silent one still weighs: places do not change hands to and fro. */
const HYSTERESIS = 2

interface Slot<L> {
  readonly key: string
  readonly owner: string
  readonly labels: L
  readonly isPinned: boolean
  /** What it brought, halved every period. */
  weight: number
  touched: boolean
  /** Not before it was last touched; minus infinity where it never was. */
  seenAtMs: number
}

interface Slots<L> {
  readonly free: number
  readonly taken: Iterable<L>
  /** The labels of a key that has a place. */
  find(key: string): L | undefined
  /** The same, and a place for a newcomer while there is one; says that it was seen, with so much weight. */
  admit(key: string, owner: string, weight: number): L | undefined
  /** A place for a newcomer that has done nothing yet: the first that is wanted by somebody who has. */
  welcome(key: string, owner: string): void
  /** Gives the places of the silent to the heaviest without one, where a period has passed. Answers who lost theirs. */
  settle(nowMs: number, isEligible: (key: string, owner: string) => boolean): L[]
  /** Takes away all places of an owner, or one. */
  drop(isDropped: (key: string, owner: string) => boolean): L[]
}

/**
 * Places for the few of many: `limit` of them, at most `share` for one owner. Who comes while there is room has one at once;
 * the rest is weighed in a sketch, and every ten minutes the heaviest of them get the places of those that were silent for
 * an hour. Who was seen within the hour keeps its place whatever comes.
 */
export function openSlots<L>(options: {
  readonly limit: number
  readonly share?: number
  readonly pinned?: readonly string[]
  readonly nowMs: number
  /** What can have a place at all. */
  readonly isKey: (key: string) => boolean
  readonly labelsOf: (key: string) => L
  readonly onAdmitted: (labels: L) => void
}): Slots<L> {
  const { isKey, labelsOf, onAdmitted, share = Infinity } = options
  const limit = Math.max(options.limit, options.pinned?.length ?? 0)
  const slots = new Map<string, Slot<L>>()
  const taken = new Map<string, number>()
  const sketch = openSketch(Math.max(64, 4 * limit))
  let settledAtMs = options.nowMs

  const hasRoom = (owner: string): boolean => slots.size < limit && (taken.get(owner) ?? 0) < share
  const give = (key: string, owner: string, weight: number, touched: boolean, isPinned = false): L => {
    const labels = labelsOf(key)
    slots.set(key, { key, owner, labels, isPinned, weight, touched, seenAtMs: -Infinity })
    taken.set(owner, (taken.get(owner) ?? 0) + 1)
    onAdmitted(labels)
    return labels
  }
  const takeAway = ({ key, owner, labels }: Slot<L>): L => {
    slots.delete(key)
    const left = (taken.get(owner) ?? 0) - 1
    if (left > 0) taken.set(owner, left)
    else taken.delete(owner)
    return labels
  }
  for (const key of options.pinned ?? []) give(key, key, 0, false, true)

  return {
    get free() {
      return limit - slots.size
    },
    get taken() {
      return slots.values().map(({ labels }) => labels)
    },
    find: (key) => slots.get(key)?.labels,
    admit(key, owner, weight) {
      const slot = slots.get(key)
      if (slot !== undefined) {
        slot.weight += weight
        slot.touched = true
        return slot.labels
      }
      if (!isKey(key)) return undefined
      if (hasRoom(owner)) return give(key, owner, weight, true)
      if (weight > 0) sketch.offer(key, weight)
      return undefined
    },
    welcome(key, owner) {
      if (isKey(key) && !slots.has(key) && hasRoom(owner)) give(key, owner, 0, false)
    },
    settle(nowMs, isEligible) {
      const periods = Math.floor((nowMs - settledAtMs) / PERIOD_MS)
      if (periods < 1) return []
      settledAtMs += periods * PERIOD_MS
      const factor = 2 ** -Math.min(periods, 64)
      for (const slot of slots.values()) {
        if (slot.touched) slot.seenAtMs = nowMs
        slot.touched = false
        slot.weight *= factor
      }
      sketch.decay(factor)
      const silent = [...slots.values()]
        .filter((slot) => !slot.isPinned && nowMs - slot.seenAtMs >= SILENCE_MS)
        .sort((a, b) => a.weight - b.weight)
      const lost: L[] = []
      for (const { key, weight } of sketch.heaviest()) {
        const owner = ownerOf(key)
        if (!isEligible(key, owner)) {
          sketch.forget(key)
          continue
        }
        if (!hasRoom(owner)) {
          const isFull = (taken.get(owner) ?? 0) >= share
          const at = silent.findIndex((slot) => !isFull || slot.owner === owner)
          const loser = silent[at]
          if (loser === undefined || weight <= HYSTERESIS * loser.weight) continue
          silent.splice(at, 1)
          lost.push(takeAway(loser))
        }
        sketch.forget(key)
        give(key, owner, weight, true)
      }
      return lost
    },
    drop(isDropped) {
      const dropped = [...slots.values()].filter(({ key, owner }) => isDropped(key, owner))
      return dropped.map(takeAway)
    },
  }
}

/** Of `tenant/dataset` the tenant, of `tenant` itself: slugs hold no slash. */
const ownerOf = (key: string): string => key.split('/', 1)[0] ?? key
