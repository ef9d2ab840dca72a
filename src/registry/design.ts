import { isDeepStrictEqual } from 'node:util'
import { isLakeFault, loadTable, pointerOf, type LineShape, type Table } from '../lake/index.ts'
import type { Composed, Evolution, Notes } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import type { Dataset, DatasetPlaces } from './datasets.ts'
import type { Descent } from './renames.ts'
import { redesignTable } from './shape.ts'

/** A dataset, the version that it shall be bound to, and what it has been bound to so far. */
export interface Rebinding {
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

const VERSIONS = `SELECT schema_id, shape::text AS shape FROM dataset_bindings WHERE dataset_id = $1`

/** Nothing is changed, and the same may be asked again. */
export const later = (detail: string, cause?: unknown): Problem =>
  new Problem('dependency_away', detail, { retryAfterSeconds: 1, cause })

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

export interface Design {
  readonly shape: LineShape
  /** Undefined: the version was bound before, and its columns are all there. */
  readonly evolution: Evolution | undefined
}

/**
 * How events of the version are kept. A version that was bound before keeps its map for ever, because events of it may still be
 * under way: going back to it changes no column. Throws `breaking_change`.
 */
export function designOf(found: Rebinding, table: Table): Design {
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
