import {
  checkDefinition,
  columnsOf,
  compileValidator,
  compositionOf,
  nextStatus,
  type Definition,
} from '../pdm/index.ts'
import { Problem, type ProblemCode } from '../problems/index.ts'
import type { Sql, Store } from '../store/index.ts'
import { announceChange } from './changed.ts'
import { checkAbout } from './about.ts'
import { resolveParts } from './composition.ts'
import { inDefinition } from './definition-faults.ts'
import { ENTITY_COLUMNS, composedNow, lockEntity, partsOf } from './entity-rows.ts'
import { ENTITY_KINDS, type Entity, type EntityChange, type EntityKind, type EntityStatus } from './kinds.ts'
import { openReferences, type References } from './references.ts'
import { requireUnused } from './users.ts'

const UPDATE = `UPDATE pdm_entities SET title = $2, definition = $3::json, status = $4, class_uri = $5,
    field_group_uris = $6::text[], composed = $7::json, uses = coalesce($8::text[], uses), origins = $9::json, pointer = $10, updated_at = clock_timestamp(),
    published_at = CASE WHEN $4 = 'published' AND published_at IS NULL THEN clock_timestamp() ELSE published_at END
  WHERE id = $1 RETURNING ${ENTITY_COLUMNS}`

/** What frozen entities keep. */
const DRAFT_ONLY = ['definition', 'class_uri', 'field_group_uris', 'pointer'] as const

/** How a change is asked for: `check` looks at the locked row first, and may throw; `force` archives what is still used. */
interface ChangeOptions {
  readonly check?: ((current: Entity) => void) | undefined
  readonly force?: boolean | undefined
}

/**
 * Changes an entity: its title at any time, its definition, parts and place in draft only, its status forward only.
 * Publishing a schema freezes what it is composed to. All of it or nothing; undefined where the tenant
 * does not see the entity. Throws `definition_frozen`, `lifecycle_forward_only`, `read_only`, and what
 * composing and publishing refuse. Archiving what is
 * still used throws `in_use`.
 */
export async function patchEntity(
  store: Store,
  tenantId: string,
  target: { readonly kind: EntityKind; readonly id: string },
  change: EntityChange,
  options: ChangeOptions = {},
): Promise<Entity | undefined> {
  const { definition } = change
  if (definition !== undefined) inDefinition(() => checkDefinition(target.kind, JSON.parse(definition) as Definition))
  let was: EntityStatus | undefined
  const patched = await store.asTenant(
    tenantId,
    async (sql) => {
      const before = await lockEntity(sql, target.kind, target.id)
      if (before === undefined) return undefined
      options.check?.(before)
      was = before.status
      const edited = DRAFT_ONLY.find((member) => change[member] !== undefined)
      if (edited !== undefined) move(before, 'edit', edited)
      const status = change.status === undefined ? before.status : move(before, MOVES[change.status])
      if (status === 'archived' && before.status !== 'archived' && options.force !== true)
        await requireUnused(sql, before)
      const references = openReferences(sql)
      const after = await settled(sql, references, before, { ...change, status })
      const [row] = await sql.query<Entity>(UPDATE, [
        before.id,
        after.title,
        after.definition,
        after.status,
        after.class_uri,
        after.field_group_uris,
        after.composed,
        after.uses,
        after.origins,
        after.pointer,
      ])
      return composedNow(references, row as Entity)
    },
    { name: 'entity' },
  )
  if (patched === undefined) return undefined
  const { status } = patched
  announceChange('schema', status === was || status === 'draft' ? 'changed' : status, patched)
  return patched
}

/** DELETE archives; archiving what is archived is no change. Throws `in_use`. */
export async function archiveEntity(
  store: Store,
  tenantId: string,
  target: { readonly kind: EntityKind; readonly id: string },
  options: ChangeOptions = {},
): Promise<Entity | undefined> {
  let isChange = false
  const entity = await store.asTenant(
    tenantId,
    async (sql) => {
      const before = await lockEntity(sql, target.kind, target.id)
      if (before !== undefined) options.check?.(before)
      if (before === undefined || before.status === 'archived') return before
      isChange = true
      move(before, 'archive')
      if (options.force !== true) await requireUnused(sql, before)
      return archived(sql, before)
    },
    { name: 'entity' },
  )
  if (isChange && entity !== undefined) announceChange('schema', 'archived', entity)
  return entity
}

