import { LakeFault } from './faults.ts'
import type { Field, Schema } from './schema.ts'

/** The day transform (spec, "Partition Transforms"): days since 1970-01-01, and how folders name them. */

/** A day as `YYYY-MM-DD`, as Iceberg writes it into paths. */
export function dayName(day: number): string {
  return new Date(day * 86_400_000).toISOString().slice(0, 10)
}

/** Microseconds since 1970 to days, rounded towards the past. */
export function dayOfMicros(micros: bigint): number {
  const days = micros / 86_400_000_000n
  return Number(micros % 86_400_000_000n < 0n ? days - 1n : days)
}

interface PartitionField {
  readonly name: string
  readonly transform: string
  readonly 'source-id': number
  readonly 'field-id': number
}
export interface PartitionSpec {
  readonly 'spec-id': number
  readonly fields: readonly PartitionField[]
}

/** Partition field ids start at 1000 (spec, "Partitioning"). */
export const FIRST_PARTITION_ID = 1000

/** The only partitioning that this writer makes: `day()` of one timestamptz column. */
export function daySpec(schema: Schema, dayFieldId: number): PartitionSpec {
  const field = dayField(schema, dayFieldId)
  // The name becomes an Avro name in the manifests: letters, digits and underscores.
  const name = `${field.name.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')}_day`
  return {
    'spec-id': 0,
    fields: [{ name, transform: 'day', 'source-id': dayFieldId, 'field-id': FIRST_PARTITION_ID }],
  }
}

/** The column that is partitioned by. Throws `LakeFault('schema_refused')` unless it is a required timestamptz. */
export function dayField(schema: Schema, dayFieldId: number): Field {
  const field = schema.fields.find((candidate) => candidate.id === dayFieldId)
  if (field === undefined || field.type !== 'timestamptz' || !field.required) {
    throw new LakeFault('schema_refused', `field ${dayFieldId} is not a required timestamptz column of the schema`)
  }
  return field
}
