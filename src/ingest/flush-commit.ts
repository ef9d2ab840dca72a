import { letterRows, type DeadLetter } from './dead-letters.ts'
import { packIds, packRecords } from './ledger.ts'

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

/** The words of `commit_flush`. Throws on what only a defect of the caller can produce. */
export function parametersOf(commit: FlushCommit): unknown[] {
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
