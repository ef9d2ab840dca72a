import { write as writeLater, writeSync as writeNow } from 'node:fs'

/** Where log lines go: a file descriptor that may be slow, full or gone, and must never hold the process up. */
interface Sink {
  write(line: string): void
  /** Writes what is held, synchronously; ends after a bound, or at once where nobody reads any more. */
  flushSync(): void
  /** Lines that were not written so far, because too many were held or nobody reads. */
  readonly dropped: number
}

interface SinkOptions {
  readonly fd: number
  /** Held at most, in UTF-16 units; what comes beyond is dropped and counted. */
  readonly maxHeld?: number
  readonly flushMs?: number
  /** Hears how many lines were dropped, as soon as there is room to write that down, and at once where nobody reads. */
  readonly onDropped?: (lines: number) => void
  /** In place of the file system. */
  readonly file?: FileCalls
}

export interface FileCalls {
  write(fd: number, text: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void
  writeSync(fd: number, text: Buffer): number
}

const FILES: FileCalls = {
  write: (fd, text, done) => writeLater(fd, text, done),
  writeSync: (fd, text) => writeNow(fd, text),
}
const RETRY_MS = 20

/**
 * Opens a sink: one asynchronous write at a time, everything that waits joined into the next one. A
 * full pipe is tried again, a closed one ends the writing for good. (sonic-boom 4's `flushSync` never
 * returns once the reader is gone: it takes EPIPE for a reason to wait, measured.)
 */
export function openSink(options: SinkOptions): Sink {
  const { fd, maxHeld = 8 * 1024 * 1024, flushMs = 1_000, file = FILES, onDropped } = options
  let held: string[] = []
  let heldLength = 0
  let flying: Buffer | undefined
  let gone = false
  let dropped = 0
  let told = 0
  let telling = false

  /** Whoever hears it may write a line about it, which is held like any other. */
  const tell = (): void => {
    const lines = dropped - told
    told = dropped
    telling = true
    onDropped?.(lines)
    telling = false
  }
  const take = (): Buffer => {
    const taken = held
    held = []
    heldLength = 0
    if (dropped > told) {
      tell()
      taken.push(...held)
      held = []
      heldLength = 0
    }
    return Buffer.from(taken.join(''))
  }
  const send = (text: Buffer): void => {
    flying = text
    file.write(fd, text, (error, written) => {
      flying = undefined
      if (error === null) return next(text.subarray(written))
      if (!isBusy(error)) return end()
      flying = text
      setTimeout(send, RETRY_MS, text).unref()
    })
  }
  const next = (left: Buffer): void => {
    if (left.length > 0) send(left)
    else if (held.length > 0) send(take())
  }
  const end = (): void => {
    gone = true
    dropped += held.length
    held = []
    heldLength = 0
    if (dropped > told) tell()
  }

  return {
    write(line) {
      if (gone && telling) return
      if (gone || heldLength + line.length > maxHeld) {
        dropped += 1
        if (gone) tell()
        return
      }
      held.push(line)
      heldLength += line.length
      if (flying === undefined && !telling) send(take())
    },
    flushSync() {
      if (gone) return
      // What flies already is written by a thread of the pool; a moment lets it land first.
      if (flying !== undefined) pause(5)
      const endsAt = performance.now() + flushMs
      for (let text = take(); text.length > 0;) {
        try {
          text = text.subarray(file.writeSync(fd, text))
        } catch (error) {
          if (!isBusy(error) || performance.now() > endsAt) return end()
          pause(RETRY_MS)
        }
      }
    },
    get dropped() {
      return dropped
    },
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')

const clock = new Int32Array(new SharedArrayBuffer(4))
const pause = (ms: number): void => void Atomics.wait(clock, 0, 0, ms)
