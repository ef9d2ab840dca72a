import { setTimeout as delay } from 'node:timers/promises'
import { uuidv7 } from '../event/index.ts'
import { movePointer, stageSchema, type StagedSchema, type Table } from '../lake/index.ts'
import type { Evolution } from '../pdm/index.ts'
import { CommitUnknown, type Sql } from '../store/index.ts'
import { IntentCondemned, abandonIntent, closeIntent, openIntent } from '../upkeep/index.ts'
import { announceChange } from './changed.ts'
import { DATASET_COLUMNS, patchDataset, type Dataset, type DatasetPlaces } from './datasets.ts'
import { loadNotes } from './descriptors.ts'
import { designOf, later, readBound, tableOf, type Design, type Rebinding } from './design.ts'
import { holdPublished, publishedSchema } from './published.ts'
import { descentOf } from './renames.ts'

const LOCK = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE id = $1 FOR NO KEY UPDATE`
const READ = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE id = $1`
const BIND = `INSERT INTO dataset_bindings (tenant_id, dataset_id, schema_id, shape, table_schema_id)
  VALUES ($1, $2, $3, $4::json, $5) ON CONFLICT (dataset_id, schema_id) DO NOTHING`
const POINT = `UPDATE pdm_datasets SET schema_id = $2, schema_uri = $3, name = coalesce($4, name), updated_at = clock_timestamp()
  WHERE id = $1 RETURNING ${DATASET_COLUMNS}`
const EXPIRE = `INSERT INTO expired_files (location, tenant_id, not_before)
  SELECT location, $1, clock_timestamp() + make_interval(secs => after)
  FROM json_to_recordset($2) AS e (location text, after float8) ON CONFLICT DO NOTHING`

/** How often a table that moves under the change, by flushes, is taken up again. A flush takes longer than this does. */
const MAX_ATTEMPTS = 12

/** The table moved, or somebody else bound the dataset: decide anew. */
class Moved extends Error {
  override readonly name = 'Moved'
}

/**
 * Binds a dataset to another published version, and gives its table the columns of that: new metadata under an intent, then
 * table pointer, binding and dataset in one transaction, which compares the pointer as a flush's does. A flush beside it goes
 * before or after, and finds its own files as good as before. Events that are under way keep their version's map. Undefined
 * where the dataset is gone. `check` is called on the locked row. Throws `breaking_change` with every reason, and what
 * `createDataset` throws of its schema.
 */
export async function rebindDataset(
  places: DatasetPlaces,
  tenantId: string,
  datasetId: string,
  change: Change,
  check?: (current: Dataset) => void,
): Promise<Dataset | undefined> {
  const run: Run = { tenantId, datasetId, change, check, flushId: uuidv7(), isOpen: false, written: [] }
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      try {
        return await bindOnce(places, run, attempt)
      } catch (error) {
        if (error instanceof CommitUnknown) return await whatBecame(places, run, error)
        if (!(error instanceof Moved)) throw error
        await delay(5 + attempt * 10)
      }
    }
    throw later('The table kept moving while its columns were to be changed: send the change again.')
  } catch (error) {
    if (!(error instanceof IntentCondemned)) throw error
    throw later('Changing the columns took too long and was given up: send the change again.', error)
  } finally {
    // Also where somebody else made the change meanwhile, and where a lost commit stands: then there is no intent any more.
    if (run.isOpen) await abandonIntent(places.store, run).catch(() => undefined)
  }
}

interface Change {
  readonly schema_uri: string
  readonly name?: string | undefined
}

/** One request to bind, over all its attempts. */
interface Run {
  readonly tenantId: string
  readonly datasetId: string
  readonly change: Change
  readonly check: ((current: Dataset) => void) | undefined
  readonly flushId: string
  /** Whether there is an intent by the flush id. */
  isOpen: boolean
  /** By attempts that came to nothing. */
  readonly written: string[]
}

