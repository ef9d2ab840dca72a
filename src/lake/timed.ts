import type { ObjectStore } from './port.ts'

/** One call to the object store, once it has ended. */
interface StoreCall {
  readonly operation: 'put' | 'get' | 'list' | 'delete'
  readonly outcome: 'ok' | 'error'
  /** On the clock that was handed in. */
  readonly startedAtMs: number
  readonly tookMs: number
  /** Written or read, as far as it is known here. */
  readonly bytes: number
}

/**
 * The same store, telling of every call but `ping` when it has ended, in the context of its caller. A list is told once it
 * is read to its end or left, with the time that the store took and not its reader. `now`: milliseconds, with fractions.
 */
export function timedObjectStore(store: ObjectStore, now: () => number, said: (call: StoreCall) => void): ObjectStore {
  async function timed<T>(
    operation: StoreCall['operation'],
    act: () => Promise<T>,
    bytesOf: (value: T) => number,
  ): Promise<T> {
    const startedAtMs = now()
    try {
      const value = await act()
      said({ operation, outcome: 'ok', startedAtMs, tookMs: now() - startedAtMs, bytes: bytesOf(value) })
      return value
    } catch (error) {
      said({ operation, outcome: 'error', startedAtMs, tookMs: now() - startedAtMs, bytes: 0 })
      throw error
    }
  }
  async function* list(prefix: string): ReturnType<ObjectStore['list']> {
    const startedAtMs = now()
    let tookMs = 0
    let outcome: StoreCall['outcome'] = 'ok'
    const entries = store.list(prefix)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const from = now()
        const entry = await entries.next().finally(() => void (tookMs += now() - from))
        if (entry.done === true) return
        yield entry.value
      }
    } catch (error) {
      outcome = 'error'
      throw error
    } finally {
      await entries.return?.()
      said({ operation: 'list', outcome, startedAtMs, tookMs, bytes: 0 })
    }
  }
  const none = (): number => 0
  return {
    get: (location, range) =>
      timed(
        'get',
        () => store.get(location, range),
        (body) => body.length,
      ),
    put: (location, body) =>
      timed(
        'put',
        () => store.put(location, body),
        () => body.length,
      ),
    putFile: (location, localPath) => timed('put', () => store.putFile(location, localPath), none),
    remove: (location) => timed('delete', () => store.remove(location), none),
    list,
    localCopy: (location) => timed('get', () => store.localCopy(location), none),
    ping: (timeoutMs) => store.ping(timeoutMs),
  }
}
