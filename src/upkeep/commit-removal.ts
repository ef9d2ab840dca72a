import { setTimeout as delay } from 'node:timers/promises'
import { CommitUnknown, type Store } from '../store/index.ts'

/** A partition as a worker claimed it. */
export interface Fence {
  readonly topicId: string
  readonly partition: number
  readonly generation: number
}

export interface RemovalCommit {
  readonly flushId: string
  readonly tenantId: string
  readonly worker: string
  /** The partition that stands for the table: its owner alone may take rows out. */
  readonly fence: Fence
  readonly datasetId: string
  readonly table: { readonly namespace: string; readonly name: string; readonly from: string; readonly to: string }
  /** Rows that go. */
  readonly rows: number
  /** Files that retained snapshots no longer reach, each with its seconds of grace. */
  readonly expired: readonly { readonly location: string; readonly after: number }[]
}

type RemovalOutcome =
  | { readonly kind: 'committed'; readonly flushNumber: number }
  /** The partition is not this worker's under that claim. Nothing moved. */
  | { readonly kind: 'fenced' }
  /** Stage again on `current`; null = the table is missing. Nothing moved. */
  | { readonly kind: 'table_moved'; readonly current: string | null }
  /** The sweeper has taken the files for orphans. Nothing moved. */
  | { readonly kind: 'condemned' }

const TRIES = 5
const PAUSE_MS = 200
/** SQLSTATEs after which the same commit may succeed. */
const PASSING = new Set(['55P03', '40P01', '40001'])

/**
 * Commits a removal in one round trip (`commit_removal`, migration 0009). Every outcome but `committed` means that nothing
 * moved. A lost answer needs no protocol of its own: the same commit is offered again, and finds itself in `flushes`. Rejects
 * when Postgres stays away too long to know; abandoning the intent then decides it.
 */
export async function commitRemoval(store: Store, commit: RemovalCommit): Promise<RemovalOutcome> {
  const { fence, table } = commit
  const values = [
    commit.flushId,
    commit.worker,
    JSON.stringify({ topic_id: fence.topicId, partition: fence.partition, generation: fence.generation }),
    JSON.stringify({ dataset: commit.datasetId, ...table, rows: commit.rows }),
    JSON.stringify(commit.expired),
  ]
  for (let tries = 1; ; tries += 1) {
    try {
      const [row] = await store.callAsTenant<{ verdict: RemovalOutcome }>(commit.tenantId, CALL, values, {
        name: 'canary',
      })
      if (row === undefined) throw new Error('commit_removal answered nothing.')
      return row.verdict
    } catch (error) {
      const isPassing = error instanceof CommitUnknown || PASSING.has((error as { code?: string }).code ?? '')
      if (!isPassing || tries === TRIES) throw error
      await delay(PAUSE_MS * tries)
    }
  }
}

const CALL = 'SELECT public.commit_removal($1, $2, $3, $4, $5) AS verdict'
