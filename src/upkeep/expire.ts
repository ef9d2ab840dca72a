import type { ObjectStore } from '../lake/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'

const TENANTS = 200
const FILES = 500
const AT_ONCE = 8

/**
 * Deletes files whose grace for readers is over, at most 500 of a tenant a turn, so that one
 * tenant's many files do not keep another's waiting. The row goes after the file: a crash between
 * the two deletes the file again, which is no error. Answers the files deleted; a fault leaves the
 * rest for the next turn and is thrown at the end.
 */
export async function expireFiles(
  store: Store,
  objects: ObjectStore,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const tenants = await store.asSystem((sql) =>
    sql.query<{ tenant_id: string }>('SELECT * FROM public.expired_files_tenants($1)', [TENANTS]),
  )
  let files = 0
  let fault: unknown
  for (const { tenant_id: tenantId } of tenants) {
    if (options.signal?.aborted === true) break
    const due = await store.asTenant(tenantId, (sql) =>
      sql.query<{ location: string }>(
        'SELECT location FROM public.expired_files WHERE not_before <= clock_timestamp() ORDER BY not_before LIMIT $1',
        [FILES],
      ),
    )
    const removed: string[] = []
    for (let at = 0; at < due.length; at += AT_ONCE) {
      const some = due.slice(at, at + AT_ONCE).map((row) => row.location)
      const outcomes = await Promise.allSettled(some.map((location) => objects.remove(location)))
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome.status === 'fulfilled') removed.push(some[i] as string)
        else fault ??= outcome.reason
      }
    }
    await store.asTenant(tenantId, (sql) =>
      sql.query('DELETE FROM public.expired_files WHERE location = ANY($1)', [removed]),
    )
    files += removed.length
  }
  if (files > 0) announce('upkeep.files.expired', { files })
  if (fault !== undefined) throw fault
  return files
}
