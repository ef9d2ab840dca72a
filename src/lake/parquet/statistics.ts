import { compareBounds, decimalBound, lowerBound, upperBound } from '../bounds.ts'
import { decimalOf, fieldsById } from '../ids.ts'
import type { DataFile } from '../port.ts'
import type { PrimitiveType, Schema } from '../schema.ts'
import { INT32, INT64, type ColumnChunk, type Footer } from './footer.ts'

/** The statistics of a data file that manifests hold, from its own footer: no query, no copy of the numbers. */
type FileStatistics = Omit<DataFile, 'location' | 'day' | 'bytes'>

/**
 * Sums the footer's row groups up. Bounds stand for plain columns and struct members only (inside lists and maps they mean
 * nothing to readers), and only where every row group that has values gives them.
 */
export function fileStatistics(footer: Footer, schema: Schema): FileStatistics {
  const fields = fieldsById(schema)
  const columnSizes = new Map<number, number>()
  const valueCounts = new Map<number, number>()
  const nullCounts = new Map<number, number>()
  const lowerBounds = new Map<number, Uint8Array>()
  const upperBounds = new Map<number, Uint8Array>()
  for (const [index, { fieldId }] of (footer.rowGroups[0]?.columns ?? []).entries()) {
    const field = fieldId === undefined ? undefined : fields.get(fieldId)
    if (fieldId === undefined || field === undefined || typeof field.type !== 'string') continue
    const chunks = footer.rowGroups.flatMap((group) => group.columns[index] ?? [])
    columnSizes.set(
      fieldId,
      sum(chunks, (chunk) => chunk.compressedBytes),
    )
    valueCounts.set(
      fieldId,
      sum(chunks, (chunk) => chunk.values),
    )
    if (field.repeated) continue
    const nulls = sum(chunks, (chunk) => chunk.nulls ?? Number.NaN)
    if (!Number.isNaN(nulls)) nullCounts.set(fieldId, nulls)
    const { lower, upper } = boundsOf(field.type, chunks)
    if (lower) lowerBounds.set(fieldId, lower)
    if (upper) upperBounds.set(fieldId, upper)
  }
  return {
    rows: footer.rows,
    columnSizes,
    valueCounts,
    nullCounts,
    nanCounts: new Map(), // JSON has no NaN; Parquet footers do not count them
    lowerBounds,
    upperBounds,
    splitOffsets: footer.rowGroups.map((group) => group.offset),
  }
}

function boundsOf(
  type: PrimitiveType,
  chunks: readonly ColumnChunk[],
): { readonly lower?: Uint8Array | undefined; readonly upper?: Uint8Array | undefined } {
  const filled = chunks.filter((chunk) => chunk.values !== chunk.nulls)
  let least: Uint8Array | undefined
  let most: Uint8Array | undefined
  let exact = true
  for (const chunk of filled) {
    if (!chunk.least || !chunk.most) return {}
    const [low, high] = [iceberg(type, chunk, chunk.least), iceberg(type, chunk, chunk.most)]
    if (least === undefined || compareBounds(type, low, least) < 0) least = low
    if (most === undefined || compareBounds(type, high, most) > 0) most = high
    exact &&= chunk.mostIsExact
  }
  return { lower: least && lowerBound(type, least), upper: most && upperBound(type, most, exact) }
}

/** Parquet's plain encoding of one value to Iceberg's: the same, except for decimals. Copied, so that the footer can go. */
function iceberg(type: PrimitiveType, chunk: ColumnChunk, raw: Uint8Array): Uint8Array {
  if (decimalOf(type)) return decimalBound(raw, chunk.physical === INT32 || chunk.physical === INT64)
  return Uint8Array.from(raw)
}

/** The least and greatest value of a timestamptz column in microseconds; undefined where the footer does not say. */
export function microsOf(
  footer: Footer,
  fieldId: number,
): { readonly least: bigint; readonly most: bigint } | undefined {
  let found: { least: bigint; most: bigint } | undefined
  for (const { columns } of footer.rowGroups) {
    const chunk = columns.find((column) => column.fieldId === fieldId)
    if (!chunk?.least || !chunk.most || chunk.nulls !== 0) return undefined
    const [least, most] = [Buffer.from(chunk.least).readBigInt64LE(0), Buffer.from(chunk.most).readBigInt64LE(0)]
    found = found
      ? { least: least < found.least ? least : found.least, most: most > found.most ? most : found.most }
      : { least, most }
  }
  return found
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
