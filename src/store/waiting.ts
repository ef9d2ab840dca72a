import { setTimeout as delay } from 'node:timers/promises'
import { StoreRefused, away } from './faults.ts'
import type { Store } from './store.ts'

const RETRY_MS = 500

/**
 * A store that need not be there yet: until `open` succeeds every call rejects `dependency_away`, so
 * that a process starts and serves what needs no Postgres. Resolves when the first attempt is over;
 * rejects `StoreRefused` when that says so. What becomes of later attempts is told once, to `onBack`
 * or to `onRefused`: after a refusal nothing but a new configuration mends it.
 */
export async function openWaitingStore(
  open: () => Promise<Store>,
  { onBack, onRefused }: { readonly onBack?: () => void; readonly onRefused: (refused: StoreRefused) => void },
): Promise<Store> {
  const stop = new AbortController()
  let store: Store | undefined
  let reason: unknown

  async function isOpen(): Promise<boolean> {
    try {
      store = await open()
      return true
    } catch (error) {
      reason = error
      if (error instanceof StoreRefused) throw error
      return false
    }
  }

  async function keepTrying(): Promise<void> {
    try {
      do await delay(RETRY_MS, undefined, { signal: stop.signal, ref: false })
      while (!(await isOpen()))
      onBack?.()
    } catch (error) {
      if (error instanceof StoreRefused) onRefused(error)
    }
  }

  const trying = (await isOpen()) ? undefined : keepTrying()
  const there = (): Store => {
    if (store !== undefined) return store
    const detail = reason instanceof StoreRefused ? reason.message : 'Postgres cannot be reached yet; try again.'
    throw away(detail, reason)
  }
  return {
    asTenant: async (...given) => there().asTenant(...given),
    callAsTenant: async (...given) => there().callAsTenant(...given),
    asSystem: async (...given) => there().asSystem(...given),
    ping: async (timeoutMs) => there().ping(timeoutMs),
    pool: () => store?.pool(),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await trying
      await store?.[Symbol.asyncDispose]()
    },
  } as Store
}
