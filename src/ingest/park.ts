/**
 * A dataset that could not be flushed waits apart, with a growing delay, while everything else goes
 * on. Where its table is at fault, its records become dead letters past the bound, each flush still
 * trying the table first; where the lake as a whole is, they wait as long as it takes.
 */
export interface Parked {
  readonly fault: Fault
  readonly sinceMs: number
  readonly untilMs: number
  readonly attempts: number
}

/**
 * `table`: dropped, unreadable or incompatible. `lake`: a full disk, a store that is away, a table
 * that others keep moving: not the records' fault, and it passes.
 */
export type Fault = 'table' | 'lake'

const FIRST_DELAY_MS = { table: 1_000, lake: 200 } as const
const MAX_DELAY_MS = { table: 60_000, lake: 5_000 } as const

/** The dataset could not be flushed (again): when to try next. Delays double, within the bound. */
export function park(before: Parked | undefined, fault: Fault, nowMs: number, boundSeconds: number): Parked {
  const again = before?.fault === fault ? before : undefined
  const sinceMs = again?.sinceMs ?? nowMs
  const attempts = (again?.attempts ?? 0) + 1
  const delayMs = Math.min(MAX_DELAY_MS[fault], FIRST_DELAY_MS[fault] * 2 ** Math.min(attempts - 1, 16))
  if (fault === 'lake') return { fault, sinceMs, attempts, untilMs: nowMs + delayMs }
  // The last wait ends exactly at the bound, so that the bound is what the setting says; past it
  // every due flush tries the table once and then gives its records up, without waiting.
  const leftMs = sinceMs + boundSeconds * 1000 - nowMs
  return { fault, sinceMs, attempts, untilMs: nowMs + Math.max(0, Math.min(delayMs, leftMs)) }
}

/** Whether a dataset has waited long enough for its records to become dead letters. */
export function isGivenUp(parked: Parked | undefined, nowMs: number, boundSeconds: number): boolean {
  return parked?.fault === 'table' && nowMs - parked.sinceMs >= boundSeconds * 1000
}
