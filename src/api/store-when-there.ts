import { setTimeout as delay } from 'node:timers/promises'
import { Problem } from '../problems/index.ts'
import { StoreRefused, type Store } from '../store/index.ts'

/**
 * A store that need not be there yet: while it cannot be opened every call rejects `dependency_away`,
 * so that the process serves what needs no Postgres, and works as soon as Postgres comes. Resolves when
 * the first attempt is over; rejects `StoreRefused` when that says so. A later refusal goes to `refused`.
 */
export async function openStoreWhenThere(
  open: () => Promise<Store>,
  options: { readonly refused: (error: StoreRefused) => void; readonly retryMs?: number },
): Promise<Store> {
  const stop = new AbortController()
  let store: Store | undefined
  let reason: unknown

  async function attempt(): Promise<boolean> {
    try {
      store = await open()
      return true
    } catch (error) {
      if (error instanceof StoreRefused) throw error
      reason = error
      return false
    }
  }
  async function retry(): Promise<void> {
    try {
      while (!stop.signal.aborted && !(await attempt())) {
        await delay(options.retryMs ?? 500, undefined, { signal: stop.signal, ref: false })
      }
    } catch (error) {
      if (error instanceof StoreRefused) options.refused(error)
    }
  }
  const retrying = (await attempt()) ? Promise.resolve() : retry()

  const there = (): Store => {
    if (store !== undefined) return store
    throw new Problem('dependency_away', 'Postgres cannot be reached yet; try again.', {
      retryAfterSeconds: 1,
      cause: reason,
    })
  }
  return {
    asTenant: async (...given) => there().asTenant(...given),
    asSystem: async (...given) => there().asSystem(...given),
    callAsTenant: async (...given) => there().callAsTenant(...given),
    ping: async (timeoutMs) => there().ping(timeoutMs),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await retrying
      await store?.[Symbol.asyncDispose]()
    },
  } as Store
}
