import type { Socket } from 'node:net'
import type { PoolClient } from 'pg'
import { currentContext } from '../tenancy/index.ts'
import { CommitUnknown, away, isReadOnly, isVerdict, translate } from './faults.ts'
import type { TransactionName } from './names.ts'

/** Statements of one open transaction. Queries that are not awaited one by one travel together (pipelined). */
export interface Sql {
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
}

export interface TransactionOptions {
  /** What it is for. */
  readonly name?: TransactionName
  readonly signal?: AbortSignal
  /** For the whole transaction, the wait for a connection included. */
  readonly timeoutMs?: number
}

export interface Bounds {
  readonly signal: AbortSignal | undefined
  /** On the clock of `performance.now()`. */
  readonly deadlineMs: number
  /** How long a worker that says nothing stays the owner of what it has; undefined: the role's own limits hold. */
  readonly leaseSeconds: number | undefined
}

/**
 * How long a transaction may wait for a lock, and stand idle, beside leases of so many seconds: well within one, so
 * that a worker that was stopped in the middle never holds its successor up.
 */
export const limitsBeside = (leaseSeconds: number): { readonly lockMs: number; readonly idleMs: number } => ({
  lockMs: Math.round((leaseSeconds * 1000) / 3),
  idleMs: Math.round((leaseSeconds * 2000) / 3),
})

/**
 * Both settings end with the transaction. Without a tenant the empty string is bound all the same:
 * whatever a session might carry, it means nobody here. The second keeps a statement from running
 * on at the server when its client has given up.
 */
const BIND = `SELECT set_config('app.current_tenant_id', $1, true), set_config('statement_timeout', $2, true)`
/** The role has such limits, too, by the lease of whoever migrated; this is the lease of this process. */
const BIND_LEASE = `${BIND}, set_config('lock_timeout', $3, true), set_config('idle_in_transaction_session_timeout', $4, true)`
/** On whose behalf, and in which trace: what the audit says of a change. Only where somebody asks, so that a flush binds no more than it did. */
const bindWho = (bind: string, at: number): string =>
  `${bind}, set_config('app.actor', $${at}, true), set_config('app.trace_id', $${at + 1}, true)`
const BIND_WHO = bindWho(BIND, 3)
const BIND_LEASE_WHO = bindWho(BIND_LEASE, 5)

/**
 * One transaction on a connection that nobody else uses: BEGIN, the tenant and the first statement
 * in one round trip. Answers only when COMMIT answered COMMIT: in a pipelined transaction a failed
 * statement does not reject COMMIT, it turns it into ROLLBACK. `client` is released here, or thrown
 * away when its state is not certain.
 */
export async function transact<T>(
  client: PoolClient,
  tenantId: string,
  act: (sql: Sql) => Promise<T>,
  bounds: Bounds,
): Promise<T> {
  const guard = guarded(client, bounds)
  let open = true
  try {
    const opened = begin(client, tenantId, guard.leftMs, bounds)
    const sql: Sql = {
      query<R>(text: string, values: readonly unknown[] = []): Promise<R[]> {
        if (!open)
          return Promise.reject(new Error('This transaction has ended: query inside of the function that was given.'))
        const answered = client.query(text, [...values]).then(
          (result) => result.rows as R[],
          (error: unknown) => Promise.reject(guard.fault(error)),
        )
        answered.catch(() => {}) // one that nobody awaits still turns COMMIT into ROLLBACK
        return answered
      },
    }
    let value: T
    try {
      value = await act(sql)
      await opened
    } catch (error) {
      open = false
      await client.query('ROLLBACK').then(
        () => guard.clean(),
        () => {},
      )
      throw guard.fault(error)
    }
    open = false
    requireCommit(await settle(client.query('COMMIT'), guard))
    guard.clean()
    return value
  } finally {
    open = false
    guard.release()
  }
}

/**
 * A whole transaction of one statement, written to the socket at once: no lock is held between two
 * round trips. A connection that is lost at any moment leaves it open whether it was committed
 * (`CommitUnknown`), because COMMIT had been sent with it.
 */
export async function transactOnce<R>(
  client: PoolClient,
  tenantId: string,
  text: string,
  values: readonly unknown[],
  bounds: Bounds,
): Promise<R[]> {
  const guard = guarded(client, bounds)
  try {
    const opened = begin(client, tenantId, guard.leftMs, bounds)
    const answered = client.query(text, [...values])
    answered.catch(() => {}) // awaited below, after COMMIT
    const ended = await settle(client.query('COMMIT'), guard)
    guard.clean() // the server answered to the very end: the connection is in step
    await settle(opened, guard)
    const { rows } = await settle(answered, guard)
    requireCommit(ended)
    return rows as R[]
  } finally {
    guard.release()
  }
}

function begin(client: PoolClient, tenantId: string, leftMs: number, { leaseSeconds }: Bounds): Promise<unknown> {
  const bound = [tenantId, String(leftMs)]
  if (leaseSeconds !== undefined) {
    const { lockMs, idleMs } = limitsBeside(leaseSeconds)
    bound.push(String(lockMs), String(idleMs))
  }
  let bind = leaseSeconds === undefined ? BIND : BIND_LEASE
  const { actor, trace } = currentContext() ?? {}
  if (actor !== undefined) {
    bound.push(actor, trace?.traceId ?? '')
    bind = leaseSeconds === undefined ? BIND_WHO : BIND_LEASE_WHO
  }
  const opened = Promise.all([client.query('BEGIN'), client.query(bind, bound)])
  opened.catch(() => {}) // reported by whoever awaits it, after the statements behind it
  return opened
}

/** What was answered; a verdict of the server as it is; anything else leaves the outcome open. */
async function settle<A>(answer: Promise<A>, guard: Guard): Promise<A> {
  try {
    return await answer
  } catch (error) {
    if (isVerdict(error)) throw guard.verdict(error)
    throw new CommitUnknown('The connection to Postgres was lost before COMMIT was answered.', {
      cause: guard.cause(error),
    })
  }
}

function requireCommit({ command }: { readonly command: string }): void {
  if (command !== 'COMMIT')
    throw new Error('The transaction was rolled back: one of its statements failed and nobody looked at it.')
}

interface Guard {
  readonly leftMs: number
  /** Why the connection was cut, if it was; else the error itself. */
  cause(error: unknown): unknown
  /** The same as other rooms meet it. */
  fault(error: unknown): unknown
  /** What the server said, as other rooms meet it, even if the connection was cut since. */
  verdict(error: unknown): unknown
  /** The connection is between transactions: it may serve again. */
  clean(): void
  release(): void
}

/** Cuts the connection at the deadline or on abort, because `pg` itself waits for answers before it closes a pipelined one. */
function guarded(client: PoolClient, { signal, deadlineMs }: Bounds): Guard {
  const leftMs = Math.max(1, Math.ceil(deadlineMs - performance.now()))
  let cut: unknown
  let isClean = false
  let isOfNoUse = false
  const verdict = (error: unknown): unknown => {
    isOfNoUse ||= isReadOnly(error)
    return translate(error)
  }
  const cutOff = (reason: unknown): void => {
    cut ??= reason
    ;(client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
  }
  const timer = setTimeout(() => cutOff(away(`Postgres did not answer within ${leftMs} ms; try again.`)), leftMs)
  const onAbort = (): void => cutOff(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  return {
    leftMs,
    cause: (error) => cut ?? error,
    fault: (error) => cut ?? verdict(error),
    verdict,
    clean: () => void (isClean = true),
    release() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      client.release(!isClean || isOfNoUse || cut !== undefined)
    },
  }
}
