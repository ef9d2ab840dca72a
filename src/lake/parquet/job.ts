import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { daySpec, dayName, dayOfMicros } from '../day.ts'
import { LakeFault } from '../faults.ts'
import { RowRefused, type DataFile, type ObjectStore, type RefusedLine, type WriteJob } from '../port.ts'
import { columnsSql } from './columns.ts'
import { linesCopySql, partCopySql, runCopy } from './copy.ts'
import { readFooter, type Footer } from './footer.ts'
import { isolate, type Failure } from './isolate.ts'
import { lineIndex, writeLines, type LineIndex } from './lines.ts'
import type { Written } from './parts.ts'
import { fileStatistics, microsOf } from './statistics.ts'

const MOST_OPEN_FILES = 64

interface JobContext {
  readonly store: ObjectStore
  readonly job: WriteJob
  readonly connection: DuckDBConnection
  /** The file for lines: written over. */
  readonly input: string
  /** An empty folder for unfinished files. */
  readonly work: string
  readonly serial: number
  /** Tables whose last job had more than one day. */
  readonly severalDays: Pick<Set<string>, 'has' | 'add' | 'delete'>
}

/**
 * Writes a job: all rows that convert, and the lines of the others. `strict` throws `RowRefused` for the first of those, and
 * keeps nothing. What a job needs it has to itself while it runs.
 */
export async function runJob(context: JobContext, strict: boolean): Promise<Written> {
  const { store, job, connection, input, work, serial, severalDays } = context
  const { schema, tableLocation } = job
  const sql = columnsSql(schema, job.shape, job.dayFieldId)
  const partition = daySpec(schema, job.dayFieldId).fields[0]?.name
  // Unique within the process; the tag is unique beyond it. So a job that is written again under its tag collides with nothing.
  const name = `${job.fileTag}-${serial.toString(36)}${randomBytes(2).toString('hex')}`
  let outputs = 0

  async function newFolder(): Promise<string> {
    const path = join(work, `out-${(outputs += 1)}`)
    await mkdir(path)
    return path
  }

  /** Converts the lines in `input`: into one file per day, or into a single file for all. */
  async function convert(byDay: boolean, longest: number): Promise<Failure | string[]> {
    const folder = await newFolder()
    const path = byDay ? folder : join(folder, 'all.parquet')
    const failure = await runCopy(connection, linesCopySql(schema, sql, input, longest, { path, byDay }))
    return failure ?? (await parquetBelow(folder))
  }

  /**
   * One file per day. Most jobs have one day only, and parting costs a fifth more, so a single file is written first where the
   * table's last job had one day, and parted when its footer says that there are more.
   */
  async function convertByDay(longest: number): Promise<Failure | string[]> {
    // Order means nothing to a table, and keeping it would hold back row groups.
    await connection.run('SET preserve_insertion_order = false')
    await connection.run(`SET partitioned_write_max_open_files = ${job.maxOpenFiles ?? MOST_OPEN_FILES}`)
    const expectSeveral = severalDays.has(tableLocation)
    const made = await convert(expectSeveral, longest)
    if (!Array.isArray(made)) return made
    const [single] = made
    if (expectSeveral) {
      if (made.length === 1) severalDays.delete(tableLocation)
      return made
    }
    if (single === undefined || onlyDay(await readFooter(single)) !== undefined) return made
    severalDays.add(tableLocation)
    const folder = await newFolder()
    const failure = await runCopy(connection, partCopySql(schema, sql, single, folder))
    if (failure) throw new LakeFault('store_away', `a finished file cannot be parted by day: ${failure.detail}`)
    return await parquetBelow(folder)
  }

  function onlyDay(footer: Footer): number | undefined {
    const micros = microsOf(footer, job.dayFieldId)
    if (micros === undefined) return undefined
    const day = dayOfMicros(micros.least)
    return day === dayOfMicros(micros.most) ? day : undefined
  }

  /** Puts the files into the store, all or none: after a failure those that were put are removed. */
  async function place(paths: readonly string[], lines: number): Promise<readonly DataFile[]> {
    const files: DataFile[] = []
    try {
      for (const path of paths) files.push(await placeOne(path, files.length))
      const rows = files.reduce((total, file) => total + file.rows, 0)
      if (rows !== lines) throw new LakeFault('store_refused', `${lines} lines became ${rows} rows: nothing was kept`)
    } catch (error) {
      await Promise.allSettled(files.map((file) => store.remove(file.location)))
      throw error
    }
    return files.toSorted((a, b) => a.day - b.day)
  }

  async function placeOne(path: string, index: number): Promise<DataFile> {
    const footer = await readFooter(path)
    const day = onlyDay(footer)
    if (day === undefined) throw new LakeFault('store_refused', 'a data file does not lie within one day')
    const location = `${tableLocation}/data/${partition}=${dayName(day)}/${name}-${index}.parquet`
    await store.putFile(location, path)
    return { location, day, bytes: footer.bytes, ...fileStatistics(footer, schema) }
  }

  async function refusedLines(index: LineIndex, first: Failure): Promise<RefusedLine[]> {
    return await isolate(index.count, first, async (from, to) => {
      const { longest } = await writeLines(input, index.between(from, to))
      const made = await convert(false, longest)
      await rm(join(work, `out-${outputs}`), { recursive: true, force: true })
      return Array.isArray(made) ? undefined : made
    })
  }

  const all = await writeLines(input, job.lines)
  if (all.lines === 0) return { files: [], refused: [] }
  const made = await convertByDay(all.longest)
  if (Array.isArray(made)) return { files: await place(made, all.lines), refused: [] }
  const index = lineIndex(job.lines)
  const refused = await refusedLines(index, made)
  if (strict) throw new RowRefused(refused[0]?.line ?? 0, refused[0]?.detail ?? made.detail)
  const rest = await writeLines(input, index.without(refused.map(({ line }) => line)))
  if (rest.lines === 0) return { files: [], refused }
  const again = await convertByDay(rest.longest)
  if (!Array.isArray(again)) {
    throw new LakeFault('store_refused', `rows convert one by one but not together: ${again.detail}`)
  }
  return { files: await place(again, rest.lines), refused }
}

async function parquetBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  const parquet = names.filter((file) => file.endsWith('.parquet'))
  return parquet.toSorted().map((file) => join(folder, file))
}
