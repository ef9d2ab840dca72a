import { setTimeout as wait } from 'node:timers/promises'
import { Problem } from '../problems/index.ts'
import { CommitUnknown } from '../store/index.ts'

/** Whether an error says that Postgres is away, which passes, and not that something is wrong with what was asked. */
export const isAway = (error: unknown): boolean =>
  error instanceof CommitUnknown || (error instanceof Problem && error.code === 'dependency_away')

const FIRST_DELAY_MS = 100
const MAX_DELAY_MS = 5_000

/** Doubles from 100 ms to 5 s; the jitter keeps many workers from coming back in one instant. */
export function backoffMs(attempt: number, random: () => number): number {
  const delay = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 16))
  return delay * (0.5 + random() / 2)
}

interface Patience {
  readonly signal: AbortSignal
  readonly random: () => number
  /** Told each time, before the wait. */
  readonly onAway?: (error: unknown, retryInMs: number) => void
}

/**
 * Asks until Postgres answers. Only `isAway` is waited out; any other error is thrown at once, and so
 * is the signal's reason when it comes first.
 */
export async function untilAnswered<T>(ask: () => Promise<T>, patience: Patience): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    patience.signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      if (!isAway(error)) throw error
      const retryInMs = backoffMs(attempt, patience.random)
      patience.onAway?.(error, Math.round(retryInMs))
      await pause(retryInMs, patience.signal)
    }
  }
}

/** Waits; ends early, without an error, when the signal comes. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
