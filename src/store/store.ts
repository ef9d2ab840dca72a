import { setTimeout as delay } from 'node:timers/promises'
import { Pool, type PoolClient } from 'pg'
import { StoreRefused, away, isAway, translate } from './faults.ts'
import type { TransactionName } from './names.ts'
import { transact, transactOnce, type Bounds, type Sql, type TransactionOptions } from './transaction.ts'

/** A transaction that has ended, the wait for its connection included. `failed`: not committed, or not known to be. */
export interface FinishedTransaction {
  readonly name: TransactionName
  readonly outcome: 'ok' | 'failed'
  readonly tookMs: number
}

/** Connections by what they do; `waiting` are callers that have none yet. */
export interface PoolFacts {
  readonly idle: number
  readonly busy: number
  readonly waiting: number
  readonly max: number
}

export interface Store extends AsyncDisposable {
  /**
   * Runs `act` in a transaction that is bound to the tenant, and commits. The only way to tenants'
   * data: row level security shows and takes that tenant's rows, nobody else's. Throws what `act`
   * throws (rolled back), `Problem` dependency_away when Postgres is away or too slow (not
   * committed), `CommitUnknown` when COMMIT was sent and not answered.
   */
  asTenant<T>(tenantId: string, act: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>
  /**
   * BEGIN, the tenant, one statement and COMMIT in one round trip; answers its rows. As `asTenant`,
   * but a connection lost at any moment is `CommitUnknown`, because COMMIT was sent along.
   */
  callAsTenant<R = Record<string, unknown>>(
    tenantId: string,
    text: string,
    values?: readonly unknown[],
    options?: TransactionOptions,
  ): Promise<R[]>
  /** The same as `asTenant` without a tenant: system tables and SECURITY DEFINER functions only. */
  asSystem<T>(act: (sql: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** Resolves when `SELECT 1` was answered; rejects after `timeoutMs` whatever hangs. */
  ping(timeoutMs: number): Promise<void>
  /** At once; undefined before it was opened. */
  pool(): PoolFacts | undefined
}

interface StoreOptions {
  /** As role `pulse_app`. */
  readonly url: string
  readonly poolSize: number
  readonly applicationName: string
  /** How long a caller waits for a connection. Default 5 s. */
  readonly acquireMs?: number
  /** For a transaction that names none. Default 30 s. */
  readonly timeoutMs?: number
  /** Transactions end their waits well within it, whatever lease the role was made for. */
  readonly leaseSeconds?: number
  /** How long opening keeps trying while Postgres is away. Default 30 s. */
  readonly openMs?: number
  /** Postgres went away, said once until it is back. */
  readonly onAway?: (detail: string) => void
  readonly onBack?: () => void
  /** Told of every transaction, in the context of its caller. Must not throw. */
  readonly onFinished?: (finished: FinishedTransaction) => void
}

const TENANT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * Opens the pool of a process. Refuses (`StoreRefused`, one sentence) a role that is a superuser or
 * bypasses row level security, itself or through a role it may take, and a database that was never
 * migrated. Connections are made when needed, and again after Postgres was away.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const acquireMs = options.acquireMs ?? 5_000
  const pool = new Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: options.applicationName,
    connectionTimeoutMillis: acquireMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    pipeline: true,
  })
  let isGone = false
  const noteAway = (error: unknown): void => {
    if (isGone || !isAway(error)) return
    isGone = true
    options.onAway?.((error as Error).message)
  }
  const noteBack = (): void => {
    if (!isGone) return
    isGone = false
    options.onBack?.()
  }
  pool.on('error', noteAway) // an idle connection was cut; the pool has dropped it
  pool.on('connect', noteBack)

