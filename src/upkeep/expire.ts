import type { ObjectStore } from '../lake/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'

const TENANTS = 200 // asked for at once
const FILES = 500
const AT_ONCE = 8

/**
 * Deletes files whose grace for readers is over, of every tenant that has some, at most 500 of each a turn, so
 * that one tenant's many files do not keep another's waiting. The row goes after the file: a crash between
 * the two deletes the file again, which is no error. Answers the files deleted; a fault leaves the
 * rest for the next turn and is thrown at the end.
 */
export async function expireFiles(
  store: Store,
  objects: ObjectStore,
  options: { readonly signal?: AbortSignal } = {},
): Promise<number> {
  const done = new Set<string>()
  let files = 0
  let fault: unknown
  for (;;) {
    // Those that are done may be named again (more than a turn's files, or a fault): so many more are asked for.
    const tenants = await store.asSystem(
      (sql) =>
        sql.query<{ tenant_id: string }>('SELECT * FROM public.expired_files_tenants($1)', [TENANTS + done.size]),
      { name: 'upkeep' },
    )
    const next = tenants.map((row) => row.tenant_id).filter((tenantId) => !done.has(tenantId))
    if (next.length === 0) break
    for (const tenantId of next) {
      if (options.signal?.aborted === true) return end()
      done.add(tenantId)
      const of = await expireTenant(store, objects, tenantId)
      files += of.files
      fault ??= of.fault
    }
  }
  return end()

  function end(): number {
    if (files > 0) announce('upkeep.files.expired', { files })
    if (fault !== undefined) throw fault
    return files
  }
}

async function expireTenant(
  store: Store,
  objects: ObjectStore,
  tenantId: string,
): Promise<{ files: number; fault: unknown }> {
  let fault: unknown
  const due = await store.asTenant(
    tenantId,
    (sql) =>
      sql.query<{ location: string }>(
        'SELECT location FROM public.expired_files WHERE not_before <= clock_timestamp() ORDER BY not_before LIMIT $1',
        [FILES],
      ),
    { name: 'upkeep' },
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
  await store.asTenant(
    tenantId,
    (sql) => sql.query('DELETE FROM public.expired_files WHERE location = ANY($1)', [removed]),
    { name: 'upkeep' },
  )
  return { files: removed.length, fault }
}
