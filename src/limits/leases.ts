import type { Store } from '../store/index.ts'
import { askOf, goOnAlone, oweAgain, settleDebt, take, type Grant, type Meter } from './meter.ts'

/** One limit of one sender. */
export interface Bucket {
  readonly subject: string
  readonly meter: Meter
}

interface Leases extends AsyncDisposable {
  /**
   * Asks for a lease, together with all who ask at the same time, once for all who ask for the same. At the latest after `WAIT_MS`
   * the meter knows more than before. Never rejects.
   */
  renew(bucket: Bucket): Promise<void>
  /** Gives back what is left, and tells what is owed. */
  giveBack(buckets: readonly Bucket[]): void
}

/** A row of the question. `ask` below zero gives back. */
interface Ask {
  readonly subject: string
  readonly name: string
  readonly allowed: number
  readonly ask: number
  readonly owed: number
}

/** A request waits no longer for an answer: then it is as if Postgres were away. */
const WAIT_MS = 250
/** While Postgres fails it is asked no sooner again. */
const AGAIN_MS = 500
/** What is given back while Postgres is away is kept up to here: it is at most a lease each. */
const MOST_RETURNED = 10_000

const LEASE = `SELECT place::integer, granted, remaining, resets_in_ms AS "resetsInMs"
  FROM limit_lease($1::uuid[], $2::text[], $3::bigint[], $4::float8[], $5::float8[])`
// A crash of Postgres may forget the last moments of what was let through, never a limit: no sender waits for its disk.
const LAZY = `SELECT set_config('synchronous_commit', 'off', true)`

/** Leases from Postgres, one question at a time for all that want one. `now`: milliseconds that never step back. */
export function openLeases(store: Store, now: () => number): Leases {
  const wanted = new Map<Meter, Bucket>()
  const renewing = new Map<Meter, Promise<void>>()
  let returned: Ask[] = []
  let running: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  let awayUntilMs = Number.NEGATIVE_INFINITY
  /** A question is under way that somebody waited for in vain: nobody waits for it any more. */
  let isSlow = false

  async function ask(): Promise<void> {
    const buckets = [...wanted.values()]
    const back = returned
    wanted.clear()
    returned = []
    const asks = buckets.map(({ subject, meter }) => {
      const owed = settleDebt(meter)
      return { subject, name: meter.rule.name, allowed: meter.allowed, ask: askOf(meter), owed }
    })
    const askedAtMs = now()
    try {
      if (askedAtMs < awayUntilMs) throw new Error('Postgres was away a moment ago')
      const grants = await lease([...asks, ...back])
      isSlow = now() - askedAtMs > WAIT_MS
      for (const [at, { meter }] of buckets.entries())
        take(meter, asks[at]?.ask ?? 0, grants.get(at + 1) as Grant, now())
    } catch {
      if (now() >= awayUntilMs) awayUntilMs = now() + AGAIN_MS
      returned.push(...back.slice(0, MOST_RETURNED - returned.length))
      for (const [at, { meter }] of buckets.entries()) {
        oweAgain(meter, asks[at]?.owed ?? 0)
        goOnAlone(meter, now())
      }
    }
  }

  async function lease(asks: readonly Ask[]): Promise<Map<number, Grant>> {
    const column = <K extends keyof Ask>(name: K): Ask[K][] => asks.map((one) => one[name])
    const rows = await store.asSystem(
      async (sql) => {
        await sql.query(LAZY)
        return sql.query<Grant & { place: number }>(LEASE, [
          column('subject'),
          column('name'),
          column('allowed'),
          column('ask'),
          column('owed'),
        ])
      },
      { name: 'limit', timeoutMs: 2_000 },
    )
    return new Map(rows.map((row) => [row.place, row]))
  }

  /** Those who come while a question is under way are in the next one. */
  function soon(): Promise<void> {
    next ??= (async () => {
      await running
      next = undefined
      running = ask()
      await running
    })()
    return next
  }

  async function renew(bucket: Bucket): Promise<void> {
    const { meter } = bucket
    wanted.set(meter, bucket)
    if (isSlow) {
      void soon()
      goOnAlone(meter, now())
      return
    }
    const { promise: late, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(true), WAIT_MS).unref()
    const isLate = await Promise.race([soon().then(() => false), late])
    clearTimeout(timer)
    if (isLate) {
      isSlow = true
      goOnAlone(meter, now())
    }
  }

  return {
    renew(bucket) {
      const { meter } = bucket
      const mine = renewing.get(meter) ?? renew(bucket).finally(() => renewing.delete(meter))
      renewing.set(meter, mine)
      return mine
    },
    giveBack(buckets) {
      for (const { subject, meter } of buckets) {
        const owed = settleDebt(meter)
        const { rule, allowed, tokens } = meter
        if ((owed > 0 || tokens > 0) && returned.length < MOST_RETURNED)
          returned.push({ subject, name: rule.name, allowed, ask: -tokens, owed })
        wanted.delete(meter)
      }
      if (returned.length > 0) void soon()
    },
    async [Symbol.asyncDispose]() {
      if (returned.length > 0) await soon()
      await running
    },
  }
}
