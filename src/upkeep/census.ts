import type { Store } from '../store/index.ts'

/** How many partitions there are to be owned by some worker. Throws what the store throws. */
export async function countPartitions(store: Pick<Store, 'asSystem'>, timeoutMs: number): Promise<number> {
  const [row] = await store.asSystem(
    (sql) =>
      sql.query<{ partitions: string }>(
        'SELECT count(*) AS partitions FROM public.source_partitions WHERE retired_at IS NULL',
      ),
    { name: 'upkeep', timeoutMs },
  )
  return Number(row?.partitions ?? 0)
}

export interface LedgerFacts {
  /** Postgres's estimate, as of its last look at the tables (autovacuum): counting them would cost more than it says. */
  readonly rows: number
  /** Milliseconds since 1970; an id that was settled before is forgotten, or may be. Undefined: there is no ledger yet. */
  readonly oldestMs: number | undefined
}

/** How large the ledger of event ids is, and how far it looks back. Throws what the store throws. */
export async function ledgerFacts(store: Pick<Store, 'asSystem'>, timeoutMs: number): Promise<LedgerFacts> {
  const [row] = await store.asSystem(
    (sql) =>
      sql.query<{ rows: number; oldest: string | null }>(
        `SELECT (SELECT coalesce(sum(greatest(c.reltuples, 0)), 0) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = to_regclass('public.processed_event_ids'))::float8 AS rows,
              (SELECT extract(epoch FROM min(opened_at)) * 1000 FROM public.ledger_epochs) AS oldest`,
      ),
    { name: 'upkeep', timeoutMs },
  )
  return { rows: row?.rows ?? 0, oldestMs: typeof row?.oldest === 'string' ? Number(row.oldest) : undefined }
}
