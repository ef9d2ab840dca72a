import type { Definition } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, type Sql } from '../store/index.ts'
import { resolveParts, type Parts } from './composition.ts'
import { ENTITY_KINDS, type Entity, type EntityKind } from './kinds.ts'
import type { References } from './references.ts'

export const ENTITY_COLUMNS = `id, kind, tenant_id IS NULL AS system, uri, title, status, definition::text AS definition,
  class_uri, field_group_uris, schema_uri, descriptor_kind, pointer, composed::text AS composed, origins::text AS origins,
  version, supersedes, ${rfc3339('created_at')} AS created_at, ${rfc3339('updated_at')} AS updated_at,
  ${rfc3339('published_at')} AS published_at`
const GET = `SELECT ${ENTITY_COLUMNS} FROM pdm_entities WHERE id = $1 AND kind = $2`
const BY_URI = `SELECT ${ENTITY_COLUMNS} FROM pdm_entities WHERE uri = $1 AND kind = 'schema'`

/** The row as it stands, or undefined: another tenant's and another kind's are not there. */
export async function entityRow(sql: Sql, kind: EntityKind, id: string): Promise<Entity | undefined> {
  return (await sql.query<Entity>(GET, [id, kind]))[0]
}

/** The schema of that URI, composed as its parts are now. */
export async function schemaByUri(sql: Sql, references: References, uri: string): Promise<Entity | undefined> {
  const [row] = await sql.query<Entity>(BY_URI, [uri])
  return row === undefined ? undefined : composedNow(references, row)
}

/** Locks the row for a change; undefined where the tenant does not see it. Throws `read_only` for Pulse's own. */
export async function lockEntity(sql: Sql, kind: EntityKind, id: string): Promise<Entity | undefined> {
  const [locked] = await sql.query<Entity>(`${GET} FOR UPDATE`, [id, kind])
  if (locked !== undefined) return locked
  const seen = await entityRow(sql, kind, id)
  if (seen === undefined) return undefined
  throw new Problem(
    'read_only',
    `The ${ENTITY_KINDS[kind].noun} ${seen.uri} belongs to Pulse: make your own instead of changing it.`,
  )
}

/** Whether what it composes to is not kept yet. */
export const isComposedAnew = ({ kind, composed }: Entity): boolean => kind === 'schema' && composed === null

/** A draft schema shows what its parts compose to now; null while they do not fit (publishing says why). */
export async function composedNow(references: References, row: Entity): Promise<Entity> {
  if (!isComposedAnew(row)) return row
  try {
    return withComposed(row, await resolveParts(references, partsOf(row)))
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return row
    throw error
  }
}

/** What an entity that there is was made of. */
export const partsOf = (row: Entity): Parameters<typeof resolveParts>[1] => ({
  kind: row.kind,
  uri: row.uri,
  definition: JSON.parse(row.definition) as Definition,
  class_uri: row.class_uri ?? undefined,
  field_group_uris: row.field_group_uris,
  schema_uri: row.schema_uri ?? undefined,
})

/** With what the parts of a schema compose to; anything else as it is. */
export const withComposed = (row: Entity, { composed }: Parts): Entity =>
  composed === undefined ? row : { ...row, composed: composed.text, origins: JSON.stringify(composed.origins ?? null) }
