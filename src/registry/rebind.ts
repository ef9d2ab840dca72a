import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { uuidv7 } from '../event/index.ts'
import {
  isLakeFault,
  loadTable,
  movePointer,
  pointerOf,
  stageSchema,
  type LineShape,
  type StagedSchema,
  type Table,
} from '../lake/index.ts'
import type { Composed, Evolution, Notes } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { CommitUnknown, type Sql } from '../store/index.ts'
import { IntentCondemned, abandonIntent, closeIntent, openIntent } from '../upkeep/index.ts'
import { announceChange } from './changed.ts'
import { DATASET_COLUMNS, patchDataset, type Dataset, type DatasetPlaces } from './datasets.ts'
import { holdPublished, publishedSchema } from './published.ts'
import { loadNotes } from './descriptors.ts'
import { descentOf, type Descent } from './renames.ts'
import { redesignTable } from './shape.ts'

/** A dataset, the version that it shall be bound to, and what it has been bound to so far. */
interface Rebinding {
  readonly dataset: Dataset
  readonly schemaId: string
  readonly schemaUri: string
  readonly composed: Composed
  readonly descent: Descent
  /** What the columns' docs shall say. */
  readonly notes: Notes
  readonly versions: ReadonlyMap<string, LineShape>
  /** Of the table, in the catalog. */
  readonly pointer: string | undefined
}

