import { Problem } from '../problems/index.ts'

/** The server answered nothing to COMMIT: the transaction may be committed or not. Look before repeating. */
export class CommitUnknown extends Error {
  override readonly name = 'CommitUnknown'
}

/** The store will not be opened this way: one sentence that says what to do. */
export class StoreRefused extends Error {
  override readonly name = 'StoreRefused'
}

/** What `pg` reports, as far as it can be told apart: SQLSTATE or errno in `code`, severity only from a server. */
interface Reported {
  readonly code?: string
  readonly severity?: string
  readonly message: string
}

const SQLSTATE = /^[0-9A-Z]{5}$/

/** Whether the server itself says that the statement failed and the transaction with it: nothing is in doubt. */
export const isVerdict = (error: unknown): boolean => (error as Reported | undefined)?.severity === 'ERROR'

/**
 * Whether the server only reads (25006): a standby that nobody has promoted yet, or one that was demoted under an open
 * session. Pulse begins no read-only transaction itself. Such a session is of no more use, whatever becomes of its server.
 */
export const isReadOnly = (error: unknown): boolean => (error as Reported | undefined)?.code === '25006'

/**
 * Whether an error means that Postgres is away or not able, and not that the statement is wrong.
 * Total: any value gets an answer. Classes by SQLSTATE (PostgreSQL, Appendix A): 08 connection,
 * 53 resources, 57 operator's intervention and timeouts; a FATAL ends the session whatever its code.
 * `pg` gives what it lost itself no code at all, or an errno.
 */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof Problem) return false
  const { code, severity } = error as Error & Reported
  if (severity === 'FATAL' || severity === 'PANIC' || isReadOnly(error)) return true
  if (code !== undefined && SQLSTATE.test(code) && severity !== undefined) return /^(08|53|57)/.test(code)
  if (code !== undefined && /^E[A-Z_]+$/.test(code)) return true
  return /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed)/.test(
    error.message,
  )
}

/** The error as other rooms meet it: `dependency_away` with the cause kept, anything else unchanged. */
export function translate(error: unknown): unknown {
  if (!isAway(error)) return error
  const { code, message } = error as Error & Reported
  return away(
    code === '57014'
      ? 'Postgres did not finish in time; try again.'
      : `Postgres cannot be reached (${message}); try again.`,
    error,
  )
}

export const away = (detail: string, cause?: unknown): Problem =>
  new Problem('dependency_away', detail, { cause, retryAfterSeconds: 1 })
