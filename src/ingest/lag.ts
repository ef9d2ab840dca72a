import type { Source } from './sources.ts'
import { readUntilMs } from './watermark.ts'

export interface Lag {
  readonly records: number
  readonly seconds: number
}

/**
 * How far a partition is behind, from what is known of it now; undefined while the bus has not said since the claim where
 * its log ends, so that a partition nobody has looked at shows no lag instead of a made-up one. `committed` is the lowest
 * offset that is not settled, `oldestHeldMs` the time of receipt of the oldest record in memory.
 *
 * Records: from there, or from the start of the log where retention has taken more, to the end of the log. A log that
 * ends before `committed` (cut back, or made anew) has none.
 *
 * Seconds: 0 when nothing is behind; else the age of the oldest record in memory. Where none is, the records are still on
 * the bus, and nobody has their times: they were appended after a look that found nothing unread, and after the last
 * record that was read was received, so that they are at most as old as the later of the two; where neither is known, they
 * are at least as old as our knowledge of them. A clock ahead of ours makes it 0, never less.
 */
export function lagOf(
  source: Source,
  committed: number,
  oldestHeldMs: number | undefined,
  nowMs: number,
): Lag | undefined {
  if (source.logEnd === undefined) return undefined
  const from = Math.max(committed, source.logStart)
  const records = Math.max(0, source.logEnd - from)
  if (records === 0) return { records: 0, seconds: 0 }
  const sinceMs = oldestHeldMs ?? readUntilMs(source) ?? source.behindSinceMs ?? nowMs
  return { records, seconds: Math.max(0, nowMs - sinceMs) / 1000 }
}

/** The bus has said where the log begins and ends; at `atMs` (epoch) or later, `position` being then as far as it was read. */
export function noteEnd(
  source: Source,
  log: { readonly earliest: number; readonly latest: number },
  atMs: number,
): void {
  source.logStart = log.earliest
  source.logEnd = log.latest
  if (source.position >= log.latest) {
    source.atEndMs = atMs
    source.behindSinceMs = undefined
  } else {
    source.behindSinceMs ??= atMs
  }
}
