import type { Fault, ProblemCode } from '../problems/index.ts'

/** What became of one event, as the answer shows it. */
export interface Verdict {
  readonly event_id: string | null
  readonly status: 'accepted' | 'rejected' | 'failed'
  readonly code?: ProblemCode
  readonly errors?: readonly Fault[]
}

export const accepted = (eventId: string): Verdict => ({ event_id: eventId, status: 'accepted' })

export const rejected = (eventId: string | null, code: ProblemCode, errors: readonly Fault[]): Verdict => ({
  event_id: eventId,
  status: 'rejected',
  code,
  errors,
})

export const failed = (eventId: string, detail: string): Verdict => ({
  event_id: eventId,
  status: 'failed',
  code: 'publish_failed',
  errors: [{ pointer: '', keyword: 'publish', message: detail }],
})
