import type { LineShape, SourceField } from '../lake/index.ts'
import { EACH, NO_NOTES, stepsOf } from '../pdm/index.ts'
import type { Sql } from '../store/index.ts'
import { loadEachNotes, personalPlaces } from './descriptors.ts'

// A tenant without any label is not asked further.
const VERSIONS = `SELECT e.uri, e.id FROM dataset_bindings b JOIN pdm_entities e ON e.id = b.schema_id
  WHERE b.dataset_id = $1
    AND EXISTS (SELECT FROM pdm_entities WHERE kind = 'descriptor' AND descriptor_kind = 'label' AND status = 'published')`
const SHAPES = `SELECT schema_id AS id, shape::text AS shape FROM dataset_bindings WHERE dataset_id = $1`

/**
 * The table's columns, by field id, that hold what is labelled `pii`: by id, since a version's labels hold for the column
 * whatever a later version calls it, and also where the later one has no label for it or has dropped it. Where another version had
 * no column for it and was open, its rows may have it in `_extra`.
 */
export async function piiColumnsOf(sql: Sql, datasetId: string): Promise<ReadonlySet<number>> {
  const versions = await labelled(sql, datasetId)
  if (versions.length === 0) return new Set()
  const rows = await sql.query<{ id: string; shape: string }>(SHAPES, [datasetId])
  const shapes = new Map(rows.map(({ id, shape }) => [id, JSON.parse(shape) as LineShape]))
  const ids = versions.flatMap(({ id, places }) => {
    const shape = shapes.get(id)
    return shape === undefined ? [] : places.flatMap((place) => columnsHolding(place, shape, shapes.values()))
  })
  return new Set(ids)
}

async function labelled(sql: Sql, datasetId: string): Promise<{ id: string; places: string[] }[]> {
  const versions = await sql.query<{ id: string; uri: string }>(VERSIONS, [datasetId])
  if (versions.length === 0) return []
  const notes = await loadEachNotes(
    sql,
    versions.map(({ uri }) => uri),
  )
  return versions
    .map(({ id, uri }) => ({ id, places: personalPlaces(notes.get(uri) ?? NO_NOTES) }))
    .filter(({ places }) => places.length > 0)
}

/** The columns that hold a place of the version that has `shape`, in rows of all versions. */
function columnsHolding(place: string, shape: LineShape, all: Iterable<LineShape>): number[] {
  const steps = stepsOf(place) ?? []
  const top = shape.fields.find(({ key }) => key === steps[0])
  if (top === undefined) return [extraOf(shape)].filter((id) => id !== undefined)
  const lacking = Array.from(all).filter(({ fields }) => fields.every(({ fieldId }) => fieldId !== top.fieldId))
  return [columnAt(top, steps.slice(1)), ...lacking.map(extraOf)].filter((id) => id !== undefined)
}

const extraOf = ({ envelope }: LineShape): number | undefined => envelope.find(({ key }) => key === '_extra')?.fieldId

/** The column below `column` that holds a place: of one within JSON text that of the text. Undefined: the struct has no such member (any more). */
function columnAt(column: SourceField, steps: readonly string[]): number | undefined {
  let here = column
  for (const step of steps) {
    const inside = here.children ?? []
    if (inside.length === 0) return here.fieldId
    const next = inside.find(({ key }) => key === step) ?? (step === EACH ? onlyChild(inside) : undefined)
    if (next === undefined) return undefined
    here = next
  }
  return here.fieldId
}

/** A list's element, or a map's value. */
const onlyChild = (inside: readonly SourceField[]): SourceField | undefined =>
  inside.length === 1 ? inside[0] : undefined

/** What stands in the place of a value that is not to be seen. */
export const MASK = '***'
