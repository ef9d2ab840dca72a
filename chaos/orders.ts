/** What the harness and the processes that it harms say to each other, as files in one folder. */

/** Each line a `SyncRecord`, in the order in which they came true. */
export const SYNCS_FILE = 'synced.jsonl'
/** `{STEP_FILE}.{process}`: the step at which that process dies. */
export const STEP_FILE = 'die-at'
/** Milliseconds by which the clocks are wrong. */
export const CLOCK_FILE = 'clock'

export type SyncRecord =
  /** By inode, because a file may have several names: its first `size` bytes are on the disk. */
  | { readonly file: number; readonly size: number }
  /** These names are on the disk. */
  | { readonly folder: string; readonly names: readonly string[] }

/** Where a flush can be interrupted. */
export const STEPS = [
  'flush.drafted',
  'flush.intent_opened',
  'flush.files_written',
  'flush.staged',
  'flush.before_commit',
  'flush.after_commit',
] as const
