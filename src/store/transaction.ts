import type { PoolClient } from 'pg'
import type { Socket } from 'node:net'
import { CommitUnknown, away, isVerdict, translate } from './faults.ts'

/** Statements of one open transaction. Queries that are not awaited one by one travel together (pipelined). */
export interface Sql {
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<R[]>
}

export interface TransactionOptions {
  readonly signal?: AbortSignal
  /** For the whole transaction, the wait for a connection included. */
  readonly timeoutMs?: number
}

/**
 * Both settings end with the transaction. Without a tenant the empty string is bound all the same:
 * whatever a session might carry, it means nobody here. The second keeps a statement from running
 * on at the server when its client has given up.
 */
const BIND = `SELECT set_config('app.current_tenant_id', $1, true), set_config('statement_timeout', $2, true)`

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
  { signal, deadlineMs }: { readonly signal?: AbortSignal | undefined; readonly deadlineMs: number },
): Promise<T> {
  const leftMs = Math.max(1, Math.ceil(deadlineMs - performance.now()))
  let cut: unknown
  const cutOff = (reason: unknown): void => {
    cut ??= reason
    // `pg` waits for answers before it closes a pipelined connection; a hung server sends none.
    ;(client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()
  }
  const timer = setTimeout(() => cutOff(away(`Postgres did not answer within ${leftMs} ms; try again.`)), leftMs)
  const onAbort = (): void => cutOff(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  let open = true
  let clean = false
  const fault = (error: unknown): unknown => cut ?? translate(error)
  try {
    const opened = Promise.all([client.query('BEGIN'), client.query(BIND, [tenantId, String(leftMs)])])
    opened.catch(() => {}) // reported by the first statement, or below
    const sql: Sql = {
      query<R>(text: string, values: readonly unknown[] = []): Promise<R[]> {
        if (!open) return Promise.reject(new Error('This transaction has ended: query inside of the function that was given.'))
        const answered = client.query(text, [...values]).then(
          (result) => result.rows as R[],
          (error: unknown) => Promise.reject(fault(error)),
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
      await client.query('ROLLBACK').then(() => (clean = true), () => {})
      throw fault(error)
    }
    open = false
    await commit(client, (reason) => cut ?? reason)
    clean = true
    return value
  } finally {
    open = false
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    client.release(!clean || cut !== undefined)
  }
}

async function commit(client: PoolClient, causeOf: (error: unknown) => unknown): Promise<void> {
  let command: string
  try {
    command = (await client.query('COMMIT')).command
  } catch (error) {
    if (isVerdict(error)) throw translate(error)
    throw new CommitUnknown('The connection to Postgres was lost before COMMIT was answered.', { cause: causeOf(error) })
  }
  if (command !== 'COMMIT') {
    throw new Error('The transaction was rolled back: one of its statements failed and nobody looked at it.')
  }
}
