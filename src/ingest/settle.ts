import { setTimeout as delay } from 'node:timers/promises'
import type { DeadLetterReason } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import { CommitUnknown, type Store } from '../store/index.ts'
import { letterRows } from './dead-letters.ts'
import { packIds, packRecords } from './ledger.ts'

/**
 * Exactly once, by construction (docs/concepts/exactly-once.md): what a flush wants to become true,
 * all of it or nothing, in one Postgres transaction. The transaction itself is the SQL function
 * `commit_flush` (migration 0019); this file only carries words to it and back.
 */

/** The dataset id under which records are settled that cannot be resolved to a dataset. */
export const NIL_DATASET = '00000000-0000-0000-0000-000000000000'

export interface SourcePartition {
  readonly topicId: string
  readonly partition: number
}
/** A partition as this worker claimed it: the fence. */
export interface FencedPartition extends SourcePartition {
  readonly generation: number
}
/** The same in a commit, with what its worker believes of it. */
interface FlushedPartition extends FencedPartition {
  /** Flushes committed on the partition, ever. Postgres knows of fewer where it lost one that it had acknowledged. */
  readonly flushes: number
}
export interface SourceOffset extends SourcePartition {
  readonly nextOffset: number
}

export interface FlushCommit {
  readonly flushId: string
  readonly tenantId: string
  readonly worker: string
  /** Every partition that the flush took records from. Whatever order: `commit_flush` sorts. */
  readonly sources: readonly FlushedPartition[]
  /** Per partition the lowest offset that still has something pending once this flush is committed. */
  readonly sourceOffsets: readonly SourceOffset[]
  /** At most 64. `NIL_DATASET` (number 0) carries what cannot be resolved. */
  readonly datasets: readonly DatasetCommit[]
  readonly deadLetters: readonly DeadLetter[]
  /**
   * Files written under this flush's id that the commit does not use: metadata of earlier attempts,
   * files of a dataset that was left out. No intent names them any more once it is committed.
   */
  readonly orphans?: readonly string[]
  /** How long readers of a superseded snapshot may still want the files in `expiredFiles`. */
  readonly graceSeconds: number
}

interface TableSwap {
  readonly namespace: string
  readonly name: string
  /** `metadata_location` that the flush was staged on. */
  readonly from: string
  readonly to: string
  /** The snapshot that `to` adds: told to whoever asks what became of an event. */
  readonly snapshotId?: number
}

export interface FlushTotals {
  readonly records: number
  readonly rows: number
  readonly duplicates: number
  readonly deadLetters: number
  /** Re-reads below the settled offset. Not part of `records`, which is rows + duplicates + dead letters. */
  readonly replayed: number
}

export interface DatasetCommit {
  readonly datasetId: string
  readonly datasetNumber: number
  /** Absent when the flush adds no row to this dataset. */
  readonly table?: TableSwap
  /** Ids of the rows written: for the ledger. */
  readonly eventIds: readonly string[]
  /** Their records, in step (`packRecords`); left out, nobody can be told. All datasets of a commit say it, or none. */
  readonly records?: Buffer | undefined
  readonly totals: FlushTotals
  /** How far this dataset is settled per partition, never backwards. */
  readonly settled: readonly SourceOffset[]
  /** Locations that retained snapshots no longer reach. */
  readonly expiredFiles: readonly string[]
}

export interface DeadLetter {
  readonly datasetId: string | null
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly eventId: string | null
  readonly reason: DeadLetterReason
  /** RFC 6901, '' where the whole record is meant. */
  readonly pointer: string
  readonly error: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** As the record has them; bytes that are no text are kept as bytes. */
  readonly headers: ReadonlyArray<readonly [string | Buffer, string | Buffer]>
  readonly traceparent: string
  /** RFC 3339, or null where the record does not say. */
  readonly receivedAt: string | null
}

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

/** The words of `commit_flush`. Throws on what only a defect of the caller can produce. */
function parametersOf(commit: FlushCommit): unknown[] {
  if (commit.sources.length === 0) throw new TypeError('A flush without source partitions has no fence.')
  const nextOffset = new Map(commit.sourceOffsets.map((at) => [`${at.topicId}/${at.partition}`, at.nextOffset]))
  let first = 1
  const datasets = commit.datasets.map((of) => {
    const last = first + of.eventIds.length - 1
    const row = {
      id: of.datasetId,
      namespace: of.table?.namespace ?? null,
      name: of.table?.name ?? null,
      from: of.table?.from ?? null,
      to: of.table?.to ?? null,
      snapshot: of.table?.snapshotId ?? null,
      first,
      last,
      records: of.totals.records,
      rows: of.totals.rows,
      duplicates: of.totals.duplicates,
      dead_letters: of.totals.deadLetters,
      replayed: of.totals.replayed,
    }
    first = last + 1
    return row
  })
  const sources = commit.sources.map(({ topicId, partition, generation, flushes }) => ({
    topic_id: topicId,
    partition,
    generation,
    flushes,
    next_offset: nextOffset.get(`${topicId}/${partition}`) ?? null,
  }))
  const settled = commit.datasets.flatMap((of) =>
    of.settled.map((at) => ({
      topic_id: at.topicId,
      partition: at.partition,
      dataset_id: of.datasetId,
      next_offset: at.nextOffset,
    })),
  )
  const expired = [
    ...commit.datasets.flatMap((of) => of.expiredFiles.map((location) => ({ location, after: commit.graceSeconds }))),
    ...(commit.orphans ?? []).map((location) => ({ location, after: 0 })),
  ]
  return [
    commit.flushId,
    commit.worker,
    JSON.stringify(sources),
    JSON.stringify(datasets),
    packIds(allIds(commit.datasets), first - 1),
    JSON.stringify(settled),
    JSON.stringify(letterRows(commit.deadLetters)),
    JSON.stringify(expired),
    packRecords(
      commit.datasets.flatMap((of) => of.records ?? []),
      first - 1,
    ),
  ]
}

function* allIds(datasets: readonly DatasetCommit[]): Generator<string> {
  for (const of of datasets) yield* of.eventIds
}
