import { setTimeout as delay } from 'node:timers/promises'
import { uuidv7 } from '../event/index.ts'
import {
  loadTable,
  planScan,
  pointerOf,
  stageRemoval,
  type ObjectStore,
  type StagedRemoval,
  type Table,
} from '../lake/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'
import { commitRemoval, type Fence } from './commit-removal.ts'
import { abandonIntent, openIntent } from './intents.ts'

interface RemovalParts {
  readonly store: Store
  readonly objects: ObjectStore
  /** The membership that acts. */
  readonly worker: string
  readonly retention: { readonly keepSnapshots: number; readonly keepMs: number }
  /** For readers of a snapshot that is superseded. */
  readonly graceSeconds: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A dataset whose old days go: by slugs, and how many whole days before today stay. */
interface Retained {
  readonly tenant: string
  readonly dataset: string
  readonly keepDays: number
}

const DAY_MS = 86_400_000
/** How often a table that moves under the removal is taken up again, before the next turn of upkeep. */
const MAX_COMMITS = 8

/**
 * Takes the data files of days that are too old out of a dataset's table, if this worker owns the first partition of
 * its tenant (so that of many workers one does it), and answers how many rows went. Written under an intent and committed under
 * the fence, like a flush: a worker that was replaced changes nothing, one that dies leaves files for the sweeper. A
 * flush that moves the table meanwhile goes first. Throws the lake's and Postgres's faults; then nothing was removed.
 */
export async function removeDays(parts: RemovalParts, retained: Retained): Promise<number> {
  const { store, objects, worker, now } = parts
  const place = await placeOf(store, worker, retained)
  if (place?.pointer === undefined) return 0
  const beforeDay = Math.floor(now() / DAY_MS) - retained.keepDays
  const table = await loadTable(objects, place.pointer)
  const old = await planScan(objects, table, undefined, { from: -Infinity, to: beforeDay - 1 })
  if (old.files.length === 0) return 0

  const startedAt = performance.now()
  const flushId = uuidv7(now())
  const { tenantId } = place
  const locations = [table.location]
  await openIntent(store, { flushId, tenantId, worker, locations })
  const staged = await stageAndCommit(parts, place, table, beforeDay, flushId).catch(async (error: unknown) => {
    await abandonIntent(store, { tenantId, flushId, locations }).catch(() => {}) // the sweeper condemns it by its age
    throw error
  })
  if (staged === undefined) {
    await abandonIntent(store, { tenantId, flushId, locations })
    return 0
  }
  announce('upkeep.rows.removed', {
    flushId,
    tenant: retained.tenant,
    dataset: retained.dataset,
    table: `${place.namespace}.${place.name}`,
    snapshotId: String(staged.snapshotId),
    rows: staged.removedRows,
    files: staged.removedFiles,
    tookMs: performance.now() - startedAt,
  })
  return staged.removedRows
}

interface Place extends Fence {
  readonly tenantId: string
  readonly datasetId: string
  readonly namespace: string
  readonly name: string
  readonly pointer: string | undefined
}

async function placeOf(store: Store, worker: string, { tenant, dataset }: Retained): Promise<Place | undefined> {
  const [found] = await store.asSystem(
    (sql) => sql.query<{ id: string }>('SELECT id FROM public.tenant_by_slug($1)', [tenant]),
    { name: 'canary' },
  )
  if (found === undefined) return undefined
  return store.asTenant(
    found.id,
    async (sql) => {
      const [row] = await sql.query<Omit<Place, 'tenantId' | 'pointer' | 'generation'> & { generation: string }>(
        `SELECT d.id AS "datasetId", d.namespace, d.table_name AS name, s.topic_id AS "topicId", s.partition, s.generation
       FROM public.pdm_datasets d JOIN public.source_partitions s ON s.tenant_id = d.tenant_id
       WHERE d.slug = $1 AND s.partition = 0 AND s.owner = $2 AND s.retired_at IS NULL`,
        [dataset, worker],
      )
      if (row === undefined) return undefined
      const pointer = await pointerOf(sql, row.namespace, row.name)
      return { ...row, tenantId: found.id, generation: Number(row.generation), pointer }
    },
    { name: 'canary' },
  )
}

/** Undefined where there is nothing to remove any more, or the commit was refused for good: the next turn looks anew. */
async function stageAndCommit(
  parts: RemovalParts,
  place: Place,
  first: Table,
  beforeDay: number,
  flushId: string,
): Promise<StagedRemoval | undefined> {
  const { store, objects, worker, retention, graceSeconds, now } = parts
  const orphans: string[] = []
  let table = first
  for (let attempt = 0; attempt < MAX_COMMITS; attempt += 1) {
    const options = { fileTag: flushId, attempt, now: now(), ...retention }
    const staged = await stageRemoval(objects, table, beforeDay, options)
    if (staged === undefined) return undefined
    const outcome = await commitRemoval(store, {
      flushId,
      tenantId: place.tenantId,
      worker,
      fence: place,
      datasetId: place.datasetId,
      table: { namespace: place.namespace, name: place.name, from: staged.baseLocation, to: staged.metadataLocation },
      rows: staged.removedRows,
      expired: [
        ...staged.unreachable.map((location) => ({ location, after: graceSeconds })),
        ...orphans.map((location) => ({ location, after: 0 })),
      ],
    })
    if (outcome.kind === 'committed') return staged
    if (outcome.kind !== 'table_moved' || outcome.current === null) return undefined
    orphans.push(...staged.written)
    table = await loadTable(objects, outcome.current)
    await delay(5 * 2 ** attempt)
  }
  return undefined
}
