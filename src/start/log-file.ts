import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs'

/** A child's log: one file and the one before it, each at most this long. */
const MAX_BYTES = 10 * 1024 * 1024

export interface LogFile {
  /** Appends a line soon; lines of one moment are written together. */
  write(line: string): void
  /** Writes what is held and closes. Safe to repeat. */
  close(): void
}

/** Appends lines to `path`; when it is full it becomes `path.1` and a new one begins. A disk that refuses is no reason to stop: lines are lost. */
export function openLogFile(path: string, maxBytes = MAX_BYTES): LogFile {
  let file: number | undefined
  let bytes = sizeOf(path)
  let held: string[] = []

  const put = (text: string): void => {
    const length = Buffer.byteLength(text)
    try {
      if (file !== undefined && bytes + length > maxBytes) {
        closeSync(file)
        file = undefined
        renameSync(path, `${path}.1`)
      }
      if (file === undefined) {
        file = openSync(path, 'a', 0o600)
        bytes = sizeOf(path)
      }
      writeSync(file, text)
      bytes += length
    } catch {
      // lost: the next line tries again
    }
  }
  const flush = (): void => {
    const lines = held
    held = []
    // As many lines as fit go in one write.
    let text = ''
    for (const line of lines) {
      if (text !== '' && bytes + text.length + line.length >= maxBytes) {
        put(text)
        text = ''
      }
      text += `${line}\n`
    }
    if (text !== '') put(text)
  }
  return {
    write(line) {
      held.push(line)
      if (held.length === 1) setImmediate(flush)
    },
    close() {
      flush()
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
