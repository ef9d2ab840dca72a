import type { AnnouncementName } from './announce.ts'
import { API_LINES } from './log-api.ts'
import type { LogEntry } from './log-entry.ts'
import { PROCESS_LINES } from './log-process.ts'
import { WORKER_LINES } from './log-worker.ts'

/** Every announcement has its line; the compiler asks for a new one's. `msg` is prose, `event` the search key. */
export const LOG: { readonly [N in AnnouncementName]: LogEntry<N> } = {
  ...API_LINES,
  ...WORKER_LINES,
  ...PROCESS_LINES,
}
