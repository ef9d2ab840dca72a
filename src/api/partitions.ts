import { setTimeout as delay } from 'node:timers/promises'
import type { Store } from '../store/index.ts'
import { countPartitions } from '../upkeep/index.ts'

interface PartitionWatch extends AsyncDisposable {
  /** As of the last answer; undefined before the first. Kept while Postgres is away. */
  readonly partitions: () => number | undefined
}

const EVERY_MS = 5_000
const TIMEOUT_MS = 2_000

/** Asks Postgres now and then how many partitions some worker should own, so that a dead fleet of workers shows at the API. */
export function watchPartitions(store: Pick<Store, 'asSystem'>, everyMs = EVERY_MS): PartitionWatch {
  const stop = new AbortController()
  let partitions: number | undefined
  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      // Postgres being away is said by whoever watches it.
      partitions = await countPartitions(store, TIMEOUT_MS).catch(() => partitions)
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
    }
  }
  const watching = watch()
  return {
    partitions: () => partitions,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watching
    },
  }
}
