import { setTimeout as delay } from 'node:timers/promises'
import { missingMigrations, type Store } from '../store/index.ts'
import { countPartitions, ledgerFacts, type LedgerFacts } from '../upkeep/index.ts'

interface Census extends AsyncDisposable {
  /** As of the last answer; undefined before the first. Kept while Postgres is away: how old it is shows elsewhere (topic discovery). */
  partitions(): number | undefined
  ledger(): LedgerFacts | undefined
  /** Migrations of this version that the database does not have. */
  missingMigrations(): readonly string[] | undefined
}

const PARTITIONS_EVERY_MS = 5_000
const LEDGER_EVERY_MS = 30_000
const MIGRATIONS_EVERY_MS = 500
const TIMEOUT_MS = 2_000

/** Asks Postgres now and then for what scrapes show: a scrape itself waits for nobody. */
export function openCensus(store: Store): Census {
  const stop = new AbortController()
  let partitions: number | undefined
  let ledger: LedgerFacts | undefined
  let missing: readonly string[] | undefined

  async function repeat(everyMs: number, ask: () => Promise<void>, isDone = () => false): Promise<void> {
    while (!stop.signal.aborted && !isDone()) {
      // Postgres being away is said by whoever watches it.
      await ask().catch(() => undefined)
      await delay(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
    }
  }
  const asking = [
    repeat(PARTITIONS_EVERY_MS, async () => void (partitions = await countPartitions(store, TIMEOUT_MS))),
    repeat(LEDGER_EVERY_MS, async () => void (ledger = await ledgerFacts(store, TIMEOUT_MS))),
    repeat(
      MIGRATIONS_EVERY_MS,
      async () => void (missing = await missingMigrations(store, { timeoutMs: TIMEOUT_MS })),
      () => missing?.length === 0,
    ),
  ]
  return {
    partitions: () => partitions,
    ledger: () => ledger,
    missingMigrations: () => missing,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(asking)
    },
  }
}
