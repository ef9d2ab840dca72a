import { setTimeout as wait } from 'node:timers/promises'
import { Problem } from '../problems/index.ts'
import { StoreRefused, type Store } from '../store/index.ts'

export interface WaitingStore extends Store {
  /** The sentence of a refusal that came after the start: nothing but a new configuration mends it. */
  readonly refused: string | undefined
}

const RETRY_MS = 500

/**
 * A store that need not be there yet: until it can be opened every call rejects `dependency_away`,
 * so that the worker starts, answers its probes and says why it is not healthy. Rejects
 * `StoreRefused` where the first attempt says so.
 */
export async function openWaitingStore(open: () => Promise<Store>, onBack: () => void): Promise<WaitingStore> {
  const stopping = new AbortController()
  let store: Store | undefined
  let refused: string | undefined
  let reason: unknown

  async function isOpen(): Promise<boolean> {
    try {
      store = await open()
      return true
    } catch (error) {
      if (error instanceof StoreRefused) throw error
      reason = error
      return false
    }
  }

  async function keepTrying(): Promise<void> {
    try {
      while (!stopping.signal.aborted) {
        await wait(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined)
        if (!stopping.signal.aborted && (await isOpen())) return onBack()
      }
    } catch (error) {
      refused = (error as Error).message
    }
  }

  const trying = (await isOpen()) ? Promise.resolve() : keepTrying()
  const there = (): Store => {
    if (store !== undefined) return store
    const detail = refused ?? 'Postgres cannot be reached yet; trying again.'
    throw new Problem('dependency_away', detail, { retryAfterSeconds: 1, cause: reason })
  }
  return {
    get refused() {
      return refused
    },
    asTenant: async (tenantId, act, options) => there().asTenant(tenantId, act, options),
    callAsTenant: async (tenantId, text, values, options) => there().callAsTenant(tenantId, text, values, options),
    asSystem: async (act, options) => there().asSystem(act, options),
    ping: async (timeoutMs) => there().ping(timeoutMs),
    async [Symbol.asyncDispose]() {
      stopping.abort()
      await trying
      await store?.[Symbol.asyncDispose]()
    },
  }
}