  const acquire = async (deadlineMs: number): Promise<PoolClient> => {
    const waitMs = Math.max(0, deadlineMs - performance.now())
    const connecting = pool.connect()
    if (waitMs >= acquireMs) return connecting
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(away('Postgres gave no connection in time; try again.')), waitMs)
    })
    try {
      return await Promise.race([connecting, late])
    } catch (error) {
      connecting.then(
        (client) => client.release(),
        () => {},
      )
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  const { onFinished } = options
  const within = async <T>(
    run: (client: PoolClient, bounds: Bounds) => Promise<T>,
    given: TransactionOptions = {},
  ): Promise<T> => {
    given.signal?.throwIfAborted()
    if (onFinished === undefined) return unheard(run, given)
    const { name = 'other' } = given
    const fromMs = performance.now()
    try {
      const value = await unheard(run, given)
      onFinished({ name, outcome: 'ok', tookMs: performance.now() - fromMs })
      return value
    } catch (error) {
      onFinished({ name, outcome: 'failed', tookMs: performance.now() - fromMs })
      throw error
    }
  }
  const unheard = async <T>(
    run: (client: PoolClient, bounds: Bounds) => Promise<T>,
    { signal, timeoutMs }: TransactionOptions,
  ): Promise<T> => {
    const deadlineMs = performance.now() + (timeoutMs ?? options.timeoutMs ?? 30_000)
    let client: PoolClient
    try {
      client = await acquire(deadlineMs)
    } catch (error) {
      noteAway(error)
      throw translate(error)
    }
    const onLost = (error: Error): void => noteAway(error)
    client.on('error', onLost) // the query under way reports it; without a listener it would end the process
    try {
      return await run(client, { signal, deadlineMs, leaseSeconds: options.leaseSeconds })
    } finally {
      client.off('error', onLost)
    }
  }

  const asSystem: Store['asSystem'] = (act, given) =>
    within((client, bounds) => transact(client, '', act, bounds), given)
  const store: Store = {
    async asTenant(tenantId, act, given) {
      requireTenant(tenantId)
      return within((client, bounds) => transact(client, tenantId, act, bounds), given)
    },
    async callAsTenant<R>(tenantId: string, text: string, values: readonly unknown[] = [], given?: TransactionOptions) {
      requireTenant(tenantId)
      return within((client, bounds) => transactOnce<R>(client, tenantId, text, values, bounds), given)
    },
    asSystem,
    ping: (timeoutMs) => asSystem(async (sql) => void (await sql.query('SELECT 1')), { name: 'ping', timeoutMs }),
    pool: () => ({
      idle: pool.idleCount,
      busy: pool.totalCount - pool.idleCount,
      waiting: pool.waitingCount,
      max: options.poolSize,
    }),
    [Symbol.asyncDispose]: () => pool.end(),
  }
  try {
    await refuseUnsafe(store, performance.now() + (options.openMs ?? 30_000))
  } catch (error) {
    await pool.end()
    throw error
  }
  return store
}

function requireTenant(tenantId: string): void {
  if (!TENANT.test(tenantId)) throw new TypeError("A tenant id (a UUID) is needed to reach tenants' data.")
}

async function refuseUnsafe(store: Store, untilMs: number): Promise<void> {
  for (;;) {
    try {
      return await store.asSystem(judgeRole)
    } catch (error) {
      const code = (error as { cause?: { code?: string } }).cause?.code
      if (code === '28P01' || code === '28000' || code === '3D000') {
        throw new StoreRefused(`Postgres refuses PULSE_DATABASE_URL: ${((error as Error).cause as Error).message}.`, {
          cause: error,
        })
      }
      if (
        error instanceof StoreRefused ||
        !(error instanceof Error && 'retryAfterSeconds' in error) ||
        performance.now() > untilMs
      )
        throw error
      await delay(200)
    }
  }
}

async function judgeRole(sql: Sql): Promise<void> {
  const [role] = await sql.query<{ name: string; stronger: string | null; migrated: boolean }>(
    `SELECT current_user AS name,
       (SELECT r.rolname FROM pg_roles r WHERE (r.rolsuper OR r.rolbypassrls) AND pg_has_role(current_user, r.oid, 'MEMBER')
        ORDER BY r.rolname <> current_user LIMIT 1) AS stronger,
       EXISTS (SELECT FROM pg_proc WHERE proname = 'current_tenant_id' AND pronamespace = to_regnamespace('public')) AS migrated`,
  )
  if (role === undefined) throw new StoreRefused('Postgres did not say which role this is.')
  if (role.stronger !== null) {
    const how =
      role.stronger === role.name
        ? 'is a superuser or has BYPASSRLS'
        : `may become "${role.stronger}", which is a superuser or has BYPASSRLS`
    throw new StoreRefused(
      `The role "${role.name}" of PULSE_DATABASE_URL ${how}, so Postgres would not keep tenants apart: use pulse_app, which "pulse migrate" makes.`,
    )
  }
  if (!role.migrated) {
    throw new StoreRefused(
      'The database of PULSE_DATABASE_URL has no Pulse tables yet: run "pulse migrate" with PULSE_ADMIN_DATABASE_URL first.',
    )
  }
}
