import type { IngestBuffer, Lane } from './lane.ts'
import { untilAnswered } from './patience.ts'
import type { FlushLake, FlushRecord } from './places.ts'
import type { Source } from './sources.ts'
import type { StoryParts } from './story.ts'

/** Everything that a flush works with: tests put any of it in another's place. */
export interface FlushParts extends StoryParts {
  readonly buffer: IngestBuffer
  readonly lake: FlushLake
  readonly record: FlushRecord
  readonly worker: () => string
  readonly limits: {
    readonly maxOpenFiles: number
    readonly parkSeconds: number
    /** The most that a dataset keeps in memory while its table cannot be used. */
    readonly parkedBytes: number
    readonly graceSeconds: number
  }
  /** Everything of the dataset acknowledged before it is queryable; undefined while nobody knows. */
  readonly watermarkOf: (lane: Lane) => number | undefined
  /** The flushing came round. */
  readonly onTick: () => void
  readonly random: () => number
  /** Aborted when the worker has no more time: what is not committed then is left to its intent. */
  readonly signal: AbortSignal
  /** These are another worker's, or our own under a later claim: forget them as they were. */
  readonly onFenced: (sources: readonly Source[]) => void
  readonly onAway: (error: unknown, retryInMs: number) => void
  /** Tests stop the process, or Postgres, between any two steps; nothing in production. */
  readonly point: (name: string) => void | Promise<void>
}

/** Asks Postgres until it answers; whatever else goes wrong is thrown. */
export const patiently = <T>(parts: FlushParts, ask: () => Promise<T>): Promise<T> =>
  untilAnswered(ask, { signal: parts.signal, random: parts.random, onAway: parts.onAway })
