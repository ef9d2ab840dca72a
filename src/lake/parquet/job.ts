import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { daySpec, dayName, dayOfMicros } from '../day.ts'
import { LakeFault } from '../faults.ts'
import { fieldsById } from '../ids.ts'
import { RowRefused, type DataFile, type ObjectStore, type RefusedLine, type WriteJob } from '../port.ts'
import { columnsSql } from './columns.ts'
import { daysSql, linesCopySql, partCopySql, runCopy } from './copy.ts'
import { readFooter, type Footer } from './footer.ts'
import { isolate, type Failure } from './isolate.ts'
import { lineIndex, writeLines, type LineIndex } from './lines.ts'
import type { Written } from './parts.ts'
import { fileStatistics, microsOf } from './statistics.ts'

const MOST_OPEN_FILES = 64
/** Of all files that are open at once. DuckDB keeps a block of 256 KiB for each (measured: 30 columns, 60 days in 488 MiB): so 250 MiB. */
const MOST_OPEN_COLUMNS = 1_000

interface JobContext {
  readonly store: ObjectStore
  readonly job: WriteJob
  readonly connection: DuckDBConnection
  /** The file for lines: written over. */
  readonly input: string
  /** An empty folder for unfinished files. */
  readonly work: string
  readonly serial: number
  /** Tables whose last job had more than one day, and no more than can be open at once. */
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
   * table's last job had one day, and parted when its footer says that there are more. So it is where it had more days than
   * can be open at once.
   */
  async function convertByDay(longest: number): Promise<Failure | string[]> {
    // Order means nothing to a table, and keeping it would hold back row groups.
    await connection.run('SET preserve_insertion_order = false')
    const leaves = fieldsById(schema).size
    const most = Math.max(1, Math.min(job.maxOpenFiles ?? MOST_OPEN_FILES, Math.floor(MOST_OPEN_COLUMNS / leaves)))
    await connection.run(`SET partitioned_write_max_open_files = ${most}`)
    if (severalDays.has(tableLocation)) {
      const made = await convert(true, longest).catch((error: unknown) => outOfMemory(error))
      if (made !== undefined) {
        if (Array.isArray(made) && (made.length === 1 || made.length > most)) severalDays.delete(tableLocation)
        return made
      }
      severalDays.delete(tableLocation)
    }
    const made = await convert(false, longest)
    if (!Array.isArray(made)) return made
    const [single] = made
    if (single === undefined || onlyDay(await readFooter(single)) !== undefined) return made
    return await partByDay(single, most)
  }

  /** Of a finished file one for each of its days, no more than `most` days at a time. */
  async function partByDay(single: string, most: number): Promise<string[]> {
    const days = (await connection.runAndReadAll(daysSql(sql, single))).getRows().map(([day]) => String(day))
    if (days.length <= most) severalDays.add(tableLocation)
    const folder = await newFolder()
    for (let from = 0; from < days.length; from += most) {
      const round = days.slice(from, from + most)
      const range = [round[0] as string, round.at(-1) as string] as const
      const failure = await runCopy(connection, partCopySql(schema, sql, single, folder, range))
      if (failure) throw new LakeFault('store_away', `a finished file cannot be parted by day: ${failure.detail}`)
    }
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

/** Undefined for what another way of writing takes less memory for. */
function outOfMemory(error: unknown): undefined {
  if (error instanceof LakeFault && error.message.includes('Out of Memory Error')) return undefined
  throw error
}

async function parquetBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true })
  const parquet = names.filter((file) => file.endsWith('.parquet'))
  return parquet.toSorted().map((file) => join(folder, file))
}
