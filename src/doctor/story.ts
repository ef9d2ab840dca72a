import type { Heard } from './ask.ts'
import type { SpanSeen } from './spans.ts'

/** An event as it was sent, and what the API said. */
export interface Sent {
  readonly eventId: string
  /** What was asked for; the answer may name another. */
  readonly traceId: string
  /** By this machine's clock, milliseconds since 1970. */
  readonly startedAtMs: number
  readonly heard: Heard
  /** What `Server-Timing` says; undefined where the API keeps no trace of it. */
  readonly validateMs: number | undefined
  readonly publishMs: number | undefined
}

/** What could be seen of the event afterwards. */
export interface Followed {
  /** Of the event's trace, at the worker: `process`, `buffer`, `append`. */
  readonly spans: readonly SpanSeen[]
  /** Of the flush that carried it. */
  readonly flushSpans: readonly SpanSeen[]
  /** Rows with the event's id in the last preview. */
  readonly rows: number
  /** Columns of the row that are not what was sent. */
  readonly differences: readonly string[]
  readonly snapshotId: string | undefined
  /** How long the preview took that showed it, and since the send. */
  readonly previewMs: number | undefined
  readonly seenAfterMs: number | undefined
  /** What the last preview was refused with. */
  readonly refused: { readonly code: string; readonly detail: string } | undefined
  readonly deadLetter: string | undefined
  /** Whether a worker has read beyond where the log ended before the send; undefined where none was seen. */
  readonly isConsumed: boolean | undefined
  /** Whether all that it has read is in the table. */
  readonly isCommitted: boolean | undefined
  /** Attempts to append the canary's rows that failed since. */
  readonly appendErrors: number
  readonly waitedMs: number
}
