import { isLakeFault } from '../lake/index.ts'
import { Problem } from '../problems/index.ts'
import { newestFiles } from './newest.ts'
import { NEWEST_BY } from './query.ts'
import type { Outside, Scan } from './read.ts'
import type { Story } from './story.ts'

/** How often a read begins again because a file was gone. */
const ATTEMPTS = 3

/**
 * Reads, and begins again where a file was deleted meanwhile: snapshots expire under readers, so `read` starts with the table's
 * pointer. Throws `dependency_away` where files stay away, and the signal's reason.
 */
export async function whileFilesGo<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      return await read()
    } catch (error) {
      if (error instanceof Problem || !isMissingFile(error)) throw error
      if (attempt === ATTEMPTS) throw filesMissing(error)
    }
  }
}

/** Local copies of the files that can hold one of the `limit` newest rows. */
export async function newestCopies(
  { schema, files }: Scan,
  limit: number,
  outside: Pick<Outside, 'localCopy'>,
  story?: Pick<Story, 'timed' | 'chose'>,
): Promise<string[]> {
  const newestBy = schema.fields.find((field) => field.name === NEWEST_BY)
  const chosen = newestBy === undefined ? files : newestFiles(files, newestBy.id, limit)
  const fetched = (): Promise<string[]> => Promise.all(chosen.map((file) => outside.localCopy(file.location)))
  story?.chose(chosen, files.length)
  return story === undefined ? fetched() : story.timed('fetchMs', fetched)
}

/** What somebody is told who finds a file gone again and again. */
function filesMissing(cause: unknown): Problem {
  const detail = 'Files of the table cannot be found in the lake. Ask again; if it stays so, restore them.'
  return new Problem('dependency_away', detail, { retryAfterSeconds: 5, cause })
}

/** A file that is gone, as the lake, Node's file system or DuckDB says it. */
function isMissingFile(error: unknown): boolean {
  if (isLakeFault(error, 'object_missing')) return true
  if (!(error instanceof Error)) return false
  return (
    ('code' in error && error.code === 'ENOENT') ||
    /No files found that match|Cannot open file|No such file/i.test(error.message)
  )
}
