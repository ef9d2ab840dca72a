import type { FreshnessPoint } from '../telemetry/index.ts'
import type { Draft } from './draft.ts'
import type { Segment } from './segment.ts'

/** Times of receipt that are read of one dataset's part of a run, and of each segment of a flush: none is parsed for every event. */
export const RUN_SAMPLES = 8
const SEGMENT_SAMPLES = 16

/** A time of receipt in milliseconds since 1970; undefined where the text is none. */
export function receivedMs(text: string | null | undefined): number | undefined {
  const ms = text === null || text === undefined || text === '' ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}

/** Shares `rows` out evenly over the samples, so that they sum to it exactly. */
function weigh(samples: readonly number[], rows: number): FreshnessPoint[] {
  const points: FreshnessPoint[] = []
  let given = 0
  for (let i = 0; i < samples.length; i += 1) {
    const until = Math.round(((i + 1) * rows) / samples.length)
    if (until > given) points.push({ receivedAtMs: samples[i] as number, rows: until - given })
    given = until
  }
  return points
}

/** What a run's samples say about the age of its records. */
export function freshnessOfRun(samples: readonly string[], records: number): FreshnessPoint[] {
  const read: number[] = []
  for (const text of samples) {
    const ms = receivedMs(text)
    if (ms !== undefined) read.push(ms)
  }
  return weigh(read, records)
}

/** The same of the rows that a flush wrote, `isWritten` by the draft: evenly spaced ones of each segment. The weights sum to the rows. */
export function freshnessOfRows(draft: Draft, isWritten: (state: number | undefined) => boolean): FreshnessPoint[] {
  const points: FreshnessPoint[] = []
  draft.taken.segments.forEach((segment, index) => {
    const base = draft.bases[index] as number
    const end = base + segment.ids.length
    let rows = 0
    for (let row = base; row < end; row += 1) if (isWritten(draft.states[row])) rows += 1
    if (rows === 0) return
    const step = Math.max(1, rows / SEGMENT_SAMPLES)
    const samples: number[] = []
    for (let row = base, nth = 0; row < end; row += 1) {
      if (!isWritten(draft.states[row])) continue
      if (nth >= samples.length * step) {
        const ms = receivedMs(segment.receivedAts[row - base])
        if (ms !== undefined) samples.push(ms)
      }
      nth += 1
    }
    points.push(...weigh(samples, rows))
  })
  return points
}

const Z = 90

/**
 * When the oldest of the segment's records was received, in milliseconds since 1970; undefined where none says. Looks at each
 * record once however often it is asked, and compares texts, as long as they are in Pulse's own notation.
 */
export function oldestReceivedMs(segment: Segment): number | undefined {
  const { age, receivedAts, letters } = segment
  for (; age.rows < receivedAts.length; age.rows += 1) older(age, receivedAts[age.rows] as string)
  for (; age.letters < letters.length; age.letters += 1) {
    const { receivedAt } = letters[age.letters] as { readonly receivedAt: string | null }
    if (receivedAt !== null) older(age, receivedAt)
  }
  return receivedMs(age.oldest)
}

function older(age: Segment['age'], text: string): void {
  let own = text
  if (text.charCodeAt(text.length - 1) !== Z) {
    const ms = receivedMs(text)
    if (ms === undefined) return
    own = new Date(ms).toISOString()
  }
  if (age.oldest === '' || own < age.oldest) age.oldest = own
}
