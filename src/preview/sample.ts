import type { DuckDBValue } from '@duckdb/node-api'
import type { Schema } from '../lake/index.ts'
import { newestFiles } from './newest.ts'
import { NEWEST_BY, newestRows } from './query.ts'
import { ATTEMPTS, filesMissing, isMissingFile, type Outside } from './read.ts'

/** The newest rows of a dataset, whole, for somebody who wants no answer for people but to look at each. */
export interface SampleQuestion<T> {
  readonly tenantId: string
  /** Slug or id. */
  readonly dataset: string
  /** At most so many rows. */
  readonly last: number
  /** Given the table's schema, what is made of a row's values, which come in the order of its fields. */
  readonly each: (schema: Schema) => (values: readonly DuckDBValue[]) => T
}

/** Reads the rows of the current snapshot, newest first; begins again where a file was deleted meanwhile. */
export async function readSample<T>(
  { last, each }: Pick<SampleQuestion<T>, 'last' | 'each'>,
  outside: Outside,
  signal: AbortSignal,
): Promise<T[]> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      return await sampleOnce({ last, each }, outside, signal)
    } catch (error) {
      if (!isMissingFile(error)) throw error
      if (attempt === ATTEMPTS) throw filesMissing(error)
    }
  }
}

async function sampleOnce<T>(
  { last, each }: Pick<SampleQuestion<T>, 'last' | 'each'>,
  outside: Outside,
  signal: AbortSignal,
): Promise<T[]> {
  const scan = await outside.plan(await outside.pointer(), undefined)
  if (scan?.snapshot === undefined || scan.files.length === 0) return []
  const { schema, files, formerNames } = scan
  const newestBy = schema.fields.find((field) => field.name === NEWEST_BY)
  const chosen = newestBy === undefined ? files : newestFiles(files, newestBy.id, last)
  const paths = await Promise.all(chosen.map((file) => outside.localCopy(file.location)))
  return outside.rows(newestRows(schema, schema.fields, paths, last, formerNames), each(schema), signal)
}