const LOCK = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE id = $1 FOR NO KEY UPDATE`
const READ = `SELECT ${DATASET_COLUMNS} FROM pdm_datasets WHERE id = $1`
const VERSIONS = `SELECT schema_id, shape::text AS shape FROM dataset_bindings WHERE dataset_id = $1`
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
  change: { readonly schema_uri: string; readonly name?: string | undefined },
  check?: (current: Dataset) => void,
): Promise<Dataset | undefined> {
  const flushId = uuidv7()
  const written: string[] = []
  let isOpen = false
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const found = await readRebinding(places, tenantId, datasetId, change.schema_uri)
      if (found === undefined) return undefined
      const table = await tableOf(places, found)
      const design = designOf(found, table)
      if (found.schemaId === found.dataset.schema_id && design.evolution?.same !== false)
        return await patchDataset(places.store, tenantId, datasetId, { name: change.name }, check)
      let staged: StagedSchema | undefined
      if (design.evolution?.same === false) {
        if (!isOpen) {
          await openIntent(places.store, { flushId, tenantId, worker: places.owner, locations: [table.location] })
          isOpen = true
        }
        staged = await stage(places, table, design.evolution, { fileTag: flushId, attempt })
      }
      try {
        const orphans = written.splice(0)
        written.push(...orphans, ...(staged?.written ?? []))
        const bound = await places.store.asTenant(
          tenantId,
          (sql) =>
            commit(sql, {
              tenantId,
              graceSeconds: places.readerGraceSeconds,
              flushId: isOpen ? flushId : undefined,
              found,
              table,
              design,
              staged,
              orphans,
              change,
              check,
            }),
          { name: 'dataset' },
        )
        isOpen = false
        announceChange('dataset', 'changed', { id: bound.id })
        return bound
      } catch (error) {
        if (error instanceof CommitUnknown)
          return await whatBecame(places, tenantId, datasetId, change.schema_uri, error)
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
    if (isOpen) await abandonIntent(places.store, { tenantId, flushId }).catch(() => undefined)
  }
}

const later = (detail: string, cause?: unknown): Problem =>
  new Problem('dependency_away', detail, { retryAfterSeconds: 1, cause })

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

/** A dataset with the maps of its versions and its table's place. */
export async function readBound(
  sql: Sql,
  dataset: Dataset,
): Promise<Pick<Rebinding, 'dataset' | 'versions' | 'pointer'>> {
  const rows = await sql.query<{ schema_id: string; shape: string }>(VERSIONS, [dataset.id])
  const versions = new Map(rows.map((row) => [row.schema_id, JSON.parse(row.shape) as LineShape]))
  return { dataset, versions, pointer: await pointerOf(sql, dataset.namespace, dataset.table_name) }
}

/** The table of a dataset as it is now. Throws `dependency_away`. */
export async function tableOf(
  { objects }: Pick<DatasetPlaces, 'objects'>,
  { dataset, pointer }: Pick<Rebinding, 'dataset' | 'pointer'>,
): Promise<Table> {
  if (pointer === undefined) throw later(`The table ${dataset.namespace}.${dataset.table_name} is not in the catalog.`)
  try {
    return await loadTable(objects, pointer)
  } catch (error) {
    if (!isLakeFault(error)) throw error
    throw later(`The lake cannot be read now (${error.code}): look at /ready, then send the change again.`, error)
  }
}

interface Design {
  readonly shape: LineShape
  /** Undefined: the version was bound before, and its columns are all there. */
  readonly evolution: Evolution | undefined
}

/**
 * How events of the version are kept. A version that was bound before keeps its map for ever, because events of it may still be
 * under way: going back to it changes no column. Throws `breaking_change`.
 */
function designOf(found: Rebinding, table: Table): Design {
  const known = found.versions.get(found.schemaId)
  const isBound = found.schemaId === found.dataset.schema_id
  if (known !== undefined && !isBound) return { shape: known, evolution: undefined }
  const { evolution, shape } = redesign(found, table)
  if (known !== undefined) {
    // The version that is bound: what was said of its places since stands in the docs from now on, and nothing else moves.
    const isSaidOnly =
      evolution.breaking.length === 0 &&
      Object.values(evolution.changes).every((some) => some.length === 0) &&
      isDeepStrictEqual(shape, known)
    return { shape: known, evolution: isSaidOnly ? evolution : undefined }
  }
  const { breaking } = evolution
  if (breaking.length === 0) return { shape, evolution }
  const [first] = breaking
  const more = breaking.length === 1 ? '' : ` (and ${breaking.length - 1} more)`
  const detail = `The table of ${found.dataset.slug} cannot take ${found.schemaUri}: at ${first?.pointer}, ${first?.reason}${more}. Give what is new another name, or make a new dataset.`
  throw new Problem('breaking_change', detail, {
    errors: breaking.map(({ pointer, reason }) => ({ pointer, keyword: 'breaking_change', message: reason })),
  })
}

/** What the dataset's table would become under another version, breaking or not. */
export function redesign(
  found: Pick<Rebinding, 'dataset' | 'versions' | 'composed' | 'descent' | 'notes'>,
  table: Table,
): { readonly evolution: Evolution; readonly shape: LineShape } {
  const { dataset, versions, descent } = found
  const current = versions.get(dataset.schema_id)
  if (current === undefined) throw new Error(`the dataset ${dataset.id} names a schema that it is not bound to`)
  const followed = versions.get(descent.follows ?? dataset.schema_id) ?? current
  const bound = { table, shapes: [...versions.values()], current, followed }
  return redesignTable(found.composed, bound, descent.renames, found.notes)
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
  readonly tenantId: string
  /** For whoever has just read the catalog: the metadata file that falls off the log. */
  readonly graceSeconds: number
  /** Undefined: no file was written. */
  readonly flushId: string | undefined
  readonly found: Rebinding
  readonly table: Table
  readonly design: Design
  readonly staged: StagedSchema | undefined
  /** Written by earlier attempts. */
  readonly orphans: readonly string[]
  readonly change: { readonly name?: string | undefined }
  readonly check: ((current: Dataset) => void) | undefined
}

/**
 * All of it or nothing. The table before the dataset, as `commit_flush` locks them. Throws `Moved`, `IntentCondemned`,
 * `schema_not_published`.
 */
async function commit(sql: Sql, about: Commitment): Promise<Dataset> {
  const { tenantId, found, staged } = about
  const { dataset } = found
  await holdPublished(sql, { id: found.schemaId, uri: found.schemaUri })
  if (staged !== undefined) {
    const swap = { namespace: dataset.namespace, name: dataset.table_name }
    const moved = await movePointer(sql, { ...swap, from: staged.baseLocation, to: staged.metadataLocation })
    if (!moved) throw new Moved()
  }
  const [locked] = await sql.query<Dataset>(LOCK, [dataset.id])
  if (locked === undefined || locked.schema_id !== dataset.schema_id) throw new Moved()
  about.check?.(locked)
  const tableSchemaId = staged?.schemaId ?? about.table.schema['schema-id']
  const shape = JSON.stringify(about.design.shape)
  await sql.query(BIND, [tenantId, dataset.id, found.schemaId, shape, tableSchemaId])
  const [bound] = await sql.query<Dataset>(POINT, [
    dataset.id,
    found.schemaId,
    found.schemaUri,
    about.change.name ?? null,
  ])
  const expired = [
    ...(staged?.unreachable ?? []).map((location) => ({ location, after: about.graceSeconds })),
    ...about.orphans.map((location) => ({ location, after: 0 })),
  ]
  if (expired.length > 0) await sql.query(EXPIRE, [tenantId, JSON.stringify(expired)])
  if (about.flushId !== undefined) await closeIntent(sql, about.flushId)
  return bound as Dataset
}

/** Postgres went away at COMMIT: whoever is bound to the version now has what was wanted. */
async function whatBecame(
  places: DatasetPlaces,
  tenantId: string,
  datasetId: string,
  schemaUri: string,
  cause: CommitUnknown,
): Promise<Dataset> {
  const [found] = await places.store
    .asTenant(tenantId, (sql) => sql.query<Dataset>(READ, [datasetId]), { name: 'dataset' })
    .catch(() => [])
  if (found?.schema_uri === schemaUri) return found
  throw later('Postgres went away while the dataset was bound. Look at it, then send the change again.', cause)
}
