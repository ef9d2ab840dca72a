import { Problem } from '../problems/index.ts'
import type { Store } from '../store/index.ts'
import { openLeases, type Bucket } from './leases.ts'
import { againAtMs, allow, isLow, leftOf, newMeter, stateOf, type Meter } from './meter.ts'
import { RULES, type Limits } from './rules.ts'

/** Who sends and is limited: a tenant, or one of its keys. */
export interface Sender {
  readonly kind: 'tenant' | 'key'
  readonly id: string
  /** As people know it. */
  readonly name: string
  readonly limits: Limits
}

export interface Limiter extends AsyncDisposable {
  /**
   * Lets through whoever has something left under all of their limits; at once where this process knows. Throws or rejects with
   * `rate_limited`, `quota_exceeded`.
   */
  enter(senders: readonly Sender[]): void | Promise<void>
  /** The same, and takes what a request was found to carry. The last one let through may be larger than what was left: it is paid back. */
  charge(senders: readonly Sender[], events: number, bytes: number): void | Promise<void>
  /** The values of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10). */
  describe(senders: readonly Sender[]): { readonly policy: string; readonly limit: string }
}

/** Whoever names none means requests; `events` is ours. */
const UNITS = { events: ';qu="events"', bytes: ';qu="content-bytes"' }
/** Who has sent nothing for so long gives back what is left. */
const IDLE_MS = 10_000
const LOOK_MS = 2_000
/** A request waits for leases no longer, however many others want the same. */
const MOST_WAIT_MS = 1_000

/**
 * Limits on what is sent, held by all processes together: each spends leases from Postgres, so that a request costs no query. `now`:
 * milliseconds that never step back.
 */
export function openLimiter(store: Store, now: () => number): Limiter {
  const leases = openLeases(store, now)
  const known = new Map<string, readonly Meter[]>()

  /** The meters of a sender, in the order of the rules; with the limits that it has now. */
  function metersOf({ id, limits }: Sender): readonly Meter[] {
    let meters = known.get(id)
    const isSame =
      meters !== undefined &&
      RULES.every(({ name }) => limits[name] === meters?.find((m) => m.rule.name === name)?.allowed)
    if (!isSame) {
      const before = meters ?? []
      meters = RULES.filter(({ name }) => limits[name] !== undefined).map((rule) => {
        const allowed = limits[rule.name] as number
        const meter = before.find((one) => one.rule === rule) ?? newMeter(rule, allowed, now())
        if (meter.allowed !== allowed) allow(meter, allowed)
        return meter
      })
      known.set(id, meters)
    }
    return meters as readonly Meter[]
  }

  function pass(senders: readonly Sender[], events: number, bytes: number, untilMs: number): void | Promise<void> {
    let asking: Promise<void>[] | undefined
    const nowMs = now()
    for (const sender of senders) {
      for (const meter of metersOf(sender)) {
        const state = stateOf(meter, nowMs)
        if (state === 'open') continue
        if (state === 'shut') throw refusal(sender, meter, nowMs)
        // Others took what was leased meanwhile. Nobody said that there is no more, so after a while it is owed.
        if (nowMs >= untilMs) continue
        asking = [...(asking ?? []), leases.renew({ subject: sender.id, meter })]
      }
    }
    if (asking !== undefined) return Promise.all(asking).then(() => pass(senders, events, bytes, untilMs))
    for (const sender of senders) for (const meter of metersOf(sender)) spend(sender.id, meter, events, bytes, nowMs)
  }

  function spend(subject: string, meter: Meter, events: number, bytes: number, nowMs: number): void {
    meter.usedAtMs = nowMs
    meter.tokens -= meter.rule.counts === 'events' ? events : bytes
    if (isLow(meter, nowMs)) void leases.renew({ subject, meter })
  }

  const looking = setInterval(() => {
    const sinceMs = now() - IDLE_MS
    for (const [subject, meters] of known) {
      if (meters.some(({ usedAtMs }) => usedAtMs > sinceMs)) continue
      known.delete(subject)
      leases.giveBack(meters.map((meter) => ({ subject, meter })))
    }
  }, LOOK_MS).unref()

  return {
    enter: (senders) => pass(senders, 0, 0, now() + MOST_WAIT_MS),
    charge: (senders, events, bytes) => pass(senders, events, bytes, now() + MOST_WAIT_MS),
    describe(senders) {
      const nowMs = now()
      const policies: string[] = []
      const limits: string[] = []
      for (const sender of senders)
        for (const meter of metersOf(sender)) {
          const { rule, allowed } = meter
          const name = `"${sender.kind}_${rule.name}"`
          const { left, inSeconds } = leftOf(meter, nowMs)
          policies.push(`${name};q=${allowed};w=${rule.windowSeconds}${UNITS[rule.counts]}`)
          limits.push(`${name};r=${left};t=${inSeconds}`)
        }
      return { policy: policies.join(', '), limit: limits.join(', ') }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(looking)
      const buckets: Bucket[] = []
      for (const [subject, meters] of known) for (const meter of meters) buckets.push({ subject, meter })
      known.clear()
      leases.giveBack(buckets)
      await leases[Symbol.asyncDispose]()
    },
  }
}

function refusal({ kind, name }: Sender, meter: Meter, nowMs: number): Problem {
  const { rule, allowed } = meter
  const retryAfterSeconds = Math.max(1, Math.ceil((againAtMs(meter) - nowMs) / 1_000))
  const isRate = rule.windowSeconds === 1
  return new Problem(
    isRate ? 'rate_limited' : 'quota_exceeded',
    `The ${kind} ${name} may send ${allowed.toLocaleString('en')} ${rule.counts} ${isRate ? 'a second' : 'a day (UTC)'}, and has: ` +
      `send it again in ${retryAfterSeconds} s, or ask for more.`,
    { retryAfterSeconds, members: { limit: { of: kind, name: rule.name, allowed } } },
  )
}
