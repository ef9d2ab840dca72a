import {
  loadTable,
  pointerOf,
  stageAppend,
  type DataFile,
  type DataFileWriter,
  type ObjectStore,
  type Staged,
  type Table,
} from '../lake/index.ts'
import type { TopicInfo } from '../bus/index.ts'
import type { Store } from '../store/index.ts'
import { abandonIntent, addSources, openIntent } from '../upkeep/index.ts'
import type { FlushCommit } from './flush-commit.ts'
import { knownIds } from './ledger.ts'
import { commitFlush, type CommitOutcome } from './settle.ts'

/** What a flush needs of the lake. */
export interface FlushLake {
  /** The table's metadata location in the catalog; undefined = there is no such table. */
  pointer(tenantId: string, namespace: string, table: string): Promise<string | undefined>
  load(metadataLocation: string): Promise<Table>
  write: DataFileWriter['writeOrRefuse']
  stage(
    table: Table,
    files: readonly DataFile[],
    as: { readonly fileTag: string; readonly attempt: number },
  ): Promise<Staged>
  /** Every file below the table's location that was written under the flush's name. */
  filesOf(tableLocation: string, flushId: string): Promise<readonly string[]>
  ping(timeoutMs: number): Promise<void>
}

/** What a flush needs of the record. */
export interface FlushRecord {
  openIntent(intent: {
    readonly flushId: string
    readonly tenantId: string
    readonly worker: string
    readonly locations: readonly string[]
  }): Promise<void>
  /** The flush will never commit: its files are the sweeper's. Changes nothing where it was committed. */
  abandon(tenantId: string, flushId: string, locations: readonly string[]): Promise<void>
  /** `onUnanswered` is told of each try after which the same commit is offered again. */
  commit(commit: FlushCommit, onUnanswered?: (why: 'unknown' | 'error') => void): Promise<CommitOutcome>
  knownIds(tenantId: string, datasetNumber: number, ids: readonly string[]): Promise<ReadonlySet<string>>
}

/** A topic that was made anew becomes as many new sources as it has partitions. Safe to repeat. */
export type AdoptTopic = (tenantId: string, topic: TopicInfo) => Promise<void>

export const openAdoptTopic =
  (store: Store): AdoptTopic =>
  async (tenantId, topic) => {
    await store.asSystem((sql) => addSources(sql, tenantId, topic), { name: 'topic' })
  }

interface LakeOptions {
  readonly keepSnapshots: number
  readonly keepMs: number
  readonly now: () => number
}

export function openFlushLake(
  store: Store,
  objects: ObjectStore,
  writer: DataFileWriter,
  options: LakeOptions,
): FlushLake {
  const { keepSnapshots, keepMs, now } = options
  return {
    pointer: (tenantId, namespace, table) =>
      store.asTenant(tenantId, (sql) => pointerOf(sql, namespace, table), { name: 'catalog' }),
    load: (metadataLocation) => loadTable(objects, metadataLocation),
    write: (job) => writer.writeOrRefuse(job),
    stage: (table, files, { fileTag, attempt }) =>
      stageAppend(objects, table, files, { fileTag, attempt, now: now(), keepSnapshots, keepMs }),
    async filesOf(tableLocation, flushId) {
      const found: string[] = []
      for await (const { location } of objects.list(`${tableLocation}/`))
        if (location.includes(flushId)) found.push(location)
      return found
    },
    ping: (timeoutMs) => objects.ping(timeoutMs),
  }
}

export function openFlushRecord(store: Store): FlushRecord {
  return {
    openIntent: (intent) => openIntent(store, intent),
    abandon: (tenantId, flushId, locations) => abandonIntent(store, { tenantId, flushId, locations }),
    commit: (commit, onUnanswered) => commitFlush(store, commit, onUnanswered === undefined ? {} : { onUnanswered }),
    knownIds: (tenantId, datasetNumber, ids) => knownIds(store, tenantId, datasetNumber, ids),
  }
}
