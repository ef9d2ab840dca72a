import { setTimeout as delay } from 'node:timers/promises'
import { Problem } from '../problems/index.ts'
import { CommitUnknown, type Store } from '../store/index.ts'
import { parametersOf, type FlushCommit, type SourcePartition } from './flush-commit.ts'

/**
 * Exactly once, by construction (docs/concepts/exactly-once.md): what a flush wants to become true,
 * all of it or nothing, in one Postgres transaction. The transaction itself is the SQL function
 * `commit_flush` (migration 0019); this file only carries words to it and back.
 */

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly flushNumber: number }
  /** Not ours any more, or not as we believe: these partitions have another owner, generation or count of flushes. Nothing moved. */
  | { readonly kind: 'fenced'; readonly partitions: readonly SourcePartition[] }
  /** Stage again on `current`; null = the table is missing, leave its dataset out. Nothing moved. */
  | {
      readonly kind: 'table_moved'
      readonly tables: ReadonlyArray<{ readonly datasetId: string; readonly current: string | null }>
    }
  /** Already in the ledger: drop these rows, count them as duplicates, write again. Nothing moved. */
  | {
      readonly kind: 'known_ids'
      readonly datasets: ReadonlyArray<{ readonly datasetId: string; readonly eventIds: readonly string[] }>
    }
  /** The sweeper has taken this flush's files for orphans (or the intent is absent). Nothing moved. */
  | { readonly kind: 'condemned' }

/** How long a lost answer is chased before the caller is told that Postgres is away. */
const CHASE_MS = 15_000
const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1_000

/** SQLSTATEs after which the same commit may succeed: the transaction was rolled back for want of a lock or a turn. */
const PASSING = new Set(['55P03', '40P01', '40001'])
/** "no partition of relation found for row": the days ahead were not made in time. */
const NO_PARTITION = '23514'

interface CommitOptions {
  /** Gives up between two tries. */
  readonly signal?: AbortSignal
  /** Default 15 s. */
  readonly chaseMs?: number
  /** Told of each try that left open what became of it (`unknown`), or was rolled back for a reason that passes (`error`). */
  readonly onUnanswered?: (why: 'unknown' | 'error') => void
}

/**
 * Commits a flush in one round trip. Every outcome but `committed` means that nothing moved, and
 * that no copy of this commit that is still under way can ever move anything: generations,
 * pointers, ledger and condemnation only go forward. That is why a lost answer needs no protocol of
 * its own: the same commit is offered again, and `commit_flush`, under the lock of its partitions,
 * looks in `flushes` first. Rejects with the store's Problem (`dependency_away`) when Postgres
 * stays away too long to know; then offer the same commit later, or give its partitions up.
 */
export async function commitFlush(
  store: Store,
  commit: FlushCommit,
  options: CommitOptions = {},
): Promise<CommitOutcome> {
  const values = parametersOf(commit)
  const untilMs = performance.now() + (options.chaseMs ?? CHASE_MS)
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      const [row] = await store.callAsTenant<{ verdict: CommitOutcome }>(commit.tenantId, CALL, values, {
        name: 'commit',
      })
      if (row === undefined) throw new Error('commit_flush answered nothing.')
      return row.verdict
    } catch (error) {
      const isPartitionMissing =
        (error as { code?: string }).code === NO_PARTITION && /no partition/.test((error as Error).message)
      if (!isPartitionMissing && !isPassing(error)) throw error
      options.onUnanswered?.(error instanceof CommitUnknown ? 'unknown' : 'error')
      if (options.signal?.aborted === true || performance.now() + pauseMs > untilMs) throw unknown(error)
      if (isPartitionMissing)
        await store.asSystem((sql) => sql.query('SELECT public.dead_letters_retain($1)', [KEEP_ALL_DAYS]), {
          name: 'dead_letters',
        })
      await delay(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: options.signal }).catch(() => {})
    }
  }
}

const CALL = `SELECT public.commit_flush($1, $2, $3, $4, $5, $6, $7, $8, $9) AS verdict`
/** Only makes partitions here: what is old enough to go is upkeep's decision. */
const KEEP_ALL_DAYS = 36_500

function isPassing(error: unknown): boolean {
  if (error instanceof CommitUnknown) return true
  if (error instanceof Problem) return error.code === 'dependency_away'
  return PASSING.has((error as { code?: string } | undefined)?.code ?? '')
}

function unknown(cause: unknown): Problem {
  if (cause instanceof Problem) return cause
  const detail = 'Postgres did not say whether the flush was committed; offer the same flush again.'
  return new Problem('dependency_away', detail, { cause, retryAfterSeconds: 1 })
}
