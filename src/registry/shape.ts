import { assignIds, type DraftField, type LineShape, type Schema, type SourceField } from '../lake/index.ts'
import { columnsOf, type Composed } from '../pdm/index.ts'

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

/** The table for a composed schema and how lines for it are read. Throws what `columnsOf` refuses. */
export function designTable(composed: Composed): TableDesign {
  const { columns, keepsExtra } = columnsOf(composed)
  const envelope = keepsExtra ? [...ENVELOPE, EXTRA] : ENVELOPE
  const { schema, lastColumnId, fields } = assignIds([...envelope, ...columns])
  const day = schema.fields.find((field) => field.name === PARTITION_COLUMN)
  if (day === undefined) throw new Error('a schema without a timestamp column reached designTable')
  const own = new Set(envelope.map((column) => schema.fields.find((field) => field.name === column.name)?.id))
  const isEnvelope = (field: SourceField): boolean => own.has(field.fieldId)
  return {
    schema,
    lastColumnId,
    dayFieldId: day.id,
    shape: {
      envelope: fields.filter(isEnvelope),
      under: ['e', 'data'],
      fields: fields.filter((field) => !isEnvelope(field)),
    },
  }
}

/** Where a namespace's tables lie. */
export const namespaceLocation = (warehouse: string, namespace: string): string =>
  `${warehouse.replace(/\/+$/, '')}/${namespace}`
