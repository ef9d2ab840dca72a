import { isLakeFault, loadTable, planScan, pointerOf, type ObjectStore, type Table } from '../lake/index.ts'
import { Problem } from '../problems/index.ts'
import { piiColumnsOf, type Binding, type Bindings } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { openEngine } from './engine.ts'
import { factsOf, type DatasetFacts } from './facts.ts'
import { checkLimit, type PreviewQuestion } from './question.ts'
import { openQueue } from './queue.ts'
import { readNewest, type Outside, type PreviewAnswer, type Scan } from './read.ts'
import { readSample, type SampleQuestion } from './sample.ts'
import { isOutOfMemory, openStory } from './story.ts'

export interface PreviewSettings {
  readonly store: Store
  readonly objects: ObjectStore
  readonly bindings: Pick<Bindings, 'bySlug' | 'byId'>
  /** Previews that run at once (2), that may wait (256: some 10 ms each), and the time from arrival to answer (10 s). */
  readonly running?: number
  readonly waiting?: number
  readonly timeoutMs?: number
  readonly memoryLimit?: string
  readonly threads?: number
}

export interface Preview extends AsyncDisposable {
  /**
   * The newest rows of a dataset's current snapshot, or of the one named. An empty table is an empty
   * answer. Throws the problems `unknown_dataset`, `unknown_snapshot`, `invalid_parameter`,
   * `overloaded`, `dependency_away`.
   */
  read(question: PreviewQuestion): Promise<PreviewAnswer>
  /** The newest rows, one by one. In the same line as previews, and throws what they do. */
  sample<T>(question: SampleQuestion<T>): Promise<T[]>
  /** Rows, files, bytes and snapshot of a dataset's table, from its metadata alone. */
  facts(tenantId: string, binding: TableName): Promise<DatasetFacts>
}

type TableName = Pick<Binding, 'namespace' | 'table'>

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Opens step nine of the journey: reading back what was committed, as any tenant's user sees it. */
export function openPreview(settings: PreviewSettings): Preview {
  const { store, objects, bindings } = settings
  const engine = openEngine({ memoryLimit: settings.memoryLimit ?? '256MB', threads: settings.threads ?? 1 })
  const queue = openQueue({
    running: settings.running ?? 2,
    waiting: settings.waiting ?? 256,
    timeoutMs: settings.timeoutMs ?? 10_000,
  })

  const bindingOf = async (tenantId: string, dataset: string): Promise<Binding> => {
    const binding = UUID.test(dataset)
      ? await bindings.byId(tenantId, dataset.toLowerCase())
      : await bindings.bySlug(tenantId, dataset)
    if (binding === undefined) throw new Problem('unknown_dataset', `There is no dataset "${dataset}" in this tenant.`)
    return binding
  }

  /** Row-level security answers only for the tenant's own namespace: another's table is no table. */
  const pointer = async (tenantId: string, { namespace, table }: TableName): Promise<string> => {
    const location = await store.asTenant(tenantId, (sql) => pointerOf(sql, namespace, table), { name: 'catalog' })
    if (location === undefined) {
      throw new Problem('dependency_away', `The table ${namespace}.${table} is not in the catalog.`, {
        retryAfterSeconds: 5,
      })
    }
    return location
  }

  const outside = (tenantId: string, binding: Binding): Outside => ({
    pointer: () => pointer(tenantId, binding),
    plan: async (location, snapshotId) => plan(objects, await loadTable(objects, location), snapshotId),
    localCopy: (location) => objects.localCopy(location),
    personal: () => store.asTenant(tenantId, (sql) => piiColumnsOf(sql, binding.datasetId), { name: 'binding' }),
    rows: (statement, render, signal) => engine.rows(statement, render, signal),
  })

  return {
    async read(question) {
      checkLimit(question.limit)
      // Found before it queues: questions for what is not there take nobody's place.
      const binding = await bindingOf(question.tenantId, question.dataset)
      const story = openStory(binding)
      const act = (signal: AbortSignal): Promise<PreviewAnswer> => {
        story.begun()
        return readNewest(binding.datasetSlug, question, outside(question.tenantId, binding), signal, story).catch(away)
      }
      try {
        const answer = await queue.run(act, question.signal)
        story.told()
        return answer
      } catch (error) {
        story.told(error)
        throw error
      }
    },
    async sample(question) {
      const binding = await bindingOf(question.tenantId, question.dataset)
      const from = outside(question.tenantId, binding)
      return queue.run((signal) => readSample(question, from, signal).catch(away))
    },
    async facts(tenantId, binding) {
      return factsOf(await loadTable(objects, await pointer(tenantId, binding)).catch(away))
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  }
}

/** The snapshot is found by the text of its id: foreign writers' ids pass what a number holds. */
async function plan(objects: ObjectStore, table: Table, snapshotId: string | undefined): Promise<Scan | undefined> {
  if (snapshotId === undefined) return planScan(objects, table)
  const kept = table.snapshots.find((snapshot) => String(snapshot.id) === snapshotId)
  return kept === undefined ? undefined : planScan(objects, table, kept.id)
}

/** The lake's faults as a user meets them: whatever is wrong with a table is not the request's fault. */
function away(error: unknown): never {
  if (isOutOfMemory(error)) {
    throw new Problem('overloaded', 'The rows asked for take too much memory; ask for fewer rows or columns.', {
      retryAfterSeconds: 1,
      cause: error,
    })
  }
  if (!isLakeFault(error)) throw error
  throw new Problem('dependency_away', `The lake cannot be read now (${error.code}): ${error.message}.`, {
    retryAfterSeconds: 5,
    cause: error,
  })
}
