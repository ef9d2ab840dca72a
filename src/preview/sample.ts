import type { DuckDBValue } from '@duckdb/node-api'
import type { Schema } from '../lake/index.ts'
import { newestCopies, whileFilesGo } from './files.ts'
import { newestRows } from './query.ts'
import type { Outside } from './read.ts'

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
export const readSample = <T>(
  { last, each }: Pick<SampleQuestion<T>, 'last' | 'each'>,
  outside: Outside,
  signal: AbortSignal,
): Promise<T[]> =>
  whileFilesGo(async () => {
    const scan = await outside.plan(await outside.pointer(), undefined)
    if (scan?.snapshot === undefined || scan.files.length === 0) return []
    const { schema, formerNames } = scan
    const paths = await newestCopies(scan, last, outside)
    return outside.rows(newestRows(schema, schema.fields, paths, last, formerNames), each(schema), signal)
  }, signal)