const ARCHIVE = `UPDATE pdm_entities SET status = 'archived', updated_at = clock_timestamp() WHERE id = $1 RETURNING ${ENTITY_COLUMNS}`

async function archived(sql: Sql, before: Entity): Promise<Entity> {
  const [row] = await sql.query<Entity>(ARCHIVE, [before.id])
  return composedNow(openReferences(sql), row as Entity)
}

type Move = Parameters<typeof nextStatus>[1]
const MOVES: Readonly<Record<EntityStatus, Move | undefined>> = {
  draft: undefined,
  published: 'publish',
  archived: 'archive',
}

/** The status after a move, by pdm's table. Throws what the table's cell says. */
function move(before: Entity, wanted: Move | undefined, member: keyof EntityChange = 'status'): EntityStatus {
  const next: EntityStatus | ProblemCode =
    wanted === undefined ? 'lifecycle_forward_only' : nextStatus(before.status, wanted)
  if (next === 'draft' || next === 'published' || next === 'archived') return next
  const { noun } = ENTITY_KINDS[before.kind]
  const sentence =
    next === 'definition_frozen'
      ? `The ${noun} is ${before.status}: ${member === 'definition' ? 'a definition' : `its ${member}`} can change only in draft. Make a new one that supersedes it.`
      : `The ${noun} is ${before.status}: the lifecycle only goes forward, draft to published to archived.`
  throw new Problem(next, sentence, {
    errors: [{ pointer: `/${member}`, keyword: 'lifecycle', message: `is ${before.status}` }],
  })
}

/** What the row shall hold, with what it refers to. */
type Settled = Entity & { readonly uses: readonly string[] | null }

/** Parts checked anew where definition or publication ask for it; `uses` is null where nothing of that changed. */
async function settled(
  sql: Sql,
  references: References,
  before: Entity,
  change: EntityChange & { status: EntityStatus },
): Promise<Settled> {
  const definition = change.definition ?? before.definition
  const pointer = change.pointer ?? before.pointer
  const after = {
    ...before,
    title: change.title ?? before.title,
    definition,
    pointer,
    status: change.status,
    uses: null,
  }
  const publishes = change.status === 'published' && before.status === 'draft'
  if (DRAFT_ONLY.every((member) => change[member] === undefined) && !publishes) return after
  const parsed = JSON.parse(definition) as Definition
  const named = compositionOf(parsed)
  const parts = await resolveParts(
    references,
    {
      ...partsOf(before),
      definition: parsed,
      // A definition that names its parts itself says so anew with each edit.
      class_uri: change.class_uri ?? (named.classUri === undefined ? (before.class_uri ?? undefined) : undefined),
      field_group_uris:
        change.field_group_uris ?? (named.fieldGroupUris === undefined ? before.field_group_uris : undefined),
    },
    publishes,
  )
  if (before.kind === 'descriptor') await checkAbout(sql, references, saidOf(after, parsed), publishes)
  const { composed, uses } = parts
  const checked = { ...after, class_uri: parts.classUri ?? null, field_group_uris: parts.fieldGroupUris, uses }
  if (!publishes || composed === undefined) return checked
  // Both refuse what the lake or a linear-time engine cannot hold: better now than at the first event.
  columnsOf(composed)
  compileValidator(composed)
  return { ...checked, composed: composed.text, origins: JSON.stringify(composed.origins ?? null) }
}

const saidOf = (before: Entity, definition: Definition): Parameters<typeof checkAbout>[2] => ({
  uri: before.uri,
  schema_uri: before.schema_uri ?? undefined,
  kind: before.descriptor_kind ?? undefined,
  pointer: before.pointer ?? undefined,
  definition,
})
