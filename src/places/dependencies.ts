import { setTimeout as delay } from 'node:timers/promises'
import { announce, type Announcements } from '../telemetry/index.ts'

/** The founding page's names: the record, the bus, the lake. */
export type Dependency = Announcements['dependency.checked']['dependency']
type Check = (timeoutMs: number) => Promise<unknown>

/** What is known of a dependency. */
export interface DependencyFacts {
  /** Whether it answered its last check in time; undefined before the first. */
  readonly answered: boolean | undefined
  /** What was wrong then; '' where nothing was. */
  readonly detail: string
  readonly tookMs: number
  /** Since that is known. */
  readonly agoMs: number
}

export interface Dependencies extends AsyncDisposable {
  /** At once: asking waits for nobody. */
  facts(): Readonly<Record<Dependency, DependencyFacts>>
}

interface Options {
  /** Between two checks; while something is away it is asked more often, since coming back should show soon. Default 2 s. */
  readonly everyMs?: number
  /** What one check may take. Default 900 ms. */
  readonly timeoutMs?: number
  /** Of these somebody else says when they go away and come back. */
  readonly silent?: readonly Dependency[]
  /** Milliseconds that never step back. */
  readonly now?: () => number
}

const AWAY_EVERY_MS = 500
const DEPENDENCIES = ['postgres', 'kafka', 'minio'] as const satisfies readonly Dependency[]

/**
 * Asks each dependency in the background, each on its own so that one that hangs delays no other; announces every check,
 * and when one goes away or comes back. One that answers after its time has not answered.
 */
export function watchDependencies(checks: Readonly<Record<Dependency, Check>>, options: Options = {}): Dependencies {
  const { everyMs = 2_000, timeoutMs = 900, silent = [], now = () => performance.now() } = options
  const stop = new AbortController()
  const known = new Map<Dependency, { readonly detail: string | undefined; readonly tookMs: number; atMs: number }>()
  const startedAtMs = now()

  async function watch(dependency: Dependency): Promise<void> {
    const isSilent = silent.includes(dependency)
    let wasUp: boolean | undefined
    while (!stop.signal.aborted) {
      const from = now()
      const fault = await askWithin(checks[dependency], timeoutMs)
      if (stop.signal.aborted) return
      const tookMs = now() - from
      const detail = fault ?? (tookMs > timeoutMs ? `it answered only after ${Math.round(tookMs)} ms` : undefined)
      const isUp = detail === undefined
      known.set(dependency, { detail, tookMs, atMs: now() })
      announce('dependency.checked', { dependency, isUp, tookMs })
      if (!isSilent && detail !== undefined && wasUp !== false) announce('dependency.away', { dependency, detail })
      if (!isSilent && isUp && wasUp === false) announce('dependency.back', { dependency })
      wasUp = isUp
      const waitMs = isUp ? everyMs : Math.min(everyMs, AWAY_EVERY_MS)
      await delay(waitMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
    }
  }
  const watching = DEPENDENCIES.map(watch)

  const of = <T>(say: (dependency: Dependency) => T): Record<Dependency, T> => ({
    postgres: say('postgres'),
    kafka: say('kafka'),
    minio: say('minio'),
  })
  return {
    facts: () =>
      of((name) => {
        const last = known.get(name)
        if (last === undefined) return { answered: undefined, detail: '', tookMs: 0, agoMs: now() - startedAtMs }
        const { detail, tookMs, atMs } = last
        return { answered: detail === undefined, detail: detail ?? '', tookMs, agoMs: now() - atMs }
      }),
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
      delay(timeoutMs + 50, `no answer within ${timeoutMs} ms`, { signal: late.signal, ref: false }),
    ])
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  } finally {
    late.abort()
  }
}
