import { composedFrom, requireTimestamp, type Composed } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import type { EntityStatus } from './kinds.ts'

const SCHEMA_BY_URI = `SELECT id, status, composed::text AS composed FROM pdm_entities WHERE uri = $1 AND kind = 'schema'`

// Who archives it waits for this transaction, and sees the dataset.
const HOLD = `SELECT status FROM pdm_entities WHERE id = $1 FOR SHARE`

/** Keeps a schema published until the transaction ends. Throws `schema_not_published` where it was archived meanwhile. */
export async function holdPublished(sql: Sql, schema: { readonly id: string; readonly uri: string }): Promise<void> {
  const [held] = await sql.query<{ status: EntityStatus }>(HOLD, [schema.id])
  if (held?.status === 'published') return
  throw new Problem('schema_not_published', `The schema ${schema.uri} was archived meanwhile: take its successor.`, {
    errors: [{ pointer: '/schema_uri', keyword: 'reference', message: `is ${held?.status}` }],
  })
}

/**
 * The schema that a dataset may be bound to: one that the tenant sees, published, with a timestamp. Throws
 * `reference_not_found`, `schema_not_published`, `schema_needs_timestamp`.
 */
export async function publishedSchema(sql: Sql, uri: string): Promise<{ id: string; composed: Composed }> {
  const [schema] = await sql.query<{ id: string; status: EntityStatus; composed: string | null }>(SCHEMA_BY_URI, [uri])
  const errors = (message: string) => ({ errors: [{ pointer: '/schema_uri', keyword: 'reference', message }] })
  if (schema === undefined) {
    throw new Problem(
      'reference_not_found',
      `There is no schema ${uri} that this tenant can see: create and publish it first.`,
      errors('must be the uri of a published schema'),
    )
  }
  if (schema.status !== 'published' || schema.composed === null) {
    throw new Problem(
      'schema_not_published',
      `The schema ${uri} is ${schema.status}: a dataset needs a published one.`,
      errors(`is ${schema.status}`),
    )
  }
  const composed = composedFrom(schema.composed)
  requireTimestamp(composed, '/schema_uri')
  return { id: schema.id, composed }
}
