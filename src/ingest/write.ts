import { isLakeFault, type DataFile, type Staged, type Table } from '../lake/index.ts'
import {
  countOf,
  dropKnown,
  groupsOf,
  idsOf,
  linesOf,
  recordsOf,
  refuseRow,
  rowsAtLines,
  rowsOf,
  type Draft,
  type Group,
  type RowAt,
} from './draft.ts'
import { tellDefect } from './defect.ts'
import type { Fault } from './park.ts'
import { isAway } from './patience.ts'
import type { FlushLake } from './places.ts'
import type { Story } from './story.ts'

/** One dataset's rows as files that no table names yet. */
export interface Written {
  readonly draft: Draft
  readonly table: Table | undefined
  readonly files: readonly DataFile[]
  readonly staged: Staged | undefined
  /** Everything written for this dataset under the flush's name, used or not. */
  readonly locations: string[]
  /** Names its attempts: every write and every staging has a name of its own, because nothing is overwritten. */
  attempts: number
}

/** The dataset cannot be flushed now: it leaves the commit, the rest goes on. */
export class DatasetLeft extends Error {
  override readonly name = 'DatasetLeft'
  readonly fault: Fault
  constructor(fault: Fault, detail: string, cause?: unknown) {
    super(detail, { cause })
    this.fault = fault
  }
}

export interface WriteContext {
  readonly lake: FlushLake
  readonly flushId: string
  readonly story: Story
  readonly maxOpenFiles: number
  readonly point: (name: string) => void | Promise<void>
}

/** The lake's timestamp column that `day()` partitions by. */
const DAY_COLUMN = 'timestamp'

/** A dataset's rows, and the table they are for; without one where nothing is to be written. */
export function openWritten(draft: Draft, table: Table | undefined): Written {
  return { draft, table, files: [], staged: undefined, locations: [], attempts: 0 }
}

/**
 * The table that the draft's rows go to, as of now; undefined where no row is to be written. Throws
 * `DatasetLeft`, and Postgres's own faults as they are.
 */
export async function openTable(lake: FlushLake, draft: Draft): Promise<Table | undefined> {
  if (rowsOf(draft) === 0) return undefined
  const { lane } = draft.taken
  try {
    if (lane.pointer !== undefined) {
      const table = await lake.load(lane.pointer)
      if (hasSchemas(table, draft)) return table
      // Bound to a newer version since it was looked up last, by the transaction that also moved the table.
    }
    lane.pointer = await pointerOf(lake, draft)
    const table = await lake.load(lane.pointer)
    if (hasSchemas(table, draft)) return table
    throw new DatasetLeft('table', 'The table lacks the columns of a schema version that its dataset is bound to.')
  } catch (error) {
    lane.pointer = undefined
    throw await asLeft(lake, error)
  }
}

/** Where the draft's table is now. Throws `DatasetLeft`. */
async function pointerOf(lake: FlushLake, draft: Draft): Promise<string> {
  const { lane, segments } = draft.taken
  const binding = segments.find((segment) => segment.binding !== undefined)?.binding
  if (binding === undefined) throw new Error('a flush of rows has no binding')
  const pointer = await lake.pointer(lane.tenantId, binding.namespace, binding.table)
  if (pointer !== undefined) return pointer
  throw new DatasetLeft('table', `The table ${binding.namespace}.${binding.table} is not in the catalog.`)
}

/** Whether the table has the columns of every version that the draft has rows of: ids of schemas only grow, and no column leaves. */
function hasSchemas(table: Table, draft: Draft): boolean {
  const newest = Math.max(...table.metadata.schemas.map((schema) => schema['schema-id']))
  return draft.taken.segments.every(({ binding }) => binding === undefined || binding.tableSchemaId <= newest)
}

/**
 * Writes the draft's rows into data files and stages their append. Rows that do not convert become
 * dead letters in the draft. Throws `DatasetLeft`; what was written by then is still the intent's.
 */
export async function writeDataset(context: WriteContext, opened: Written): Promise<Written> {
  if (opened.table === undefined) return opened
  try {
    const files = await writeRows(context, opened)
    await context.point('flush.files_written')
    return files.length === 0 ? opened : await stageFiles(context, { ...opened, files }, opened.table)
  } catch (error) {
    opened.draft.taken.lane.pointer = undefined
    throw await asLeft(context.lake, error)
  }
}

