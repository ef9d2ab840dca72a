import type { DeadLetterReason } from '../event/index.ts'
import type { Store } from '../store/index.ts'

/**
 * Exactly once, by construction (docs/concepts/exactly-once.md): what a flush wants to become true,
 * all of it or nothing, in one Postgres transaction. The transaction itself is the SQL function
 * `commit_flush` (migration 0005); this file only carries words to it and back.
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
export interface SourceOffset extends SourcePartition {
  readonly nextOffset: number
}

export interface FlushCommit {
  readonly flushId: string
  readonly tenantId: string
  readonly worker: string
  /** Every partition that the flush took records from. Whatever order: `commit_flush` sorts. */
  readonly sources: readonly FencedPartition[]
  /** Per partition the lowest offset that still has something pending once this flush is committed. */
  readonly sourceOffsets: readonly SourceOffset[]
  /** At most 64. `NIL_DATASET` (number 0) carries what cannot be resolved. */
  readonly datasets: readonly DatasetCommit[]
  readonly deadLetters: readonly DeadLetter[]
  /** How long readers of a superseded snapshot may still want the files in `expiredFiles`. */
  readonly graceSeconds: number
}

export interface TableSwap {
  readonly namespace: string
  readonly name: string
  /** `metadata_location` that the flush was staged on. */
  readonly from: string
  readonly to: string
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
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly traceparent: string
  /** RFC 3339, or null where the record does not say. */
  readonly receivedAt: string | null
}

export type CommitOutcome =
  | { readonly kind: 'committed'; readonly flushNumber: number }
  /** Not ours any more: these partitions have another owner or generation. Nothing moved. */
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

/**
 * Commits a flush in one round trip. Every outcome but `committed` means that nothing moved.
 * Rejects with the store's Problem (`dependency_away`) when Postgres stays away too long to know
 * what became of the COMMIT: then the flush must be offered again, with the same `flushId`, which
 * answers `committed` if it was.
 */
export async function commitFlush(store: Store, commit: FlushCommit): Promise<CommitOutcome> {
  void store
  void commit
  throw new Error('not yet')
}
