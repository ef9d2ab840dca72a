import type { Rename } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'

/** The versions from `$2` back to the one that follows on `$1`, newest first, with the renames that each says. */
const RENAMES = `WITH RECURSIVE versions AS (
    SELECT uri, supersedes, 0 AS back FROM pdm_entities WHERE uri = $2 AND kind = 'schema'
    UNION ALL
    SELECT e.uri, e.supersedes, v.back + 1 FROM pdm_entities e JOIN versions v ON e.uri = v.supersedes
    WHERE e.kind = 'schema' AND e.uri <> $1 AND v.back < 1000
  )
  SELECT v.back, v.supersedes = $1 AS last, d.definition->>'from' AS "from", d.pointer AS "to"
  FROM versions v LEFT JOIN pdm_entities d ON d.schema_uri = v.uri AND d.kind = 'descriptor' AND d.descriptor_kind = 'rename'
    AND d.status = 'published' AND d.definition->>'from' IS NOT NULL AND d.pointer IS NOT NULL
  ORDER BY v.back, d.id`

interface SaidRow {
  readonly back: number
  /** It follows on the version asked from. */
  readonly last: boolean | null
  readonly from: string | null
  readonly to: string | null
}

/**
 * What is called otherwise in the version `to` than in the version `from`, as published descriptors say it: of all versions between the
 * two where one leads to the other, else of the newer alone.
 */
export async function renamesBetween(sql: Sql, from: string, to: string): Promise<Rename[]> {
  const rows = await sql.query<SaidRow>(RENAMES, [from, to])
  const oldest = rows.some((row) => row.last === true) ? Math.max(...rows.map((row) => row.back)) : 0
  const steps = Array.from({ length: oldest + 1 }, (_, at) =>
    rows.flatMap((row) =>
      row.back === oldest - at && row.from !== null && row.to !== null ? [{ from: row.from, to: row.to }] : [],
    ),
  )
  return chained(steps)
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
