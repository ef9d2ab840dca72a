import { referencesOf, tooLarge, type Definition } from '../pdm/index.ts'
import { Problem, type Fault } from '../problems/index.ts'
import type { Sql } from '../store/index.ts'
import { ENTITY_KINDS, type EntityKind, type EntityStatus } from './kinds.ts'

/** An entity that a definition refers to, as row security lets the tenant see it. */
export interface Referent {
  readonly uri: string
  readonly kind: EntityKind
  readonly status: EntityStatus
  readonly class_uri: string | null
  readonly version: number
  readonly system: boolean
  readonly definition: Definition
}

/** More datatypes than this below one definition are refused, so that composing stays bounded. */
const MAX_REFERENCES = 256
/** Text of all definitions that one entity reaches: four times what a schema may compose to. */
const MAX_BYTES = 4 * 1024 * 1024

/**
 * Entities by URI, read once per transaction. Other tenants' entities are not there: row security
 * hides them, so a reference to one and a reference to nothing are the same to the caller. Throws `schema_too_large` where
 * they are more text than one entity may reach.
 */
export interface References {
  /** Loads what is not loaded yet. */
  load(uris: Iterable<string>): Promise<void>
  get(uri: string): Referent | undefined
  /** Loads every datatype reachable by `$ref` from these definitions. Throws `schema_too_large`. */
  loadClosure(definitions: readonly Definition[]): Promise<void>
}

const LOAD = `SELECT uri, kind, status, class_uri, version, tenant_id IS NULL AS system, definition::text AS definition
  FROM pdm_entities WHERE uri = ANY($1::text[])`

export function openReferences(sql: Sql): References {
  const known = new Map<string, Referent | undefined>()
  let bytes = 0

  async function load(uris: Iterable<string>): Promise<void> {
    const missing = [...new Set(uris)].filter((uri) => !known.has(uri) && couldBeUri(uri))
    if (missing.length === 0) return
    const rows = await sql.query<Omit<Referent, 'definition'> & { definition: string }>(LOAD, [missing])
    for (const uri of missing) known.set(uri, undefined)
    bytes += rows.reduce((sum, { definition }) => sum + definition.length, 0)
    if (bytes > MAX_BYTES)
      throw tooLarge(
        `The definition reaches more than ${MAX_BYTES / 1024 / 1024} MiB of others: split it.`,
        '/definition',
      )
    for (const row of rows) known.set(row.uri, { ...row, definition: JSON.parse(row.definition) as Definition })
  }

  const references: References = {
    load,
    get: (uri) => known.get(uri),
    async loadClosure(definitions) {
      const seen = new Set<string>()
      let fresh = definitions
      while (fresh.length > 0) {
        const wanted = new Set<string>()
        for (const definition of fresh)
          for (const uri of referencesOf(definition).keys()) if (!seen.has(uri)) wanted.add(uri)
        for (const uri of wanted) seen.add(uri)
        if (seen.size > MAX_REFERENCES) {
          throw tooLarge(`The definition reaches more than ${MAX_REFERENCES} references: split it.`, '/definition')
        }
        await load(wanted)
        fresh = [...wanted].flatMap((uri) => definitionOf(references, uri))
      }
    },
  }
  return references
}

const MAX_URI_LENGTH = 500

/** Longer than a URI may be, or with a NUL: no entity has it, and Postgres would refuse to be asked. */
const couldBeUri = (uri: string): boolean => uri.length <= MAX_URI_LENGTH && !uri.includes('\0') && uri.isWellFormed()

/**
 * The entity that a reference names, which must be of the kind, not archived, and published where
 * that is asked. `place` is who refers to it, as the sentence names it. Throws `reference_not_found`, `reference_not_published`.
 */
export function requireReferent(
  references: References,
  uri: string,
  wanted: { readonly kind: EntityKind; readonly pointer: string; readonly place?: string; readonly published: boolean },
): Referent {
  const { noun } = ENTITY_KINDS[wanted.kind]
  const referent = references.get(uri)
  const shown = uri.length > MAX_URI_LENGTH ? `${uri.slice(0, MAX_URI_LENGTH)}…` : uri
  const names = `${wanted.place ?? wanted.pointer} names the ${noun} ${shown}, which`
  const fault = (keyword: string, message: string): { errors: Fault[] } => ({
    errors: [{ pointer: wanted.pointer, keyword, message }],
  })
  if (referent === undefined || referent.kind !== wanted.kind) {
    const isOther = referent === undefined ? '' : ` (it is a ${ENTITY_KINDS[referent.kind].noun})`
    throw new Problem(
      'reference_not_found',
      `${names} is none that this tenant can see${isOther}: create it first, or correct the URI.`,
      fault('reference', `must be the uri of a ${noun} that this tenant can see`),
    )
  }
  if (referent.status === 'archived') {
    throw new Problem(
      'reference_not_published',
      `${names} is archived: refer to one that is in use.`,
      fault('reference', `the ${noun} ${uri} is archived`),
    )
  }
  if (wanted.published && referent.status !== 'published') {
    throw new Problem(
      'reference_not_published',
      `${names} is still a draft: publish it first.`,
      fault('reference', `the ${noun} ${uri} is a draft`),
    )
  }
  return referent
}

/** The definition behind a URI, if there is one, as a list of one. */
export function definitionOf(references: References, uri: string): Definition[] {
  const referent = references.get(uri)
  return referent === undefined ? [] : [referent.definition]
}
