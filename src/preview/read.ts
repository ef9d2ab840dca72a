import type { DuckDBValue } from '@duckdb/node-api'
import { Problem } from '../problems/index.ts'
import {
  typeText,
  type DataFile,
  type Field,
  type FormerNames,
  type Schema,
  type SnapshotFacts,
} from '../lake/index.ts'
import { newestCopies, whileFilesGo } from './files.ts'
import { maskedPaths } from './masked.ts'
import { newestRows } from './query.ts'
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

/**
 * The newest rows of a snapshot. Plans with the manifests, reads only the files that can matter, and
 * begins again with the pointer where a file was deleted meanwhile.
 * Throws `unknown_snapshot`, `invalid_parameter`.
 */
export const readNewest = (
  slug: string,
  asked: PreviewQuestion,
  outside: Outside,
  signal: AbortSignal,
  story: Pick<Story, 'timed' | 'chose' | 'answered'>,
): Promise<PreviewAnswer> => whileFilesGo(() => readOnce(slug, asked, outside, signal, story), signal)

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
  scan: Scan,
  columns: readonly Field[],
  { limit, int64, masked }: PreviewQuestion & { readonly masked: ReadonlySet<number> },
  outside: Outside,
  signal: AbortSignal,
  story: Pick<Story, 'timed' | 'chose'>,
): Promise<Record<string, Json>[]> {
  const paths = await newestCopies(scan, limit, outside, story)
  const render = rowRenderer(columns, { int64AsString: int64 === 'string', masked })
  const statement = newestRows(scan.schema, columns, paths, limit, scan.formerNames)
  return story.timed('decodeMs', () => outside.rows(statement, render, signal))
}

function unknownSnapshot(text: string | undefined): Problem {
  return new Problem(
    'unknown_snapshot',
    `The table keeps no snapshot ${text}: it never existed or has expired. Ask without snapshot_id for the current one.`,
  )
}
