import { setTimeout as delay } from 'node:timers/promises'
import type { Store } from '../store/index.ts'

const RETRY_MS = 5_000

/**
 * Notes what a process runs with, as soon as Postgres is there: in the audit stands what differs from what the plane's last process
 * was started with. `settings` are without secrets. Never rejects; ends with the signal.
 */
export async function recordSettings(
  store: Store,
  plane: 'api' | 'worker',
  settings: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
  retryMs = RETRY_MS,
): Promise<void> {
  const shown = JSON.stringify(settings)
  while (!signal.aborted) {
    try {
      await store.asSystem((sql) => sql.query('SELECT settings_record($1, $2::jsonb)', [plane, shown]), {
        name: 'audit',
        signal,
      })
      return
    } catch {
      // Postgres is away, which is told by whoever watches it, or not migrated yet, which is told at every start.
      await delay(retryMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
}
