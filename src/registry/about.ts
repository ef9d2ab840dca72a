import {
  checkDescriptor,
  composedFrom,
  descriptorInvalid,
  noPlace,
  placeFault,
  schemaAt,
  type Composed,
  type Definition,
  type DescriptorKind,
  type Rename,
} from '../pdm/index.ts'
import type { Fault } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { schemaByUri } from './entity-rows.ts'
import type { Entity } from './kinds.ts'
import { requireReferent, type References } from './references.ts'
import { moved } from './renames.ts'

/** A descriptor that is to be kept, or published. */
interface Said {
  readonly uri: string
  readonly schema_uri?: string | undefined
  readonly kind?: string | undefined
  readonly pointer?: string | undefined
  readonly definition: Definition
}

const LOCK_SCHEMA = `SELECT id FROM pdm_entities WHERE uri = $1 AND kind = 'schema' FOR NO KEY UPDATE`
const SAID_BEFORE = `SELECT uri, pointer, definition::text AS definition FROM pdm_entities
  WHERE kind = 'descriptor' AND schema_uri = $1 AND descriptor_kind = $2 AND status = 'published' AND uri <> $3 ORDER BY created_at, id`

/**
 * Holds a descriptor against the schema that it is about: its kind's members, its place in the composed schema, and what its
 * kind asks of that place. To publish it, what it says must also fit what others say that are published. Throws
 * `descriptor_invalid` with both places, `reference_not_found`, `reference_not_published`.
 */
export async function checkAbout(sql: Sql, references: References, said: Said, publishes = false): Promise<void> {
  const { definition, pointer } = said
  const kind = said.kind as DescriptorKind
  checkDescriptor(kind, definition, pointer)
  const schemaUri = said.schema_uri as string
  const schema = await schemaByUri(sql, references, schemaUri)
  const composed = composedOf(schema)
  // The parts of a draft may not fit yet; it cannot be published before they do, and neither can this.
  if (schema === undefined || composed === undefined || pointer === undefined) return
  const fault = placeFault(kind, composed, pointer, schemaUri)
  if (fault !== undefined) throw descriptorInvalid([fault])
  if (kind === 'relationship') await checkTarget(sql, references, definition, publishes)
  if (kind === 'rename') await checkRename(sql, references, { uri: said.uri, schema, composed, definition, pointer })
  if (publishes) await checkOthers(sql, { ...said, kind, schemaUri, pointer })
}

const composedOf = (schema: Entity | undefined): Composed | undefined =>
  schema === undefined || schema.composed === null ? undefined : composedFrom(schema.composed)

async function checkTarget(
  sql: Sql,
  references: References,
  definition: Definition,
  publishes: boolean,
): Promise<void> {
  const { to, field } = definition as { to: string; field?: string }
  await references.load([to])
  requireReferent(references, to, { kind: 'schema', pointer: '/definition/to', published: publishes })
  const target = composedOf(await schemaByUri(sql, references, to))
  if (field === undefined || target === undefined || schemaAt(target, field) !== undefined) return
  const message = noPlace(target, field, to)
  throw descriptorInvalid([{ pointer: '/definition/field', keyword: 'reference', message }])
}

async function checkRename(
  sql: Sql,
  references: References,
  about: { uri: string; schema: Entity; composed: Composed; definition: Definition; pointer: string },
): Promise<void> {
  const { schema, composed, pointer } = about
  const from = about.definition['from'] as string
  const faults: Fault[] = []
  const fault = (at: string, message: string): void => void faults.push({ pointer: at, keyword: 'rename', message })
  const before = schema.supersedes === null ? undefined : await schemaByUri(sql, references, schema.supersedes)
  const was = composedOf(before)
  if (was === undefined) {
    fault('/schema_uri', `${schema.uri} supersedes no schema that something could be renamed from`)
  } else {
    if (schemaAt(was, from) === undefined) fault('/definition/from', noPlace(was, from, String(before?.uri)))
    if (schemaAt(composed, from) !== undefined)
      fault('/definition/from', `${from} is still there in ${schema.uri}: what is kept is not renamed`)
    if (schemaAt(was, pointer) !== undefined)
      fault('/pointer', `${pointer} was there in ${before?.uri} already: nothing can be renamed to it`)
  }
  const around = (one: string): string => one.slice(0, one.lastIndexOf('/'))
  if (moved(around(from), await renamesOf(sql, schema.uri, about.uri)) !== around(pointer)) {
    const message = `${from} and ${pointer} do not lie in one object: a field keeps its place. Where the object has another name, too, publish that rename first`
    fault('/definition/from', message)
  }
  if (faults.length > 0) throw descriptorInvalid(faults)
}

/** What other published descriptors rename in a schema. */
async function renamesOf(sql: Sql, schemaUri: string, except: string): Promise<Rename[]> {
  const said = await sql.query<SaidBefore>(SAID_BEFORE, [schemaUri, 'rename', except])
  return said.map(({ pointer, definition }) => ({ from: (JSON.parse(definition) as Rename).from, to: pointer ?? '' }))
}

interface SaidBefore {
  readonly uri: string
  readonly pointer: string | null
  readonly definition: string
}

/** What is said once only: one primary identity a schema, one name a place, one place a rename. The schema is locked, so that of two one waits. */
async function checkOthers(
  sql: Sql,
  said: Said & { readonly kind: DescriptorKind; readonly schemaUri: string; readonly pointer: string },
): Promise<void> {
  const { kind, schemaUri, pointer, definition } = said
  if (kind === 'label' || kind === 'relationship') return
  await sql.query(LOCK_SCHEMA, [schemaUri])
  const others = await sql.query<SaidBefore>(SAID_BEFORE, [schemaUri, kind, said.uri])
  for (const other of others) {
    const has = JSON.parse(other.definition) as Definition
    const where = `the descriptor ${other.uri} (at ${other.pointer ?? ''})`
    if (kind === 'identity') {
      if (definition['primary'] !== true || has['primary'] !== true) continue
      const message = `is true in ${where} already: a schema has one primary identity`
      throw descriptorInvalid([{ pointer: '/definition/primary', keyword: 'primary', message }])
    }
    if (other.pointer === pointer) {
      const message = `${pointer} has what ${where} says: archive that first`
      throw descriptorInvalid([{ pointer: '/pointer', keyword: 'unique', message }])
    }
    if (kind === 'rename' && has['from'] === definition['from']) {
      const message = `${String(has['from'])} was renamed by ${where} already`
      throw descriptorInvalid([{ pointer: '/definition/from', keyword: 'unique', message }])
    }
  }
}
