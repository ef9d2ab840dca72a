import type { Settings } from '../config/index.ts'
import { openStore, openWaitingStore, type Store } from '../store/index.ts'
import { announce } from '../telemetry/index.ts'
import { neededPlaces } from './places.ts'
import { tellTransaction } from './told.ts'

/**
 * Postgres for a process that runs alone: serves while it is away, too, and tells every transaction. Throws where none is named;
 * rejects `StoreRefused`. `acquireMs`, `timeoutMs`: as `openStore` takes them.
 */
export function openRecord(
  settings: Settings,
  options: { readonly applicationName: string; readonly acquireMs?: number; readonly timeoutMs?: number },
): Promise<Store> {
  const { databaseUrl: url } = neededPlaces(settings)
  const { databasePoolSize: poolSize, leaseSeconds } = settings
  return openWaitingStore(
    () => openStore({ ...options, url, poolSize, leaseSeconds, openMs: 0, onFinished: tellTransaction }),
    { onRefused: ({ message }) => announce('process.defect', { where: 'store', detail: message }) },
  )
}
