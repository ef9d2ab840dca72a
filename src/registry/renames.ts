import type { Rename } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'

/** The version `$1` and those that it supersedes, back to the first of `$2`, newest first, with the renames that each says. */
const VERSIONS = `WITH RECURSIVE versions AS (
    SELECT id, uri, supersedes, 0 AS back FROM pdm_entities WHERE uri = $1 AND kind = 'schema'
    UNION ALL
    SELECT e.id, e.uri, e.supersedes, v.back + 1 FROM pdm_entities e JOIN versions v ON e.uri = v.supersedes
    WHERE e.kind = 'schema' AND v.id <> ALL($2::uuid[]) AND v.back < 1000
  )
  SELECT v.back, v.id, v.id = ANY($2::uuid[]) AS bound, d.definition->>'from' AS "from", d.pointer AS "to"
  FROM versions v LEFT JOIN pdm_entities d ON d.schema_uri = v.uri AND d.kind = 'descriptor' AND d.descriptor_kind = 'rename'
    AND d.status = 'published' AND d.definition->>'from' IS NOT NULL AND d.pointer IS NOT NULL
  ORDER BY v.back, d.id`

interface VersionRow {
  readonly back: number
  readonly id: string
  readonly bound: boolean
  readonly from: string | null
  readonly to: string | null
}

/** What a version follows on, of those that a dataset was bound to, and what it calls otherwise. */
export interface Descent {
  /** The schema's id; undefined where it supersedes none of them, directly or by others. */
  readonly follows: string | undefined
  readonly renames: readonly Rename[]
}

/**
 * Finds the nearest version before `uri` that is one of `bound` (itself, if it is), and the renames since then, as published descriptors
 * say them: of all versions between the two, or of `uri` alone where it follows on none.
 */
export async function descentOf(sql: Sql, uri: string, bound: readonly string[]): Promise<Descent> {
  const rows = await sql.query<VersionRow>(VERSIONS, [uri, bound])
  const followed = rows.find((row) => row.bound)
  const newer = followed?.back ?? 1
  const steps = Array.from({ length: newer }, (_, at) =>
    rows.flatMap(({ back, from, to }) =>
      back === newer - 1 - at && from !== null && to !== null ? [{ from, to }] : [],
    ),
  )
  return { follows: followed?.id, renames: chained(steps) }
}

/** The renames of several versions, oldest first, as those of one step: from the first version's places to the last one's. */
export function chained(steps: readonly (readonly Rename[])[]): Rename[] {
  let sofar: Rename[] = []
  for (const step of steps) {
    const back = sofar.map(({ from, to }) => ({ from: to, to: from }))
    const begun = step.filter(({ from }) => sofar.every(({ to }) => to !== from))
    sofar = [
      ...sofar.map(({ from, to }) => ({ from, to: moved(to, step) })),
      ...begun.map(({ from, to }) => ({ from: moved(from, back), to })),
    ]
  }
  return sofar.filter(({ from, to }) => from !== to)
}

/** Where a place lies after renames: by the one that says most of it. */
export function moved(place: string, renames: readonly Rename[]): string {
  const nearest = renames
    .filter(({ from }) => place === from || place.startsWith(`${from}/`))
    .toSorted((a, b) => b.from.length - a.from.length)[0]
  return nearest === undefined ? place : nearest.to + place.slice(nearest.from.length)
}
