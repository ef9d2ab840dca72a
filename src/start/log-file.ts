import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs'

/** A child's log: one file and the one before it, each at most this long. */
const MAX_BYTES = 10 * 1024 * 1024

export interface LogFile {
  write(line: string): void
  close(): Promise<void>
}

/** Appends lines to `path`; when it is full it becomes `path.1` and a new one begins. A disk that refuses is no reason to stop: lines are lost. */
export function openLogFile(path: string, maxBytes = MAX_BYTES): LogFile {
  let bytes = 0
  try {
    bytes = statSync(path).size
  } catch {
    // the first one
  }
  let stream = begin(path)
  return {
    write(line) {
      const text = `${line}\n`
      bytes += Buffer.byteLength(text)
      if (bytes > maxBytes) {
        stream.end()
        try {
          renameSync(path, `${path}.1`)
        } catch {
          // then it goes on growing the same one; the next line tries again
        }
        stream = begin(path)
        bytes = Buffer.byteLength(text)
      }
      stream.write(text)
    },
    close: () => new Promise((resolve) => stream.end(resolve)),
  }
}

function begin(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  stream.on('error', () => {})
  return stream
}
