import type { Store } from '../store/index.ts'
import { PING_MS, type PostgresFacts } from './verdicts.ts'

interface PostgresCheck extends AsyncDisposable {
  facts(): PostgresFacts
}

/** Asks Postgres for `SELECT 1` every second, with a deadline, so that probes only look at what is known. */
export function watchPostgres(store: Pick<Store, 'ping'>, now: () => number, everyMs = 1_000): PostgresCheck {
  let answered: boolean | undefined
  let detail = ''
  let atMs = now()
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let asking: Promise<void> = Promise.resolve()

  async function ask(): Promise<void> {
    try {
      await store.ping(PING_MS)
      answered = true
      detail = ''
    } catch (error) {
      answered = false
      detail = error instanceof Error ? error.message : String(error)
    }
    atMs = now()
    if (!stopped) timer = setTimeout(() => (asking = ask()), everyMs).unref()
  }
  asking = ask()

  return {
    facts: () => ({ answered, detail, agoMs: now() - atMs }),
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await asking
      clearTimeout(timer)
    },
  }
}
