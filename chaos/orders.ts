/** What the harness and the processes that it harms say to each other, as files in one folder. */

/** Each line a `SyncRecord`, in the order in which they came true. */
export const SYNCS_FILE = 'synced.jsonl'
/** `{STEP_FILE}.{process}`: the step at which that process dies; with ` SIGSTOP` behind it, at which it sleeps. */
export const STEP_FILE = 'die-at'
/** `{TROUBLE_FILE}.{process}`: a `Trouble`, while it lasts. */
export const TROUBLE_FILE = 'trouble'
/** `{SYNC_FAILS_FILE}.{process}`: its syncs fail while this is there; with `.did` behind it, one has. */
export const SYNC_FAILS_FILE = 'sync-fails'
/** Milliseconds by which the clocks are wrong. */
export const CLOCK_FILE = 'clock'

export type SyncRecord =
  /** By device and inode, because a file may have several names: its first `size` bytes are on the disk. */
  | { readonly file: string; readonly size: number }
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
