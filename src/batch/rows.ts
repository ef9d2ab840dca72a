import type { Problem } from '../problems/index.ts'
import type { Place, Row, Splitter } from './place.ts'

/** Rows that are sent together, and where the file stands after them. */
export interface Chunk {
  readonly rows: readonly Row[]
  readonly place: Place
  /** Bytes of the content up to the end of these rows. */
  readonly offset: number
}

interface Reading {
  readonly split: Splitter
  readonly place: Place
  /** Bytes of the content that lie before the first one here. */
  readonly offset: number
  readonly maxRowBytes: number
  /** Bytes gathered before they are split. */
  readonly windowBytes: number
}

/** Reads rows from a file's content, a window at a time. Throws what it meets, after all rows that stand before it. */
export async function* readRows(content: AsyncIterable<Buffer>, reading: Reading): AsyncGenerator<Chunk> {
  const { split, maxRowBytes, windowBytes } = reading
  let { place, offset } = reading
  let parts: Buffer[] = []
  let held = 0
  let least = windowBytes

  let fault: Problem | undefined

  function take(last: boolean): Chunk {
    const window = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, held)
    const found = split(window, place, last, maxRowBytes)
    place = found.place
    fault = found.fault
    offset += found.used
    const rest = window.subarray(found.used)
    parts = rest.length === 0 ? [] : [rest]
    held = rest.length
    least = held + windowBytes
    return { rows: found.rows, place, offset }
  }

  try {
    for await (const chunk of content) {
      parts.push(chunk)
      held += chunk.length
      if (held < least) continue
      yield take(false)
      if (fault !== undefined) throw fault
    }
  } catch (error) {
    // The rows that came whole before the content broke off are rows.
    if (fault === undefined && held > 0) yield take(false)
    throw error
  }
  yield take(true)
  if (fault !== undefined) throw fault
}