/** Decides on the table as it is now, and binds. Throws `Moved` where it is no longer so at the end. */
async function bindOnce(places: DatasetPlaces, run: Run, attempt: number): Promise<Dataset | undefined> {
  const { tenantId, datasetId, change, check, flushId, written } = run
  const found = await readRebinding(places, tenantId, datasetId, change.schema_uri)
  if (found === undefined) return undefined
  const table = await tableOf(places, found)
  const design = designOf(found, table)
  const changesTable = design.evolution?.same === false
  if (found.schemaId === found.dataset.schema_id && !changesTable)
    return patchDataset(places.store, tenantId, datasetId, { name: change.name }, check)
  if (changesTable && !run.isOpen) {
    await openIntent(places.store, { flushId, tenantId, worker: places.owner, locations: [table.location] })
    run.isOpen = true
  }
  const orphans = [...written]
  const staged = changesTable ? await stage(places, table, design.evolution, { fileTag: flushId, attempt }) : undefined
  written.push(...(staged?.written ?? []))
  const graceSeconds = places.readerGraceSeconds
  const bound = await places.store.asTenant(
    tenantId,
    (sql) => commit(sql, { run, graceSeconds, found, table, design, staged, orphans }),
    { name: 'dataset' },
  )
  run.isOpen = false
  announceChange('dataset', 'changed', { id: bound.id })
  return bound
}

/** Reads what a rebinding is decided by. Undefined: no such dataset. */
function readRebinding(
  { store }: Pick<DatasetPlaces, 'store'>,
  tenantId: string,
  datasetId: string,
  schemaUri: string,
): Promise<Rebinding | undefined> {
  return store.asTenant(
    tenantId,
    async (sql) => {
      const [dataset] = await sql.query<Dataset>(READ, [datasetId])
      if (dataset === undefined) return undefined
      const { id: schemaId, composed } = await publishedSchema(sql, schemaUri)
      const bound = await readBound(sql, dataset)
      return {
        ...bound,
        schemaId,
        schemaUri,
        composed,
        descent: await descentOf(sql, schemaUri, [...bound.versions.keys()]),
        notes: await loadNotes(sql, schemaUri),
      }
    },
    { name: 'dataset' },
  )
}

async function stage(
  places: DatasetPlaces,
  table: Table,
  columns: Evolution,
  named: { readonly fileTag: string; readonly attempt: number },
): Promise<StagedSchema> {
  try {
    return await stageSchema(places.objects, table, columns, { ...named, now: Math.floor(places.clock.now()) })
  } catch (error) {
    throw later('The lake could not be written: look at /ready, then send the change again.', error)
  }
}

interface Commitment {
  readonly run: Run
  /** For whoever has just read the catalog: the metadata file that falls off the log. */
  readonly graceSeconds: number
  readonly found: Rebinding
  readonly table: Table
  readonly design: Design
  readonly staged: StagedSchema | undefined
  /** Written by earlier attempts. */
  readonly orphans: readonly string[]
}

/**
 * All of it or nothing. The table before the dataset, as `commit_flush` locks them. Throws `Moved`, `IntentCondemned`,
 * `schema_not_published`.
 */
async function commit(sql: Sql, about: Commitment): Promise<Dataset> {
  const { run, found, staged } = about
  const { tenantId, change, check } = run
  const { dataset } = found
  await holdPublished(sql, { id: found.schemaId, uri: found.schemaUri })
  if (staged !== undefined) {
    const swap = { namespace: dataset.namespace, name: dataset.table_name }
    const moved = await movePointer(sql, { ...swap, from: staged.baseLocation, to: staged.metadataLocation })
    if (!moved) throw new Moved()
  }
  const [locked] = await sql.query<Dataset>(LOCK, [dataset.id])
  if (locked === undefined || locked.schema_id !== dataset.schema_id) throw new Moved()
  check?.(locked)
  const tableSchemaId = staged?.schemaId ?? about.table.schema['schema-id']
  const shape = JSON.stringify(about.design.shape)
  await sql.query(BIND, [tenantId, dataset.id, found.schemaId, shape, tableSchemaId])
  const [bound] = await sql.query<Dataset>(POINT, [dataset.id, found.schemaId, found.schemaUri, change.name ?? null])
  const expired = [
    ...(staged?.unreachable ?? []).map((location) => ({ location, after: about.graceSeconds })),
    ...about.orphans.map((location) => ({ location, after: 0 })),
  ]
  if (expired.length > 0) await sql.query(EXPIRE, [tenantId, JSON.stringify(expired)])
  if (run.isOpen) await closeIntent(sql, run.flushId)
  return bound as Dataset
}

/** Postgres went away at COMMIT: whoever is bound to the version now has what was wanted. */
async function whatBecame({ store }: DatasetPlaces, run: Run, cause: CommitUnknown): Promise<Dataset> {
  const { tenantId, datasetId, change } = run
  const [found] = await store
    .asTenant(tenantId, (sql) => sql.query<Dataset>(READ, [datasetId]), { name: 'dataset' })
    .catch(() => [])
  if (found?.schema_uri === change.schema_uri) return found
  throw later('Postgres went away while the dataset was bound. Look at it, then send the change again.', cause)
}
