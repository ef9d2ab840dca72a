/** A length of time as Prometheus writes it. */
export type Duration = `${number}${'s' | 'm' | 'h' | 'd'}`

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** The seconds of a duration. */
const secondsOf = (duration: Duration): number =>
  Number(duration.slice(0, -1)) * SECONDS[duration.at(-1) as keyof typeof SECONDS]

/** How fast the clock of the rules goes: every window, wait and age in them is written through one. */
export interface Tempo {
  /** A duration as it is to stand in a rule. */
  window(duration: Duration): string
  /** An age in seconds as it is to stand in a rule. */
  seconds(duration: Duration): number
}

/** As said: what `deploy/` holds. */
export const REAL_TIME: Tempo = { window: (duration) => duration, seconds: secondsOf }

/**
 * Rules for a test that cannot wait. Both give the seconds that an original length becomes, and have to keep the order: `window` of
 * what is looked back on and waited for, `age` of how old something may be, which the system under test must be able to keep.
 */
export const hurried = (scaled: { window(seconds: number): number; age(seconds: number): number }): Tempo => ({
  window: (duration) => `${Math.round(scaled.window(secondsOf(duration)) * 1000)}ms`,
  seconds: (duration) => scaled.age(secondsOf(duration)),
})
