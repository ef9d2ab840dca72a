import { PROBLEMS, type Fault, type ProblemCode } from './table.ts'

interface ProblemExtra {
  readonly errors?: readonly Fault[]
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
  /** For `overloaded`: of what there was too much, where the request was refused to protect the others. */
  readonly shed?: 'inflight' | 'memory' | 'producer_queue'
  /** Further members of the problem document (RFC 9457 section 3.2), e.g. collect's verdicts. */
  readonly members?: Readonly<Record<string, unknown>>
}

/** An error that a user can act on. Thrown anywhere, translated to HTTP at the API's door only. */
export class Problem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly title: string
  readonly errors: readonly Fault[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly members: Readonly<Record<string, unknown>> | undefined
  readonly shed: ProblemExtra['shed']

  constructor(code: ProblemCode, detail: string, extra: ProblemExtra = {}) {
    super(detail, extra.cause === undefined ? undefined : { cause: extra.cause })
    this.name = 'Problem'
    this.code = code
    this.status = PROBLEMS[code].status
    this.title = PROBLEMS[code].title
    this.errors = extra.errors
    this.retryAfterSeconds = extra.retryAfterSeconds
    this.members = extra.members
    this.shed = extra.shed
  }
}
