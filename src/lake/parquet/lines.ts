import { open } from 'node:fs/promises'

/** Bytes gathered into one write. */
const WRITE_BYTES = 1_048_576
const NEWLINE = 0x0a

/** Writes chunks of whole lines to a file, replacing it; says how many lines there were and how long the longest chunk's is. */
export async function writeLines(
  path: string,
  chunks: readonly Uint8Array[],
): Promise<{ readonly lines: number; readonly longest: number }> {
  const file = await open(path, 'w')
  let lines = 0
  let longest = 0
  try {
    let gathered: Uint8Array[] = []
    let bytes = 0
    const flush = async (): Promise<void> => {
      if (bytes > 0) await file.writeFile(Buffer.concat(gathered, bytes))
      gathered = []
      bytes = 0
    }
    for (const chunk of chunks) {
      for (let at = 0; at < chunk.length;) {
        const end = chunk.indexOf(NEWLINE, at) + 1
        if (end === 0) throw new TypeError('a chunk of lines does not end in a newline')
        longest = Math.max(longest, end - at)
        lines += 1
        at = end
      }
      gathered.push(chunk)
      bytes += chunk.length
      if (bytes >= WRITE_BYTES) await flush()
    }
    await flush()
  } finally {
    await file.close()
  }
  return { lines, longest }
}

export interface LineIndex {
  readonly count: number
  /** Lines `from` up to, not including, `to`. */
  between(from: number, to: number): readonly Uint8Array[]
  /** All lines but these. */
  without(lines: readonly number[]): readonly Uint8Array[]
}

/** Finds the lines in chunks: only needed when some of them have to be taken out. */
export function lineIndex(chunks: readonly Uint8Array[]): LineIndex {
  const lines: Uint8Array[] = []
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const end = chunk.indexOf(NEWLINE, at) + 1
      lines.push(chunk.subarray(at, end))
      at = end
    }
  }
  return {
    count: lines.length,
    between: (from, to) => lines.slice(from, to),
    without(gone) {
      const set = new Set(gone)
      return lines.filter((_, index) => !set.has(index))
    },
  }
}
