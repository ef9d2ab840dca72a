import type { DuckDBValue } from '@duckdb/node-api'
import { Problem } from '../problems/index.ts'
import {
  isLakeFault,
  typeText,
  type DataFile,
  type Field,
  type FormerNames,
  type Schema,
  type SnapshotFacts,
} from '../lake/index.ts'
import { newestFiles } from './newest.ts'
import { NEWEST_BY, newestRows } from './query.ts'
import { maskedPaths } from './masked.ts'
import { chooseColumns, type PreviewQuestion } from './question.ts'
import { rfc3339, rowRenderer, type Json } from './render.ts'
import type { Story } from './story.ts'

export interface PreviewAnswer {
  /** The dataset's slug. */
  readonly dataset: string
  readonly snapshot_id: string | null
  readonly committed_at: string | null
  readonly total_rows: number
  readonly columns: readonly {
    readonly name: string
    readonly type: string
    /** Where values are not shown: the column itself, or places in it. Left out where all are. */
    readonly masked?: readonly string[]
  }[]
  readonly rows: readonly Record<string, Json>[]
}

/** A snapshot, planned: the files that it is made of. None where nothing was ever committed. */
export interface Scan {
  readonly schema: Schema
  readonly formerNames: FormerNames
  readonly snapshot: Pick<SnapshotFacts, 'id' | 'committedAtMs' | 'totalRows'> | undefined
  readonly files: readonly DataFile[]
}

/** All that a preview needs from outside, so that a test can take a file away at any step. */
export interface Outside {
  /** Where the table's current metadata lies. Throws where the dataset has no table. */
  pointer(): Promise<string>
  /** Plans a snapshot, the current one where no id is given. Undefined where the table does not keep that snapshot. */
  plan(metadataLocation: string, snapshotId: string | undefined): Promise<Scan | undefined>
  localCopy(location: string): Promise<string>
  /** Ids of the columns that hold what is labelled personal. Asked after the pointer, so that it knows every column of the table. */
  personal(): Promise<ReadonlySet<number>>
  rows<T>(statement: string, render: (values: readonly DuckDBValue[]) => T, signal: AbortSignal): Promise<T[]>
}

const NONE: ReadonlySet<number> = new Set()

/** How often a read begins again because a file was gone. */
export const ATTEMPTS = 3

/**
 * The newest rows of a snapshot. Plans with the manifests, reads only the files that can matter, and
 * begins again with the pointer where a file was deleted meanwhile (snapshots expire under readers).
 * Throws `unknown_snapshot`, `invalid_parameter`.
 */
export async function readNewest(
  slug: string,
  asked: PreviewQuestion,
  outside: Outside,
  signal: AbortSignal,
  story: Pick<Story, 'timed' | 'chose' | 'answered'>,
): Promise<PreviewAnswer> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      return await readOnce(slug, asked, outside, signal, story)
    } catch (error) {
      if (error instanceof Problem || !isMissingFile(error)) throw error
      if (attempt === ATTEMPTS) throw filesMissing(error)
    }
  }
}

async function readOnce(
  slug: string,
  asked: PreviewQuestion,
  outside: Outside,
  signal: AbortSignal,
  story: Pick<Story, 'timed' | 'chose' | 'answered'>,
): Promise<PreviewAnswer> {
  const scan = await story.timed('planMs', async () => outside.plan(await outside.pointer(), asked.snapshotId))
  if (scan === undefined) throw unknownSnapshot(asked.snapshotId)
  const columns = chooseColumns(scan.schema, asked.columns)
  const masked = asked.mask === 'pii' ? await outside.personal() : NONE
  const { snapshot } = scan
  const rows =
    snapshot === undefined || scan.files.length === 0
      ? []
      : await readRows(scan, columns, { ...asked, masked }, outside, signal, story)
  story.answered(rows.length)
  return {
    dataset: slug,
    snapshot_id: snapshot === undefined ? null : String(snapshot.id),
    committed_at: snapshot === undefined ? null : rfc3339(BigInt(snapshot.committedAtMs) * 1000n),
    total_rows: snapshot?.totalRows ?? 0,
    columns: columns.map((field) => {
      const paths = maskedPaths(field, masked)
      return { name: field.name, type: typeText(field.type), ...(paths.length === 0 ? {} : { masked: paths }) }
    }),
    rows,
  }
}

async function readRows(
  { schema, formerNames, files }: Scan,
  columns: readonly Field[],
  { limit, int64, masked }: PreviewQuestion & { readonly masked: ReadonlySet<number> },
  outside: Outside,
  signal: AbortSignal,
  story: Pick<Story, 'timed' | 'chose'>,
): Promise<Record<string, Json>[]> {
  const newestBy = schema.fields.find((field) => field.name === NEWEST_BY)
  const chosen = newestBy === undefined ? files : newestFiles(files, newestBy.id, limit)
  story.chose(chosen, files.length)
  const paths = await story.timed('fetchMs', () => Promise.all(chosen.map((file) => outside.localCopy(file.location))))
  const render = rowRenderer(columns, { int64AsString: int64 === 'string', masked })
  return story.timed('decodeMs', () =>
    outside.rows(newestRows(schema, columns, paths, limit, formerNames), render, signal),
  )
}

function unknownSnapshot(text: string | undefined): Problem {
  return new Problem(
    'unknown_snapshot',
    `The table keeps no snapshot ${text}: it never existed or has expired. Ask without snapshot_id for the current one.`,
  )
}

/** What somebody is told who finds a file gone again and again. */
export function filesMissing(cause: unknown): Problem {
  return new Problem(
    'dependency_away',
    'Files of the table cannot be found in the lake. Ask again; if it stays so, restore them.',
    {
      retryAfterSeconds: 5,
      cause,
    },
  )
}

/** A file that is gone, as the lake, Node's file system or DuckDB says it. */
export function isMissingFile(error: unknown): boolean {
  if (isLakeFault(error, 'object_missing')) return true
  if (!(error instanceof Error)) return false
  return (
    ('code' in error && error.code === 'ENOENT') ||
    /No files found that match|Cannot open file|No such file/i.test(error.message)
  )
}
