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

let second = Number.NaN
let secondText = ''

/** RFC 3339 UTC with six digits: `2026-11-25T08:00:00.123456Z`. The second is written once for all that falls into it. */
export function rfc3339Micros(ms: number): string {
  const current = Math.floor(ms / 1000)
  if (current !== second) {
    second = current
    secondText = new Date(current * 1000).toISOString().slice(0, 20)
  }
  const micros = Math.min(999_999, Math.round((ms - current * 1000) * 1000))
  return `${secondText}${String(micros).padStart(6, '0')}Z`
}
