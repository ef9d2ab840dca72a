import {
  assignIds,
  formerNames,
  type DraftField,
  type Field,
  type LineShape,
  type Schema,
  type SourceField,
  type Table,
} from '../lake/index.ts'
import {
  columnsOf,
  contentsOf,
  describe,
  evolveColumns,
  membersOf,
  NO_NOTES,
  type Composed,
  type Evolution,
  type Notes,
  type Rename,
} from '../pdm/index.ts'

/**
 * The columns that every table has, so that any row leads back to its record: the event's id, the
 * API's clock, and topic/partition/offset.
 */
const ENVELOPE: readonly DraftField[] = [
  { name: '_event_id', required: true, type: 'uuid' },
  { name: '_received_at', required: true, type: 'timestamptz' },
  { name: '_source', required: true, type: 'string' },
]
/** What a schema that is open at the top does not name, as JSON text. */
const EXTRA: DraftField = { name: '_extra', required: false, type: 'string' }

/** The column that tables are partitioned by, as day(timestamp). */
const PARTITION_COLUMN = 'timestamp'

export interface TableDesign {
  readonly schema: Schema
  readonly lastColumnId: number
  readonly dayFieldId: number
  readonly shape: LineShape
}

/**
 * The table for a composed schema and how lines for it are read; the columns' docs say what the notes say. Throws what
 * `columnsOf` refuses.
 */
export function designTable(composed: Composed, notes: Notes = NO_NOTES): TableDesign {
  const { schema, lastColumnId, fields } = assignIds(draftsOf(composed, notes))
  const day = schema.fields.find((field) => field.name === PARTITION_COLUMN)
  if (day === undefined) throw new Error('a schema without a timestamp column reached designTable')
  return { schema, lastColumnId, dayFieldId: day.id, shape: shapeOf(fields, schema.fields) }
}

/** The columns that a new table for the schema has, and where each value lies in an event. Throws what `columnsOf` refuses. */
export function columnsFor(
  composed: Composed,
  notes: Notes,
): { readonly fields: readonly Field[]; readonly sources: readonly SourceField[] } {
  const { schema, fields } = assignIds(draftsOf(composed, notes))
  return { fields: schema.fields, sources: fields }
}

/** A table as a dataset's earlier versions have left it. */
interface BoundTable {
  readonly table: Pick<Table, 'schema' | 'lastColumnId' | 'metadata'>
  /** How lines of every version that was ever bound are read. */
  readonly shapes: readonly LineShape[]
  /** Of the version that is bound now. */
  readonly current: LineShape
  /** Of the version that the new one follows on: that which is bound now, or one that was. */
  readonly followed: LineShape
}

/** What a table becomes when a composed schema is bound to it, and how lines of that are read. Throws what `columnsOf` refuses. */
export function redesignTable(
  composed: Composed,
  bound: BoundTable,
  renames: readonly Rename[],
  notes: Notes = NO_NOTES,
): { readonly evolution: Evolution; readonly shape: LineShape } {
  const existing = {
    fields: bound.table.schema.fields,
    lastColumnId: bound.table.lastColumnId,
    json: contentsOf(bound.shapes.flatMap(sourcesOf)).json,
    filled: contentsOf(sourcesOf(bound.current)).filled,
    members: membersOf(sourcesOf(bound.followed)),
    formerNames: formerNames(bound.table.metadata),
  }
  const evolution = evolveColumns(existing, draftsOf(composed, notes), renames)
  return { evolution, shape: shapeOf(evolution.sources, evolution.fields) }
}

function draftsOf(composed: Composed, notes: Notes): DraftField[] {
  const { columns, keepsExtra } = columnsOf(composed)
  return [...ENVELOPE, ...(keepsExtra ? [EXTRA] : []), ...describe(columns, notes)]
}

const sourcesOf = (shape: LineShape): readonly SourceField[] => [...shape.envelope, ...shape.fields]

/** Pulse's own columns begin with "_", and no property's name may: so they are told apart. */
function shapeOf(sources: readonly SourceField[], fields: readonly Field[]): LineShape {
  const own = new Set(fields.filter((field) => field.name.startsWith('_')).map((field) => field.id))
  return {
    envelope: sources.filter((source) => own.has(source.fieldId)),
    under: ['e', 'data'],
    fields: sources.filter((source) => !own.has(source.fieldId)),
  }
}

/** Where a namespace's tables lie. */
export const namespaceLocation = (warehouse: string, namespace: string): string =>
  `${warehouse.replace(/\/+$/, '')}/${namespace}`
