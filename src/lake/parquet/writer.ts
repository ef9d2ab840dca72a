import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { dayName, dayOfMicros } from '../day.ts'
import { LakeFault } from '../faults.ts'
import { RowRefused, type DataFile, type DataFileWriter, type ObjectStore, type RefusedLine, type WriteJob } from '../port.ts'
import { columnsSql, type ColumnsSql } from './columns.ts'
import { openDuckDb, quoteName, quoteText } from './duckdb.ts'
import { readFooter } from './footer.ts'
import { isolate, type Failure } from './isolate.ts'
import { lineIndex, writeLines, type LineIndex } from './lines.ts'
import { fileStatistics, microsOf } from './statistics.ts'

export interface DataFileWriterOptions {
  readonly store: ObjectStore
  /** For lines and unfinished files; best in memory (tmpfs). Made where it is missing. */
  readonly tempDir: string
  readonly memoryLimit?: string
  readonly threads?: number
  /** Jobs that are written at the same time; further ones wait. */
  readonly jobsAtOnce?: number
}

const MOST_OPEN_FILES = 64

/**
 * Opens the writer of Parquet data files: lines go to a file, DuckDB parses, converts and
 * compresses them off the main thread (about 2.5 µs of CPU for an event of 600 bytes), the statistics come from the files' own footers.
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
  const idle: DuckDBConnection[] = []
  const running = new Set<Promise<unknown>>()
  const spread = new Set<string>() // tables whose last job had more than one day
  let jobs = 0
  let closed = false

  async function run<T>(job: WriteJob, act: (run: Run) => Promise<T>): Promise<T> {
    if (closed) throw new LakeFault('store_away', 'the writer is closed')
    const release = await gate()
    const work = join(folder, String((jobs += 1)))
    const connection = idle.pop() ?? (await duck.connect())
    try {
      await mkdir(work)
      return await act(plan(options.store, job, connection, work, jobs, spread))
    } finally {
      idle.push(connection)
      release()
      await rm(work, { recursive: true, force: true }).catch(() => {})
    }
  }
  function tracked<T>(promise: Promise<T>): Promise<T> {
    running.add(promise)
    promise.finally(() => running.delete(promise)).catch(() => {})
    return promise
  }

  return {
    write: (job) => tracked(run(job, (one) => one.strictly())),
    writeOrRefuse: (job) => tracked(run(job, (one) => one.refusing())),
    async [Symbol.asyncDispose]() {
      closed = true
      await Promise.allSettled(running)
      for (const connection of idle) connection.closeSync()
      await duck[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

interface Run {
  strictly(): Promise<readonly DataFile[]>
  refusing(): Promise<{ files: readonly DataFile[]; refused: readonly RefusedLine[] }>
}

function plan(
  store: ObjectStore,
  job: WriteJob,
  connection: DuckDBConnection,
  work: string,
  serial: number,
  spread: Set<string>,
): Run {
  const sql = columnsSql(job.schema, job.shape, job.dayFieldId)
  const input = join(work, 'lines.ndjson')
  // Unique within the process; the tag is unique beyond it. So a job written again under one tag collides with nothing.
  const name = `${job.fileTag}-${serial.toString(36)}${randomBytes(2).toString('hex')}`

  /** Converts the lines in `input` to Parquet files below `out`; a failure of a row, or the files. */
  async function convert(out: string, byDay: boolean, longestLine: number): Promise<Failure | string[]> {
    await mkdir(out)
    const failure = await copy(connection, copySql(sql, job, input, out, byDay, longestLine))
    return failure ?? (await parquetBelow(out))
  }

  /** One file per day: written at once where one day is expected, else parted by DuckDB. */
  async function files(longestLine: number, tries: number): Promise<Failure | string[]> {
    const byDay = spread.has(job.tableLocation)
    await connection.run(`SET partitioned_write_max_open_files = ${job.maxOpenFiles ?? MOST_OPEN_FILES}`)
    const out = join(work, `out-${tries}`)
    const first = await convert(out, byDay, longestLine)
    if (!Array.isArray(first) || byDay) return first
    const [single] = first
    const micros = single && microsOf(await readFooter(single), job.dayFieldId)
    if (!single || (micros && dayOfMicros(micros.least) === dayOfMicros(micros.most))) return first
    remember(spread, job.tableLocation)
    const parted = join(work, `days-${tries}`)
    await mkdir(parted)
    await connection.run(partSql(sql, job, single, parted))
    return await parquetBelow(parted)
  }

  /** Puts the files into the store. All or none: on a failure those that were put are removed. */
  async function place(paths: readonly string[], expectedRows: number): Promise<readonly DataFile[]> {
    const made: DataFile[] = []
    try {
      for (const path of paths) made.push(await placeOne(path, made.length))
      const rows = made.reduce((total, file) => total + file.rows, 0)
      if (rows !== expectedRows) throw new Error(`${expectedRows} lines became ${rows} rows`)
    } catch (error) {
      await Promise.allSettled(made.map((file) => store.remove(file.location)))
      throw error
    }
    return made.toSorted((a, b) => a.day - b.day)
  }

  async function placeOne(path: string, index: number): Promise<DataFile> {
    const footer = await readFooter(path)
    const micros = microsOf(footer, job.dayFieldId)
    const day = micros && dayOfMicros(micros.least)
    if (day === undefined || day !== dayOfMicros(micros!.most)) throw new Error('a data file has no single day')
    const folder = `${sql.day.slice(1, -1).replaceAll(/[^A-Za-z0-9_]/g, '_')}_day=${dayName(day)}`
    const location = `${job.tableLocation}/data/${folder}/${name}-${index}.parquet`
    await store.putFile(location, path)
    return { location, day, bytes: footer.bytes, ...fileStatistics(footer, job.schema) }
  }

  return {
    async strictly() {
      const written = await writeLines(input, job.lines)
      if (written.lines === 0) return []
      const made = await files(written.longest, 0)
      if (Array.isArray(made)) return await place(made, written.lines)
      const index = lineIndex(job.lines)
      const [first] = await refusedLines(index, made)
      throw new RowRefused(first?.line ?? 0, first?.detail ?? made.detail)
    },
    async refusing() {
      const written = await writeLines(input, job.lines)
      if (written.lines === 0) return { files: [], refused: [] }
      const made = await files(written.longest, 0)
      if (Array.isArray(made)) return { files: await place(made, written.lines), refused: [] }
      const index = lineIndex(job.lines)
      const refused = await refusedLines(index, made)
      if (refused.length === index.count) return { files: [], refused }
      const rest = await writeLines(input, index.without(refused.map(({ line }) => line)))
      const again = await files(rest.longest, 1)
      if (!Array.isArray(again)) throw new LakeFault('store_refused', `rows convert alone but not together: ${again.detail}`)
      return { files: await place(again, rest.lines), refused }
    },
  }

  async function refusedLines(index: LineIndex, first: Failure): Promise<RefusedLine[]> {
    return await isolate(index.count, first, async (from, to) => {
      const written = await writeLines(input, index.between(from, to))
      const out = join(work, `try-${from}-${to}-${randomBytes(3).toString('hex')}`)
      const made = await convert(out, false, written.longest)
      await rm(out, { recursive: true, force: true })
      return Array.isArray(made) ? undefined : made
    })
  }
}

