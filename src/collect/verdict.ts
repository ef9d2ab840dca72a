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
  errors: errors.map((fault) =>
    fault.pointer.length <= MOST_POINTER ? fault : { ...fault, pointer: cut(fault.pointer) },
  ),
})

/** A name may be as long as its event: answers, which say a pointer up to three times, do not grow with it. */
const MOST_POINTER = 500

/** A pointer to the nearest place around whose own pointer is short enough. */
const cut = (pointer: string): string => pointer.slice(0, Math.max(0, pointer.lastIndexOf('/', MOST_POINTER)))

export const failed = (eventId: string, detail: string): Verdict => ({
  event_id: eventId,
  status: 'failed',
  code: 'publish_failed',
  errors: [{ pointer: '', keyword: 'publish', message: detail }],
})
