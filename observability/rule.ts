import type { Tempo } from './tempo.ts'

/** A series that Prometheus computes and keeps, named `level:metric:operations`. */
export interface Recording {
  readonly record: string
  readonly expr: (tempo: Tempo) => string
  /** Labels that the rule adds. */
  readonly labels?: Readonly<Record<string, string>>
  /** All labels of the result, for the lint. */
  readonly carries: readonly string[]
}

export interface RecordingGroup {
  readonly name: string
  /** Not given: the server's own pace. */
  readonly every?: '1m' | '5m'
  readonly rules: readonly Recording[]
}
