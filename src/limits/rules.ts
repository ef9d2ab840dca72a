/** What whoever sends events may send; what is not named is not limited. All are whole numbers from 1 on. */
export interface Limits {
  readonly events_per_second?: number
  readonly bytes_per_second?: number
  /** A day is one of UTC. */
  readonly events_per_day?: number
  readonly bytes_per_day?: number
}
export type LimitName = keyof Limits

/** How one limit counts. */
export interface Rule {
  readonly name: LimitName
  readonly counts: 'events' | 'bytes'
  readonly windowSeconds: 1 | 86_400
  /** The part of what a window allows that a process takes at once. */
  readonly leased: number
}

/**
 * What a twentieth of a second allows, so that all processes together ask some twenty times a second for one that sends as much as it may; of a day
 * a thousandth, so that what a process still holds when it is killed is no matter.
 */
const rule = (name: LimitName, counts: Rule['counts'], windowSeconds: Rule['windowSeconds']): Rule => ({
  name,
  counts,
  windowSeconds,
  leased: windowSeconds === 1 ? 0.05 : 0.001,
})

export const RULES: readonly Rule[] = [
  rule('events_per_second', 'events', 1),
  rule('bytes_per_second', 'bytes', 1),
  rule('events_per_day', 'events', 86_400),
  rule('bytes_per_day', 'bytes', 86_400),
]

/** Kept as whole numbers by JavaScript and by Postgres, with room for what is owed. */
export const MOST_ALLOWED = 1_000_000_000_000_000
