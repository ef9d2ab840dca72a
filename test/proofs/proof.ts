/**
 * A promise, the test that keeps it, and one line of source that, changed, must turn that
 * test red (`npm run prove` changes each once, in a copy). A promise without such a line is not proved.
 */
export interface Proof {
  /** From 1 on without a gap: 1 to 30 are the window's. */
  readonly number: number
  readonly promise: string
  /** Path of the test file. */
  readonly test: string
  /** The test's name, or how it begins. */
  readonly name: string
  readonly mutation: Mutation
  /** Needs Prometheus, Alertmanager or another engine that npm does not bring. */
  readonly real?: boolean
}

interface Mutation {
  readonly file: string
  /** Text on one line that occurs exactly once in the file. */
  readonly from: string
  readonly to: string
}
