/**
 * Chance that can be repeated: mulberry32, a 32-bit generator good enough for choosing faults. A
 * test prints its seed; `TEST_SEED` gives it back.
 */
export interface Chance {
  readonly seed: number
  /** 0 <= x < 1 */
  next(): number
  between(low: number, high: number): number
  pick<T>(from: readonly T[]): T
}

/** `TEST_SEED`, or one by chance. */
export const anySeed = (): number => Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

export function chance(seed = anySeed()): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    seed,
    next,
    between: (low, high) => Math.floor(low + next() * (high - low + 1)),
    pick: (from) => {
      const picked = from[Math.floor(next() * from.length)]
      if (picked === undefined) throw new Error('Nothing to pick from.')
      return picked
    },
  }
}
