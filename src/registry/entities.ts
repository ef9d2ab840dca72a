import { uuidv7 } from '../event/index.ts'
import { checkDefinition, type Definition } from '../pdm/index.ts'
import { Problem } from '../problems/index.ts'
import type { Store } from '../store/index.ts'
import { checkAbout } from './about.ts'
import { announceChange } from './changed.ts'
import { resolveParts } from './composition.ts'
import { inDefinition } from './definition-faults.ts'
import { ENTITY_COLUMNS, composedNow, entityRow, isComposedAnew, withComposed } from './entity-rows.ts'
import { ENTITY_KINDS, type Entity, type EntityKind, type EntityStatus, type NewEntity } from './kinds.ts'
import { pageOf, positionOf, type Page, type PageQuery } from './pages.ts'
import { openReferences, type Referent, type References } from './references.ts'
import { uniqueViolation } from './rows.ts'

const INSERT = `INSERT INTO pdm_entities (id, tenant_id, kind, uri, title, definition, class_uri, field_group_uris,
    schema_uri, descriptor_kind, pointer, version, supersedes, uses)
  VALUES ($1, $2, $3, $4, $5, $6::json, $7, $8::text[], $9, $10, $11, $12, $13, $14::text[]) RETURNING ${ENTITY_COLUMNS}`
/** What one page may hold of definitions and of what they compose to: fewer items than asked for are on it where they are large. */
const PAGE_BYTES = 8 * 1024 * 1024
const OWN_BYTES = `octet_length(definition::text) + coalesce(octet_length(composed::text) + octet_length(origins::text), 0)`
const FILTERED = `SELECT * FROM pdm_entities
  WHERE kind = $1 AND ($2::text IS NULL OR uri = $2) AND ($3::text IS NULL OR status = $3)
    AND ($4::timestamptz IS NULL OR (created_at, id) < ($4::timestamptz, $5::uuid))
    AND ($7::text IS NULL OR supersedes = $7) AND ($8::text IS NULL OR uses @> ARRAY[$8]) AND ($9::text IS NULL OR descriptor_kind = $9)
    AND ($10::text IS NULL OR class_uri = $10) AND ($11::text IS NULL OR schema_uri = $11)
  ORDER BY created_at DESC, id DESC LIMIT $6`
const LIST = `SELECT ${ENTITY_COLUMNS}, found FROM (
    SELECT *, count(*) OVER ()::int AS found,
      sum(${OWN_BYTES}) OVER (ORDER BY created_at DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newer_bytes
    FROM (${FILTERED}) AS page) AS page
  WHERE coalesce(newer_bytes, 0) < $12 ORDER BY created_at DESC, id DESC`

/**
 * Creates a draft. Throws `uri_taken`, `reference_not_found`, `reference_not_published`,
 * `composition_conflict`, `definition_invalid`, `schema_too_large`, `invalid`, …
 */
export async function createEntity(
  store: Store,
  tenantId: string,
  kind: EntityKind,
  wanted: NewEntity,
): Promise<Entity> {
  const definition = JSON.parse(wanted.definition) as Definition
  inDefinition(() => checkDefinition(kind, definition))
  const created = await store.asTenant(
    tenantId,
    async (sql) => {
      const references = openReferences(sql)
      await references.load([wanted.uri])
      const seen = references.get(wanted.uri)
      if (seen !== undefined) throw uriTaken(wanted.uri, seen)
      const parts = await resolveParts(references, { ...wanted, kind, definition })
      if (kind === 'descriptor') await checkAbout(sql, references, { ...wanted, definition })
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
        parts.uses,
      ]
      const [row] = await sql.query<Entity>(INSERT, values).catch((error: unknown) => {
        throw uniqueViolation(error) === undefined ? error : uriTaken(wanted.uri, undefined, error)
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
): Promise<Entity | undefined> {
  return store.asTenant(
    tenantId,
    async (sql) => {
      const row = await entityRow(sql, kind, id)
      return row === undefined ? undefined : composedNow(openReferences(sql), row)
    },
    { name: 'entity' },
  )
}

interface EntityQuery extends PageQuery {
  readonly uri?: string | undefined
  readonly status?: EntityStatus | undefined
  /** Those that supersede it, that refer to it, that are of its class, that are about it. */
  readonly supersedes?: string | undefined
  readonly uses?: string | undefined
  readonly class_uri?: string | undefined
  readonly schema_uri?: string | undefined
  /** Descriptors only. */
  readonly kind?: string | undefined
}

/**
 * What the tenant sees of a kind, Pulse's own included, newest first; fewer than `limit` where they are large. Each draft is put
 * together in a transaction of its own, so that others get their turn in between. Throws `invalid_parameter` for a bad cursor.
 */
export async function listEntities(
  store: Store,
  tenantId: string,
  kind: EntityKind,
  query: EntityQuery,
): Promise<Page<Entity>> {
  const after = positionOf(query.cursor)
  const values = [
    kind,
    query.uri ?? null,
    query.status ?? null,
    after.createdAt,
    after.id,
    query.limit + 1,
    query.supersedes ?? null,
    query.uses ?? null,
    query.kind ?? null,
    query.class_uri ?? null,
    query.schema_uri ?? null,
    PAGE_BYTES,
  ]
  const rows = await store.asTenant(tenantId, (sql) => sql.query<Entity & { found: number }>(LIST, values), {
    name: 'entity',
  })
  const items: Entity[] = []
  let bytes = 0
  for (const { found: _found, ...row } of rows.slice(0, query.limit)) {
    const item = isComposedAnew(row)
      ? await store.asTenant(tenantId, (sql) => composedNow(openReferences(sql), row), { name: 'entity' })
      : row
    bytes += item.definition.length + (item.composed?.length ?? 0)
    if (items.length > 0 && bytes > PAGE_BYTES) break
    items.push(item)
  }
  return pageOf(items, query.limit, rows[0]?.found)
}

/** Whose it is, is said only where the tenant sees it. */
function uriTaken(uri: string, by: Referent | undefined, cause?: unknown): Problem {
  const { noun, collection } = ENTITY_KINDS[by?.kind ?? 'schema']
  const found = `GET /v1/${collection}?uri=${encodeURIComponent(uri)} shows it`
  const detail =
    by === undefined
      ? `The URI ${uri} is taken: URIs are unique in the whole deployment. Choose another.`
      : `The URI ${uri} is taken by ${by.system ? "Pulse's own" : 'your'} ${noun} (${by.status}): ${found}. A new version has a URI of its own.`
  return new Problem('uri_taken', detail, {
    errors: [{ pointer: '/uri', keyword: 'unique', message: 'is taken' }],
    cause,
  })
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
