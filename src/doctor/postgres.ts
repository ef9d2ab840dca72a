import { missingMigrations, openStore, type Store } from '../store/index.ts'
import { CANARY_SLUG } from '../tenancy/index.ts'
import type { PostgresFacts } from './facts.ts'

/** Postgres as the doctor sees it: it asks, and changes nothing. */
export interface PostgresView extends AsyncDisposable {
  /** Undefined where Postgres did not say within 3 s. */
  look(): Promise<PostgresFacts | undefined>
  /** Why the event became a dead letter; undefined where it did not, or nobody can say. */
  deadLetter(tenantId: string, eventId: string): Promise<string | undefined>
}

const TIMEOUT_MS = 3_000

/** Undefined where `url` is, and where Postgres refuses or is away: then nothing can be learned from it. */
export async function openPostgresView(url: string | undefined): Promise<PostgresView | undefined> {
  if (url === undefined) return undefined
  const store = await openStore({
    url,
    poolSize: 1,
    applicationName: 'pulse doctor',
    acquireMs: TIMEOUT_MS,
    openMs: 0,
  }).catch(() => undefined)
  if (store === undefined) return undefined
  return {
    look: () => factsOf(store).catch(() => undefined),
    deadLetter: (tenantId, eventId) =>
      store
        .asTenant(
          tenantId,
          async (sql) => {
            const [row] = await sql.query<{ reason: string; error: string }>(
              'SELECT reason, error FROM public.dead_letters WHERE event_id = $1 LIMIT 1',
              [eventId],
            )
            return row === undefined ? undefined : `${row.reason}: ${row.error}`
          },
          { name: 'dead_letters', timeoutMs: TIMEOUT_MS },
        )
        .catch(() => undefined),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

async function factsOf(store: Store): Promise<PostgresFacts> {
  const missing = await missingMigrations(store, { timeoutMs: TIMEOUT_MS })
  const [row] = await store.asSystem(
    (sql) =>
      sql.query<{ workers: string; owned: string; partitions: string }>(
        `SELECT (SELECT count(*) FROM public.worker_members WHERE expires_at > clock_timestamp()) AS workers,
           count(m.worker) AS owned, count(*) AS partitions
         FROM public.source_partitions s JOIN public.tenant_by_slug($1) t ON t.id = s.tenant_id
         LEFT JOIN public.worker_members m ON m.worker = s.owner AND m.expires_at > clock_timestamp()
         WHERE s.retired_at IS NULL`,
        [CANARY_SLUG],
      ),
    { name: 'upkeep', timeoutMs: TIMEOUT_MS },
  )
  return {
    missingMigrations: missing,
    liveWorkers: Number(row?.workers ?? 0),
    owned: Number(row?.owned ?? 0),
    partitions: Number(row?.partitions ?? 0),
  }
}
