import { uuidv7 } from '../event/index.ts'
import { checkDefinition, type Definition } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import { rfc3339, type Sql, type Store } from '../store/index.ts'
import { announceChange } from './changed.ts'
import { resolveParts, type Parts } from './composition.ts'
import { inDefinition } from './definition-faults.ts'
import { ENTITY_KINDS, type Entity, type EntityKind, type EntityStatus, type NewEntity } from './kinds.ts'
import { pageOf, positionOf, type Page, type PageQuery } from './pages.ts'
import { openReferences, type References } from './references.ts'
import { uniqueViolation } from './rows.ts'

export const ENTITY_COLUMNS = `id, kind, tenant_id IS NULL AS system, uri, title, status, definition::text AS definition,
  class_uri, field_group_uris, schema_uri, descriptor_kind, pointer, composed::text AS composed, version, supersedes,
  ${rfc3339('created_at')} AS created_at, ${rfc3339('updated_at')} AS updated_at, ${rfc3339('published_at')} AS published_at`

const INSERT = `INSERT INTO pdm_entities (id, tenant_id, kind, uri, title, definition, class_uri, field_group_uris,
    schema_uri, descriptor_kind, pointer, version, supersedes)
  VALUES ($1, $2, $3, $4, $5, $6::json, $7, $8::text[], $9, $10, $11, $12, $13) RETURNING ${ENTITY_COLUMNS}`
const GET = `SELECT ${ENTITY_COLUMNS} FROM pdm_entities WHERE id = $1 AND kind = $2`
const LIST = `SELECT ${ENTITY_COLUMNS} FROM pdm_entities
  WHERE kind = $1 AND ($2::text IS NULL OR uri = $2) AND ($3::text IS NULL OR status = $3)
    AND ($4::timestamptz IS NULL OR (created_at, id) < ($4::timestamptz, $5::uuid))
  ORDER BY created_at DESC, id DESC LIMIT $6`

/** An entity with what it is composed to: JSON text for a schema whose parts fit, else null. */
export type EntityAnswer = Entity

/**
 * Creates a draft. Throws `uri_taken`, `reference_not_found`, `reference_not_published`,
 * `composition_conflict`, `definition_invalid`, `schema_too_large`, `invalid`, …
 */
export async function createEntity(
  store: Store,
  tenantId: string,
  kind: EntityKind,
  wanted: NewEntity,
): Promise<EntityAnswer> {
  const definition = JSON.parse(wanted.definition) as Definition
  inDefinition(() => checkDefinition(kind, definition))
  const created = await store.asTenant(
    tenantId,
    async (sql) => {
      const references = openReferences(sql)
      const parts = await resolveParts(references, { ...wanted, kind, definition })
      const version = await versionAfter(references, kind, wanted.supersedes)
      const values = [
        uuidv7(),
        tenantId,
        kind,
        wanted.uri,
        wanted.title,
        wanted.definition,
        parts.classUri ?? null,
        parts.fieldGroupUris,
        wanted.schema_uri ?? null,
        wanted.kind ?? null,
        wanted.pointer ?? null,
        version,
        wanted.supersedes ?? null,
      ]
      const [row] = await sql.query<Entity>(INSERT, values).catch((error: unknown) => {
        if (uniqueViolation(error) === undefined) throw error
        throw new Problem(
          'uri_taken',
          `The URI ${wanted.uri} is taken: URIs are unique in the whole deployment. Choose another.`,
          {
            errors: [{ pointer: '/uri', keyword: 'unique', message: 'is taken' }],
            cause: error,
          },
        )
      })
      return withComposed(row as Entity, parts)
    },
    { name: 'entity' },
  )
  announceChange('schema', 'created', created)
  return created
}

/** The entity, or undefined: another tenant's and another kind's are not there. */
export async function getEntity(
  store: Store,
  tenantId: string,
  kind: EntityKind,
  id: string,
): Promise<EntityAnswer | undefined> {
  return store.asTenant(
    tenantId,
    async (sql) => {
      const [row] = await sql.query<Entity>(GET, [id, kind])
      return row === undefined ? undefined : composedNow(openReferences(sql), row)
    },
    { name: 'entity' },
  )
}

interface EntityQuery extends PageQuery {
  readonly uri?: string | undefined
  readonly status?: EntityStatus | undefined
}

/** What the tenant sees of a kind, Pulse's own included, newest first. */
export async function listEntities(
  store: Store,
  tenantId: string,
  kind: EntityKind,
  query: EntityQuery,
): Promise<Page<EntityAnswer>> {
  const after = positionOf(query.cursor)
  const values = [kind, query.uri ?? null, query.status ?? null, after.createdAt, after.id, query.limit + 1]
  return store.asTenant(
    tenantId,
    async (sql) => {
      const page = pageOf(await sql.query<Entity>(LIST, values), query.limit)
      const references = openReferences(sql)
      const items: EntityAnswer[] = []
      for (const row of page.items) items.push(await composedNow(references, row))
      return { ...page, items }
    },
    { name: 'entity' },
  )
}

async function versionAfter(references: References, kind: EntityKind, supersedes: string | undefined): Promise<number> {
  if (supersedes === undefined) return 1
  await references.load([supersedes])
  const before = references.get(supersedes)
  if (before === undefined || before.kind !== kind || before.system) {
    const { noun } = ENTITY_KINDS[kind]
    throw new Problem(
      'reference_not_found',
      `There is no ${noun} ${supersedes} of this tenant that could be superseded.`,
      {
        errors: [
          { pointer: '/supersedes', keyword: 'reference', message: `must be the uri of a ${noun} of this tenant` },
        ],
      },
    )
  }
  return before.version + 1
}

/** A draft schema shows what its parts compose to now; null while they do not fit (publishing says why). */
export async function composedNow(references: References, row: Entity): Promise<EntityAnswer> {
  if (row.kind !== 'schema' || row.composed !== null) return row
  try {
    return withComposed(row, await resolveParts(references, partsOf(row)))
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return row
    throw error
  }
}

export const partsOf = (row: Entity): Parameters<typeof resolveParts>[1] => ({
  kind: row.kind,
  definition: JSON.parse(row.definition) as Definition,
  class_uri: row.class_uri ?? undefined,
  field_group_uris: row.field_group_uris,
  schema_uri: row.schema_uri ?? undefined,
})

const withComposed = (row: Entity, parts: Parts): EntityAnswer =>
  parts.composed === undefined ? row : { ...row, composed: parts.composed.text }

/** Locks the row for a change; undefined where the tenant does not see it. Throws `read_only` for Pulse's own. */
export async function lockEntity(sql: Sql, kind: EntityKind, id: string): Promise<Entity | undefined> {
  const [locked] = await sql.query<Entity>(`${GET} FOR UPDATE`, [id, kind])
  if (locked !== undefined) return locked
  const [seen] = await sql.query<Entity>(GET, [id, kind])
  if (seen === undefined) return undefined
  throw new Problem(
    'read_only',
    `The ${ENTITY_KINDS[kind].noun} ${seen.uri} belongs to Pulse: make your own instead of changing it.`,
  )
}
