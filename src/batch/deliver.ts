import { setTimeout as delay } from 'node:timers/promises'
import type { Collect, Verdict } from '../collect/index.ts'
import { mintTraceparent } from '../event/index.ts'
import { Problem } from '../problems/index.ts'
import type { RowEvent } from './events.ts'

interface Delivering {
  readonly collect: Collect
  readonly tenantId: string
  readonly tenantSlug: string
  readonly traceId: string
  readonly signal: AbortSignal
  /** How long the bus, or Postgres, may be away until the batch stops where it is. */
  readonly patienceMs: number
  /** Takes what is sent from the sender's allowance; rows wait for it, and the batch stops where a day's is used up. */
  readonly charge?: ((events: number, bytes: number) => void | Promise<void>) | undefined
  readonly now?: () => number
}

const FIRST_WAIT_MS = 50
const LONGEST_WAIT_MS = 2_000

/** Worth another try: the same ids make no second row. */
const isPassing = (error: unknown): boolean =>
  error instanceof Problem && (error.code === 'overloaded' || error.code === 'dependency_away')

const isRateLimited = (error: unknown): error is Problem => error instanceof Problem && error.code === 'rate_limited'

/**
 * Sends rows the way that all events go, and again those that the bus did not acknowledge, until each is accepted or rejected.
 * Verdicts in order. Throws what the last try met once `patienceMs` are over, and what `signal` aborts with.
 */
export async function deliver(events: readonly RowEvent[], to: Delivering): Promise<readonly Verdict[]> {
  const { collect, tenantId, tenantSlug, traceId, signal, patienceMs, charge, now = () => performance.now() } = to
  const verdicts: Verdict[] = []
  let open = events.map((event, at) => ({ event, at }))
  let untilMs = now() + patienceMs
  let isCharged = false
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    signal.throwIfAborted()
    let met: unknown
    try {
      const { verdicts: told } = await collect({
        tenantId,
        tenantSlug,
        contentType: 'application/x-ndjson',
        contentEncoding: undefined,
        body: Buffer.from(open.map(({ event }) => event.text).join(''), 'latin1'),
        // One trace has one batch, not thousands of spans.
        trace: mintTraceparent(false, traceId),
        charge: isCharged ? undefined : charge,
      })
      isCharged = true
      for (const [index, { at }] of open.entries()) verdicts[at] = told[index] as Verdict
      open = open.filter(({ at }) => verdicts[at]?.status === 'failed')
      const first = open[0]
      if (first === undefined) return verdicts
      met = busAway(verdicts[first.at]?.errors?.[0]?.message)
    } catch (error) {
      if (isRateLimited(error)) {
        // Its turn comes: this is no fault that patience is for.
        const turnMs = (error.retryAfterSeconds ?? 1) * 1_000
        await delay(turnMs, undefined, { signal }).catch(() => signal.throwIfAborted())
        untilMs += turnMs
        continue
      }
      if (!isPassing(error)) throw error
      met = error
    }
    if (now() + waitMs > untilMs) throw met
    await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

const busAway = (why = 'it gave no verdict'): Problem =>
  new Problem('publish_failed', `The bus did not acknowledge a row in time (${why}). Go on with the same upload-id.`, {
    retryAfterSeconds: 5,
  })
