import { NO_NOTES, PII, type Notes, type Rename } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'
import { moved } from './renames.ts'

/** Schemas, what each supersedes, and so on, with what published descriptors say of each. */
const SAID = `WITH RECURSIVE versions AS (
    SELECT uri AS of, uri, supersedes, 0 AS back FROM pdm_entities WHERE uri = ANY($1) AND kind = 'schema'
    UNION ALL
    SELECT v.of, e.uri, e.supersedes, v.back + 1 FROM pdm_entities e JOIN versions v ON e.uri = v.supersedes
    WHERE e.kind = 'schema' AND v.back < 1000
  )
  SELECT v.of, v.back, d.descriptor_kind AS kind, d.pointer, d.definition::text AS definition
  FROM versions v JOIN pdm_entities d ON d.schema_uri = v.uri
  WHERE d.kind = 'descriptor' AND d.status = 'published' AND d.pointer <> '' AND d.descriptor_kind IN ('label', 'friendly_name', 'rename')
  ORDER BY v.back, d.created_at, d.id`

interface SaidRow {
  readonly of: string
  readonly back: number
  readonly kind: 'label' | 'friendly_name' | 'rename'
  readonly pointer: string
  readonly definition: string
}

/**
 * What is said of the places in a schema's events. What was said of a version that it supersedes holds on, at the place where the
 * field is now: whoever makes a new version must not have to say again what is personal. The newest name wins.
 */
export async function loadNotes(sql: Sql, schemaUri: string): Promise<Notes> {
  return (await loadEachNotes(sql, [schemaUri])).get(schemaUri) ?? NO_NOTES
}

/** The same of several schemas, by URI; those of which nothing is said are not in it. */
export async function loadEachNotes(sql: Sql, schemaUris: readonly string[]): Promise<ReadonlyMap<string, Notes>> {
  const rows = await sql.query<SaidRow>(SAID, [schemaUris])
  return new Map([...Map.groupBy(rows, (row) => row.of)].map(([uri, some]) => [uri, notesFrom(some)]))
}

function notesFrom(rows: readonly SaidRow[]): Notes {
  const labels = new Map<string, string[]>()
  const names = new Map<string, string>()
  /** From the places of the version before to those of the one that is so far back. */
  const renames = new Map<number, Rename[]>()
  for (const { kind, pointer, definition, back } of rows) {
    const { from } = JSON.parse(definition) as { from?: unknown }
    if (kind !== 'rename' || typeof from !== 'string') continue
    renames.set(back, [...(renames.get(back) ?? []), { from, to: pointer }])
  }
  for (const { kind, pointer, definition, back } of rows) {
    let place = pointer
    for (let version = back - 1; version >= 0; version -= 1) place = moved(place, renames.get(version) ?? [])
    const said = JSON.parse(definition) as { labels?: unknown; name?: unknown }
    if (kind === 'label' && Array.isArray(said.labels)) {
      const known = labels.get(place) ?? []
      labels.set(place, [...new Set([...known, ...(said.labels as string[])])])
    }
    if (kind === 'friendly_name' && typeof said.name === 'string' && !names.has(place)) names.set(place, said.name)
  }
  return { labels, names }
}

/** The places that are labelled personal. */
export const personalPlaces = ({ labels }: Notes): string[] =>
  [...labels].flatMap(([place, some]) => (some.includes(PII) ? [place] : []))