/** All groups' rows as files. A group is written again when a duplicate in it took a refused row's place meanwhile. */
async function writeRows(context: WriteContext, written: Written): Promise<DataFile[]> {
  const groups = groupsOf(written.draft)
  const files = new Map<Group, readonly DataFile[]>()
  for (let settled = false; !settled;) {
    settled = true
    for (const group of groups) {
      const rows = countOf(written.draft, group)
      const have = files.get(group)?.reduce((sum, file) => sum + file.rows, 0) ?? 0
      if (rows === have) continue
      files.set(group, await writeGroup(context, written, group))
      settled = false
    }
  }
  return [...files.values()].flat()
}

/** The group's rows as files; those that do not convert become dead letters. */
async function writeGroup(context: WriteContext, written: Written, group: Group): Promise<readonly DataFile[]> {
  const { draft } = written
  const table = written.table as Table
  const lines = linesOf(draft, group)
  if (lines.length === 0) return []
  const dayFieldId = table.schema.fields.find((field) => field.name === DAY_COLUMN)?.id
  if (dayFieldId === undefined)
    throw new DatasetLeft('table', `The table has no column "${DAY_COLUMN}" to partition by.`)
  const job = {
    tableLocation: table.location,
    schema: table.schema,
    shape: group.binding.shape,
    dayFieldId,
    fileTag: tagOf(context, nextAttempt(written)),
    lines,
    maxOpenFiles: context.maxOpenFiles,
  }
  const { files, refused } = await context.story.step('encode', () => context.lake.write(job), draft.taken)
  for (const file of files) written.locations.push(file.location)
  // Numbers of lines are as they were when the job began: all are looked up before any row changes.
  const rows = rowsAtLines(
    draft,
    group,
    refused.map(({ line }) => line),
  )
  refused.forEach(({ detail }, index) => refuseRow(draft, rows[index] as RowAt, 'unconvertible', detail))
  return files
}

const tagOf = (context: WriteContext, attempt: number): string =>
  attempt === 0 ? context.flushId : `${context.flushId}-${attempt}`

function nextAttempt(written: Written): number {
  const attempt = written.attempts
  written.attempts += 1
  return attempt
}

/** Stages the files on `table`: the first time, or again on a table that has moved. */
export async function stageFiles(context: WriteContext, written: Written, table: Table): Promise<Written> {
  const attempt = nextAttempt(written)
  const staging = (): Promise<Staged> => context.lake.stage(table, written.files, { fileTag: context.flushId, attempt })
  const staged = await context.story.step('stage', staging, written.draft.taken)
  written.locations.push(...staged.written)
  await context.point('flush.staged')
  return { ...written, table, staged }
}

/** The ledger knows some ids: their rows leave, the rest is written and staged anew. */
export async function writeWithout(
  context: WriteContext,
  written: Written,
  known: ReadonlySet<string>,
): Promise<Written> {
  dropKnown(written.draft, known)
  if (rowsOf(written.draft) === 0 || written.table === undefined) return { ...written, files: [], staged: undefined }
  const files = await writeRows(context, written)
  return files.length === 0
    ? { ...written, files, staged: undefined }
    : stageFiles(context, { ...written, files }, written.table)
}

/** Files written under the flush's name that its commit does not use. */
export function orphansOf(written: Written): string[] {
  const used = new Set<string>()
  if (written.staged !== undefined) {
    for (const file of written.files) used.add(file.location)
    for (const location of written.staged.written) used.add(location)
  }
  return written.locations.filter((location) => !used.has(location))
}

/** What an error while loading, writing or staging means for the dataset. Postgres's faults are not the dataset's: thrown on. */
export async function asLeft(lake: FlushLake, error: unknown): Promise<DatasetLeft> {
  if (error instanceof DatasetLeft) return error
  if (isAway(error)) throw error
  const detail = error instanceof Error ? error.message : String(error)
  const isTables = isLakeFault(error, 'object_missing', 'table_unreadable', 'table_incompatible', 'schema_refused')
  if (!isTables) {
    // It is tried again as if the lake were away, for want of anything better; but nobody shall take it for that.
    if (!isLakeFault(error)) tellDefect('ingest.write', error)
    return new DatasetLeft('lake', detail, error)
  }
  // A folder that was unmounted looks like a missing table: then the lake is at fault, and it passes.
  const answers = await lake.ping(1_000).then(
    () => true,
    () => false,
  )
  return new DatasetLeft(answers ? 'table' : 'lake', detail, error)
}

export const eventIdsOf = (written: Written): string[] => (written.staged === undefined ? [] : idsOf(written.draft))

/** In step with those. */
export const eventRecordsOf = (written: Written): Buffer | undefined =>
  written.staged === undefined ? undefined : recordsOf(written.draft)