/** DuckDB's least buffer for one line; longer lines make it larger. */
const LINE_BUFFER = 16_777_216

function copySql(sql: ColumnsSql, job: WriteJob, input: string, out: string, byDay: boolean, longest: number): string {
  const day = byDay ? `, ${dayOfSql(sql.day)} AS ${quoteName(dayAlias(job))}` : ''
  const where = sql.where === undefined ? '' : ` WHERE ${sql.where}`
  const source =
    `read_json(${quoteText(input)}, format='newline_delimited', records=true, auto_detect=false, ` +
    `maximum_object_size=${Math.max(LINE_BUFFER, longest + 1)}, columns=${sql.columns})`
  const rows = byDay
    ? `SELECT *${day} FROM (SELECT ${sql.select} FROM ${source} AS line${where})`
    : `SELECT ${sql.select} FROM ${source} AS line${where}`
  return `COPY (${rows}) TO ${target(sql, job, out, byDay)}`
}

function partSql(sql: ColumnsSql, job: WriteJob, input: string, out: string): string {
  const day = `${dayOfSql(sql.day)} AS ${quoteName(dayAlias(job))}`
  return `COPY (SELECT *, ${day} FROM read_parquet(${quoteText(input)})) TO ${target(sql, job, out, true)}`
}

function target(sql: ColumnsSql, job: WriteJob, out: string, byDay: boolean): string {
  const settings = [
    'FORMAT parquet',
    'COMPRESSION zstd',
    `FIELD_IDS ${sql.fieldIds}`,
    `KV_METADATA {'iceberg.schema': ${quoteText(JSON.stringify(job.schema))}}`,
    ...(byDay ? [`PARTITION_BY (${quoteName(dayAlias(job))})`, 'OVERWRITE_OR_IGNORE true'] : []),
  ]
  return `${quoteText(byDay ? out : join(out, 'all.parquet'))} (${settings.join(', ')})`
}

/** The session is in UTC, so the cast takes the UTC day. */
function dayOfSql(column: string): string {
  return `CAST((${column} AT TIME ZONE 'UTC') AS DATE)`
}

/** A name for the partition column that no column of the table has. */
function dayAlias(job: WriteJob): string {
  const names = new Set(job.schema.fields.map((field) => field.name.toLowerCase()))
  let alias = 'partition_day'
  while (names.has(alias)) alias += '_'
  return alias
}

/**
 * Runs a COPY. Returns why a row could not be converted; throws `LakeFault` for what is no row's
 * fault (memory, disk). DuckDB tells them apart by the kind of error that its message begins with.
 */
async function copy(connection: DuckDBConnection, sql: string): Promise<Failure | undefined> {
  try {
    await connection.run(sql)
    return undefined
  } catch (error) {
    const message = (error as Error).message
    const found = /^(Invalid Input|Conversion|Out of Range) Error: ([^]*)$/.exec(message)
    if (!found) throw new LakeFault('store_away', `DuckDB could not write: ${message}`, error)
    const transform = / in file "[^]*?", in line (\d+): ([^]*)$/.exec(message)
    if (transform) return { detail: transform[2]!.trim(), line: Number(transform[1]) - 1 }
    // Malformed lines are reported with the number of the line after them.
    const malformed = / in file "[^]*?", at byte \d+ in line (\d+): ([^]*?)(?: Try auto-detecting[^]*)?$/.exec(message)
    if (malformed) return { detail: malformed[2]!.trim(), line: Number(malformed[1]) - 2 }
    return { detail: found[2]!.trim(), line: undefined }
  }
}

async function parquetBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  return names.filter((name) => name.endsWith('.parquet')).toSorted().map((name) => join(folder, name))
}

function remember(set: Set<string>, value: string): void {
  if (set.size >= 10_000) set.clear()
  set.add(value)
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
