import { RowRefused, type DataFile, type ObjectStore, type RefusedLine, type WriteJob } from '../port.ts'
import { lineIndex } from './lines.ts'

/**
 * DuckDB reads 2,048 rows at a time, however long they are: with events of 1 MiB that would be 2 GiB, four times over. So a job in which some
 * 2,048 lines in a row weigh more than this is written in parts of this size, each with files of its own. (Runs in 256 MB.)
 */
const PART_BYTES = 33_554_432
const VECTOR_ROWS = 2048

/** The runs of lines to write one after the other: one for nearly every job. */
export function partsOf(lines: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const bytes = lines.reduce((total, chunk) => total + chunk.length, 0)
  if (bytes <= PART_BYTES) return [lines]
  const index = lineIndex(lines)
  const sizes = index.between(0, index.count).map((line) => line.length)
  if (widest(sizes) <= PART_BYTES) return [lines]
  const parts: Uint8Array[][] = []
  let room = 0
  for (const line of index.between(0, index.count)) {
    if (line.length > room) {
      parts.push([])
      room = PART_BYTES
    }
    parts.at(-1)?.push(line)
    room -= line.length
  }
  return parts
}

/** The most bytes in any 2,048 lines in a row. */
function widest(sizes: readonly number[]): number {
  let most = 0
  let window = 0
  for (const [at, size] of sizes.entries()) {
    window += size - (at < VECTOR_ROWS ? 0 : (sizes[at - VECTOR_ROWS] ?? 0))
    most = Math.max(most, window)
  }
  return most
}

export interface Written {
  readonly files: readonly DataFile[]
  readonly refused: readonly RefusedLine[]
}

/** Writes a job part by part; line numbers are the job's, and after a failure no part's files are left. */
export async function writeParts(
  store: ObjectStore,
  job: WriteJob,
  write: (part: WriteJob) => Promise<Written>,
): Promise<Written> {
  const parts = partsOf(job.lines)
  if (parts.length === 1) return await write(job)
  const files: DataFile[] = []
  const refused: RefusedLine[] = []
  let before = 0
  try {
    for (const lines of parts) {
      const made = await write({ ...job, lines })
      files.push(...made.files)
      for (const { line, detail } of made.refused) refused.push({ line: before + line, detail })
      before += lines.length
    }
  } catch (error) {
    await Promise.allSettled(files.map((file) => store.remove(file.location)))
    throw error instanceof RowRefused ? new RowRefused(before + error.line, error.message) : error
  }
  return { files: files.toSorted((a, b) => a.day - b.day), refused }
}
