import { isUuid } from '../event/index.ts'
import type { LineShape, Table } from '../lake/index.ts'
import { composedFrom, requireTimestamp, type Composed, type Evolution } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { resolveParts } from './composition.ts'
import { findDataset, type Dataset, type DatasetPlaces } from './datasets.ts'
import { ENTITY_COLUMNS, partsOf } from './entity-rows.ts'
import type { Entity } from './kinds.ts'
import { readBound, redesign, tableOf } from './design.ts'
import { openReferences } from './references.ts'
import { loadNotes } from './descriptors.ts'
import { descentOf } from './renames.ts'

/** A schema, published or still a draft, held against a dataset that it might be bound to. Nothing is changed. */
export interface Proposal {
  readonly schemaUri: string
  readonly composed: Composed
  readonly dataset: Dataset
  /** The version bound now: what its events look like, and where each member lies in the table. */
  readonly bound: { readonly composed: Composed; readonly shape: LineShape }
  readonly table: Table
  /** Undefined where the version was bound before: going back to it changes no column. */
  readonly evolution: Evolution | undefined
}

const SCHEMA = `SELECT ${ENTITY_COLUMNS} FROM pdm_entities WHERE id = $1 AND kind = 'schema'`

/**
 * Plans what binding a schema would do to a dataset. Undefined: there is no such schema. Throws `schema_not_published` of an archived
 * one, `unknown_dataset`, what composing the draft refuses, `schema_needs_timestamp`, `dependency_away`.
 */
export async function proposeSchema(
  places: Pick<DatasetPlaces, 'store' | 'objects'>,
  tenantId: string,
  asked: { readonly schemaId: string; readonly dataset: string },
): Promise<Proposal | undefined> {
  if (!isUuid(asked.schemaId)) return undefined
  const found = await places.store.asTenant(
    tenantId,
    async (sql) => {
      const [schema] = await sql.query<Entity>(SCHEMA, [asked.schemaId])
      if (schema === undefined) return undefined
      if (schema.status === 'archived')
        throw new Problem(
          'schema_not_published',
          `The schema ${schema.uri} is archived, so no dataset can be bound to it: take its successor.`,
        )
      const dataset = await findDataset(sql, asked.dataset)
      if (dataset === undefined)
        throw new Problem('unknown_dataset', `There is no dataset "${asked.dataset}" in this tenant.`, {
          errors: [{ pointer: '/dataset', keyword: 'reference', message: 'must be the slug or id of a dataset' }],
        })
      const composed = await composedOf(sql, schema)
      requireTimestamp(composed)
      const [current] = await sql.query<Entity>(SCHEMA, [dataset.schema_id])
      if (current === undefined) throw new Error(`the dataset ${dataset.id} is bound to no schema`)
      const before = await composedOf(sql, current)
      const bound = await readBound(sql, dataset)
      return {
        ...bound,
        schema,
        composed,
        before,
        descent: await descentOf(sql, schema.uri, [...bound.versions.keys()]),
        notes: await loadNotes(sql, schema.uri),
      }
    },
    { name: 'dataset' },
  )
  if (found === undefined) return undefined
  const { schema, composed, dataset, versions, before } = found
  const table = await tableOf(places, found)
  return {
    schemaUri: schema.uri,
    composed,
    dataset,
    bound: { composed: before, shape: versions.get(dataset.schema_id) as LineShape },
    table,
    evolution: versions.has(schema.id) ? undefined : redesign(found, table).evolution,
  }
}

/** Frozen at publication; of a draft what its parts compose to now. */
async function composedOf(sql: Sql, schema: Entity): Promise<Composed> {
  if (schema.composed !== null) return composedFrom(schema.composed)
  const { composed } = await resolveParts(openReferences(sql), partsOf(schema))
  if (composed === undefined) throw new Error(`the schema ${schema.id} composes to nothing`)
  return composed
}
