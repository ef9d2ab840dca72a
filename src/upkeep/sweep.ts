import type { ObjectStore } from '../lake/index.ts'
import type { Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'

interface SweepOptions {
  /** How old an intent must be before it is condemned. Default 15 minutes, at least one. */
  readonly maxAgeSeconds?: number
  /** Between the two listings: a writer that was asleep may have written one file more. Default 1 minute. */
  readonly againAfterSeconds?: number
  readonly signal?: AbortSignal
}

const BATCH = 100 // asked for at once

/**
 * One turn of the sweeper: condemns intents that are too old, and deletes the files of those whose
 * writer has ended: once, then once more at a later turn, then the intent itself. Only files below
 * an intent's locations with its flush id in their name are touched. Answers the files deleted.
 * What cannot be deleted now stays for the next turn; the first fault is thrown at the end.
 */
export async function sweep(store: Store, objects: ObjectStore, options: SweepOptions = {}): Promise<number> {
  await store.asSystem((sql) => sql.query('SELECT public.intents_condemn($1)', [options.maxAgeSeconds ?? 900]), {
    name: 'intent',
  })
  const failed = new Set<string>()
  let fault: unknown
  let files = 0
  // All that is due, however many a lake that was away has left; those that fail stand in nobody's way.
  for (let isMore = true; isMore && failed.size < BATCH;) {
    const due = await store.asSystem(
      (sql) =>
        sql.query<{ flush_id: string; tenant_id: string }>('SELECT * FROM public.intents_to_sweep($1, $2)', [
          options.againAfterSeconds ?? 60,
          BATCH + failed.size,
        ]),
      { name: 'intent' },
    )
    const next = due.filter((row) => !failed.has(row.flush_id))
    isMore = next.length >= BATCH
    for (const { flush_id: flushId, tenant_id: tenantId } of next) {
      if (options.signal?.aborted === true) isMore = false
      else
        await sweepOne(store, objects, tenantId, flushId).then(
          (count) => void (files += count),
          (error: unknown) => {
            failed.add(flushId)
            fault ??= error
          },
        )
    }
  }
  if (fault !== undefined) throw fault
  return files
}

async function sweepOne(store: Store, objects: ObjectStore, tenantId: string, flushId: string): Promise<number> {
  const [intent] = await store.asTenant(
    tenantId,
    (sql) =>
      sql.query<{ locations: string[]; swept: boolean }>(
        'SELECT locations, swept_at IS NOT NULL AS swept FROM public.flush_intents WHERE flush_id = $1 AND condemned_at IS NOT NULL',
        [flushId],
      ),
    { name: 'intent' },
  )
  if (intent === undefined) return 0
  let files = 0
  for (const location of intent.locations) {
    const below = `${location.replace(/\/+$/, '')}/`
    for await (const found of objects.list(below)) {
      if (!found.location.startsWith(below) || !nameOf(found.location).includes(flushId)) continue
      await objects.remove(found.location)
      files++
    }
  }
  await store.asTenant(
    tenantId,
    (sql) =>
      intent.swept
        ? sql.query('DELETE FROM public.flush_intents WHERE flush_id = $1 AND condemned_at IS NOT NULL', [flushId])
        : sql.query('UPDATE public.flush_intents SET swept_at = clock_timestamp() WHERE flush_id = $1', [flushId]),
    { name: 'intent' },
  )
  if (files > 0) announce('upkeep.swept', { flushId, files })
  return files
}

const nameOf = (location: string): string => location.slice(location.lastIndexOf('/') + 1)
