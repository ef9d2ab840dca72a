import { mkdir, mkdtemp, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { LakeFault } from '../faults.ts'
import type { DataFileWriter, ObjectStore, WriteJob } from '../port.ts'
import { openDuckDb } from './duckdb.ts'
import { runJob } from './job.ts'
import { writeParts, type Written } from './parts.ts'

interface DataFileWriterOptions {
  readonly store: ObjectStore
  /** For lines and unfinished files; best in memory (tmpfs). Made where it is missing. */
  readonly tempDir: string
  /** DuckDB's unit: `512MB`. */
  readonly memoryLimit?: string
  readonly threads?: number
  /** Jobs that are written at the same time; further ones wait. */
  readonly jobsAtOnce?: number
}

/** What a running job has to itself: a connection, and a file for lines whose pages serve the next job too. */
interface Desk {
  readonly connection: DuckDBConnection
  readonly input: string
}

/** In memory the lines' file counts as memory, so a large one is given back. */
const KEPT_INPUT_BYTES = 16_777_216

async function cutBack(input: string): Promise<void> {
  const size = await stat(input).then(
    (found) => found.size,
    () => 0,
  )
  if (size > KEPT_INPUT_BYTES) await truncate(input, KEPT_INPUT_BYTES)
}

/**
 * Opens the writer of Parquet data files: lines go to a file, DuckDB parses, converts and compresses them off the
 * main thread (about 2.5 µs of CPU for an event of 600 bytes), the statistics come from the files' own footers
 * (asking DuckDB for them grows the process by 0.8 MB a COPY until a full garbage collection).
 */
export async function openDataFileWriter(options: DataFileWriterOptions): Promise<DataFileWriter> {
  await mkdir(options.tempDir, { recursive: true })
  const folder = await mkdtemp(join(options.tempDir, 'lake-'))
  const duck = await openDuckDb({
    tempDir: folder,
    ...(options.memoryLimit ? { memoryLimit: options.memoryLimit } : {}),
    ...(options.threads ? { threads: options.threads } : {}),
  })
  const gate = semaphore(options.jobsAtOnce ?? 1)
  const idle: Desk[] = []
  const running = new Set<Promise<unknown>>()
  const severalDays = recently(10_000)
  let serial = 0
  let closed = false

  async function run(job: WriteJob, strict: boolean): Promise<Written> {
    if (closed) throw new LakeFault('store_away', 'the data file writer is closed')
    const release = await gate()
    const number = (serial += 1)
    const work = join(folder, String(number))
    let desk: Desk | undefined
    try {
      desk = idle.pop() ?? { connection: await duck.connect(), input: join(folder, `lines-${number}.ndjson`) }
      await mkdir(work)
      return await runJob({ ...desk, store: options.store, job, work, serial: number, severalDays }, strict)
    } finally {
      if (desk) {
        await cutBack(desk.input)
        idle.push(desk)
      }
      await rm(work, { recursive: true, force: true }).catch(() => {})
      release()
    }
  }
  function tracked<T>(promise: Promise<T>): Promise<T> {
    running.add(promise)
    promise.finally(() => running.delete(promise)).catch(() => {})
    return promise
  }

  return {
    write: async (job) => (await tracked(writeParts(options.store, job, (part) => run(part, true)))).files,
    writeOrRefuse: (job) => tracked(writeParts(options.store, job, (part) => run(part, false))),
    async [Symbol.asyncDispose]() {
      if (closed) return
      closed = true
      await Promise.allSettled(running)
      for (const { connection } of idle) connection.closeSync()
      await duck[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** A set that forgets everything when it is full: what it holds is a hint. */
function recently(most: number): Pick<Set<string>, 'has' | 'add' | 'delete'> {
  const held = new Set<string>()
  return {
    has: (value) => held.has(value),
    delete: (value) => held.delete(value),
    add(value) {
      if (held.size >= most) held.clear()
      return held.add(value)
    },
  }
}

/** At most `most` holders at once, in order of asking; the answer gives the place back. */
function semaphore(most: number): () => Promise<() => void> {
  let free = most
  const waiting: (() => void)[] = []
  return async () => {
    if (free > 0) free -= 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
    return () => {
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}
