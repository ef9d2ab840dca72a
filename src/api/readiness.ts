import { setTimeout as delay } from 'node:timers/promises'
import { announce } from '../telemetry/index.ts'

/** The founding page's names: the record, the bus, the lake. */
type Dependency = 'postgres' | 'kafka' | 'minio'
type Check = (timeoutMs: number) => Promise<unknown>

export interface Readiness extends AsyncDisposable {
  /** The last verdicts, at once: asking waits for nobody. A dependency not asked yet is not there. */
  verdicts(): Readonly<Record<Dependency, boolean>>
}

const EVERY_MS = 2_000
/** While something is away, it is asked more often: coming back should show soon. */
const AWAY_EVERY_MS = 500
const TIMEOUT_MS = 900

/**
 * Asks each dependency in the background, each on its own so that one that hangs delays no other,
 * and announces when one goes away or comes back.
 */
export function openReadiness(checks: Readonly<Record<Dependency, Check>>): Readiness {
  const stop = new AbortController()
  const verdicts: Record<Dependency, boolean> = { postgres: false, kafka: false, minio: false }
  const names = Object.keys(verdicts) as Dependency[]

  async function watch(name: Dependency): Promise<void> {
    let known: boolean | undefined
    while (!stop.signal.aborted) {
      const detail = await askWithin(checks[name], TIMEOUT_MS)
      if (stop.signal.aborted) return
      verdicts[name] = detail === undefined
      if (detail !== undefined && known !== false) announce('dependency.away', { dependency: name, detail })
      if (detail === undefined && known === false) announce('dependency.back', { dependency: name })
      known = verdicts[name]
      await delay(known ? EVERY_MS : AWAY_EVERY_MS, undefined, { signal: stop.signal, ref: false }).catch(
        () => undefined,
      )
    }
  }

  const watching = names.map(watch)
  return {
    verdicts: () => verdicts,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(watching)
    },
  }
}

/** What is wrong, or undefined. Bounded whatever the check does. */
async function askWithin(check: Check, timeoutMs: number): Promise<string | undefined> {
  const late = new AbortController()
  try {
    return await Promise.race([
      Promise.resolve(check(timeoutMs)).then(() => undefined),
      delay(timeoutMs + 50, `no answer within ${timeoutMs} ms`, { signal: late.signal }),
    ])
  } catch (error) {
    return (error as Error).message
  } finally {
    late.abort()
  }
}
