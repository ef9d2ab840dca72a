import { performance } from 'node:perf_hooks'

/** Where time comes from: milliseconds since 1970, with a fraction where the source has one. */
export interface Clock {
  now(): number
}

let origin = Date.now() - performance.now()

/**
 * The wall clock with microseconds: the monotonic clock's fraction on the wall clock's milliseconds,
 * set anew whenever the two drift apart (a stepped or slewed clock).
 */
export const systemClock: Clock = {
  now() {
    const wall = Date.now()
    const estimate = origin + performance.now()
    if (estimate >= wall && estimate < wall + 1) return estimate
    origin = wall - performance.now()
    return wall
  },
}

/** RFC 3339 UTC with six digits: `2026-11-25T08:00:00.123456Z`. */
export function rfc3339Micros(ms: number): string {
  const whole = Math.floor(ms)
  const micros = Math.floor((ms - whole) * 1000)
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`
}
