import type { Sql, Store } from '../store/index.ts'

/**
 * Whoever writes lake files says so first: an intent names the tables' locations, and every file
 * written under it has its id in the name. What an intent names and no commit took is an orphan that
 * the sweeper may delete; what no intent names is never touched.
 */
interface Intent {
  /** UUIDv7; in the name of every file. */
  readonly flushId: string
  readonly tenantId: string
  /** The membership (or process) that writes. */
  readonly worker: string
  /** Table locations, without a slash at the end. */
  readonly locations: readonly string[]
}

/** The sweeper has condemned the intent, or it was closed before: what was written under it does not count. */
export class IntentCondemned extends Error {
  override readonly name = 'IntentCondemned'
}

/** Before the first file. The same intent again is no error. */
export async function openIntent(store: Store, { flushId, tenantId, worker, locations }: Intent): Promise<void> {
  await store.asTenant(
    tenantId,
    (sql) =>
      sql.query(
        `INSERT INTO public.flush_intents (flush_id, tenant_id, worker, locations) VALUES ($1, $2, $3, $4)
       ON CONFLICT (flush_id) DO NOTHING`,
        [flushId, tenantId, worker, locations],
      ),
    { name: 'intent' },
  )
}

/**
 * In the transaction that makes the files count, as the last thing. Throws `IntentCondemned`, so
 * that the transaction rolls back. (`commit_flush` does the same for flushes.)
 */
export async function closeIntent(sql: Sql, flushId: string): Promise<void> {
  const closed = await sql.query(
    'DELETE FROM public.flush_intents WHERE flush_id = $1 AND condemned_at IS NULL RETURNING flush_id',
    [flushId],
  )
  if (closed.length === 1) return
  throw new IntentCondemned(
    `The files written under ${flushId} were given up because it took too long; write them again.`,
  )
}

/**
 * For a writer that has stopped and will not commit: the sweeper takes the files at its next turn
 * instead of waiting for the worker's end. The intent's commit is refused from then on. A writer that
 * was asleep for so long that its intent was swept and forgotten has written on since: with `locations` given it is
 * written down again, condemned, so that those files go, too. Changes nothing where the flush was committed.
 */
export async function abandonIntent(
  store: Store,
  { tenantId, flushId, locations = [] }: Pick<Intent, 'tenantId' | 'flushId'> & Partial<Pick<Intent, 'locations'>>,
): Promise<void> {
  await store.asTenant(
    tenantId,
    async (sql) => {
      const condemned = await sql.query(
        `UPDATE public.flush_intents SET condemned_at = coalesce(condemned_at, clock_timestamp()), worker = NULL
       WHERE flush_id = $1 RETURNING flush_id`,
        [flushId],
      )
      if (condemned.length > 0 || locations.length === 0) return
      // A statement of its own: a commit that the update waited for is seen by now.
      await sql.query(
        `INSERT INTO public.flush_intents (flush_id, tenant_id, locations, condemned_at)
       SELECT $1, $2, $3, clock_timestamp() WHERE NOT EXISTS (SELECT FROM public.flushes WHERE flush_id = $1)
       ON CONFLICT DO NOTHING`,
        [flushId, tenantId, locations],
      )
    },
    { name: 'intent' },
  )
}
