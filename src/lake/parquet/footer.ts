import { open } from 'node:fs/promises'
import { LakeFault } from '../faults.ts'
import { readThrift, type ThriftStruct, type ThriftValue } from './thrift.ts'

/** A leaf column of one row group, as the footer describes it (parquet.thrift, `ColumnMetaData`). */
export interface ColumnChunk {
  /** The Iceberg field id; undefined where the writer gave none. */
  readonly fieldId: number | undefined
  readonly physical: number
  readonly values: number
  readonly compressedBytes: number
  readonly nulls: number | undefined
  readonly least: Uint8Array | undefined
  readonly most: Uint8Array | undefined
  readonly mostIsExact: boolean
}
export interface Footer {
  readonly rows: number
  readonly rowGroups: readonly { readonly offset: number; readonly columns: readonly ColumnChunk[] }[]
}

/** Physical types whose plain encoding is little-endian. */
export const INT32 = 1
export const INT64 = 2

/** Reads the footer of a local Parquet file. Throws `LakeFault('table_unreadable')` for what is not one. */
export async function readFooter(path: string): Promise<Footer & { readonly bytes: number }> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const tail = Buffer.alloc(8)
    await file.read(tail, 0, 8, size - 8)
    const length = tail.readUInt32LE(0)
    if (tail.toString('latin1', 4) !== 'PAR1' || length > size - 12) throw new Error('no Parquet footer')
    const bytes = Buffer.alloc(length)
    await file.read(bytes, 0, length, size - 8 - length)
    return { ...parseFooter(bytes), bytes: size }
  } catch (error) {
    throw new LakeFault('table_unreadable', `cannot read ${path}: ${(error as Error).message}`, error)
  } finally {
    await file.close()
  }
}

/** Decodes a footer's bytes (`FileMetaData`). */
function parseFooter(bytes: Uint8Array): Footer {
  const root = readThrift(bytes)
  const leaves = structs(root.get(2)).filter((element) => element.get(5) === undefined)
  const rowGroups = structs(root.get(4)).map((group) => {
    const chunks = structs(group.get(1)).map((chunk) => chunk.get(3) as ThriftStruct)
    const offsets = [chunks[0]?.get(11), chunks[0]?.get(9)].filter((offset) => typeof offset === 'number')
    return {
      offset: Math.min(...offsets.filter((offset) => offset > 0)),
      columns: chunks.map((chunk, index) => columnChunk(chunk, leaves[index] ?? new Map())),
    }
  })
  return { rows: Number(root.get(3)), rowGroups }
}

function columnChunk(chunk: ThriftStruct, leaf: ThriftStruct): ColumnChunk {
  const statistics = chunk.get(12) as ThriftStruct | undefined
  const bytes = (id: number): Uint8Array | undefined => statistics?.get(id) as Uint8Array | undefined
  return {
    fieldId: leaf.get(9) as number | undefined,
    physical: chunk.get(1) as number,
    values: Number(chunk.get(5)),
    compressedBytes: Number(chunk.get(7)),
    nulls: statistics?.get(3) as number | undefined,
    // Only the newer pair has a defined order; the deprecated one (ids 1 and 2) is not used.
    least: bytes(6),
    most: bytes(5),
    mostIsExact: statistics?.get(7) !== false,
  }
}

function structs(value: ThriftValue | undefined): readonly ThriftStruct[] {
  return (value ?? []) as readonly ThriftStruct[]
}
