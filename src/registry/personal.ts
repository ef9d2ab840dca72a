import type { LineShape, SourceField } from '../lake/index.ts'
import { stepsOf } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'
import { loadNotes, personalPlaces } from './descriptors.ts'

// A tenant without any label is not asked further.
const VERSIONS = `SELECT e.uri, e.id FROM dataset_bindings b JOIN pdm_entities e ON e.id = b.schema_id
  WHERE b.dataset_id = $1
    AND EXISTS (SELECT FROM pdm_entities WHERE kind = 'descriptor' AND descriptor_kind = 'label' AND status = 'published')`
const SHAPES = `SELECT schema_id AS id, shape::text AS shape FROM dataset_bindings WHERE dataset_id = $1 AND schema_id = ANY($2::uuid[])`

/**
 * The table's columns, by field id, that hold what is labelled `pii`: by id, since a version's labels hold for the column
 * whatever a later version calls it, and also where the later one has no label for it or has dropped it.
 */
export async function piiColumnsOf(sql: Sql, datasetId: string): Promise<ReadonlySet<number>> {
  const versions = await labelled(sql, datasetId)
  if (versions.length === 0) return new Set()
  const rows = await sql.query<{ id: string; shape: string }>(SHAPES, [datasetId, versions.map(({ id }) => id)])
  const shapes = new Map(rows.map(({ id, shape }) => [id, JSON.parse(shape) as LineShape]))
  const ids = versions.flatMap(({ id, places }) => {
    const shape = shapes.get(id)
    return shape === undefined ? [] : places.flatMap((place) => columnAt(shape, place) ?? [])
  })
  return new Set(ids)
}

async function labelled(sql: Sql, datasetId: string): Promise<{ id: string; places: string[] }[]> {
  const found: { id: string; places: string[] }[] = []
  for (const { id, uri } of await sql.query<{ id: string; uri: string }>(VERSIONS, [datasetId])) {
    const places = personalPlaces(await loadNotes(sql, uri))
    if (places.length > 0) found.push({ id, places })
  }
  return found
}

/**
 * The column that holds a place: of a place within JSON text the column of that text, of what has no column `_extra`. Undefined
 * where nothing holds it.
 */
function columnAt(shape: LineShape, place: string): number | undefined {
  const extra = shape.envelope.find((field) => field.key === '_extra')
  let fields: readonly SourceField[] = shape.fields
  let found: SourceField | undefined
  for (const step of stepsOf(place) ?? []) {
    const next = fields.find((field) => field.key === step) ?? onlyChild(found)
    if (next === undefined) break
    found = next
    fields = found.children ?? []
  }
  return found?.fieldId ?? extra?.fieldId
}

/** A list's element, or a map's value. */
const onlyChild = (field: SourceField | undefined): SourceField | undefined =>
  field?.children?.length === 1 ? field.children[0] : undefined

/** What stands in the place of a value that is not to be seen. */
export const MASK = '***'
