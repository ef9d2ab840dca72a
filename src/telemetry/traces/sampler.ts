import { parseTraceparent, traceparentOf, type Traceparent } from '../../event/index.ts'
import type { TracePoint } from '../announce.ts'
import { openAllowance } from './allowance.ts'

/** Where a request stands in its trace, and in whose. */
interface Placed {
  readonly trace: Traceparent
  /** The caller's context, where it sent one that can be read. */
  readonly caller?: TracePoint | undefined
  /** The caller's context is the parent; else it is only linked. */
  readonly trusted?: boolean
}

/** Decides which requests' traces are kept. */
export interface Sampler {
  /**
   * A request's place, decided once at its root. `own`: the place that it was given when it arrived; `header`: what the caller
   * sent as `traceparent`. A trusted tenant's is obeyed, its sampled flag kept under a bound of its own; anybody else's is linked.
   */
  place(own: Traceparent, tenant: string | undefined, header: string | undefined): Placed
  /** The place of a request that has failed: kept after all, as far as the rate for failed ones allows. */
  afterFailure(own: Traceparent): Traceparent
}

interface SamplerSettings {
  /** Traces kept per second; as many failed ones again. 0 keeps what trusted callers sampled, and nothing else. */
  readonly perSecond: number
  /** Slugs of tenants. */
  readonly trusted: readonly string[]
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** A trusted caller cannot flood us either: the canary sends one request each half minute. */
const OBEYED_PER_SECOND = 20

export function openSampler({ perSecond, trusted, now = () => performance.now() }: SamplerSettings): Sampler {
  const roots = openAllowance(perSecond, now)
  const failures = openAllowance(perSecond, now)
  const obeyed = openAllowance(trusted.length === 0 ? 0 : Math.max(OBEYED_PER_SECOND, perSecond), now)
  const isTrusted = new Set(trusted)
  const keep = (own: Traceparent): Traceparent => traceparentOf(own.traceId, own.spanId, true)

  return {
    place(own, tenant, header) {
      const caller = parseTraceparent(header)
      if (caller !== undefined && tenant !== undefined && isTrusted.has(tenant)) {
        const trace = traceparentOf(caller.traceId, own.spanId, caller.sampled && obeyed())
        return { trace, caller, trusted: true }
      }
      return { trace: roots() ? keep(own) : own, caller }
    },
    afterFailure: (own) => (own.sampled || !failures() ? own : keep(own)),
  }
}

/** Keeps nothing: for a process whose telemetry is off. */
export const NO_SAMPLING: Sampler = { place: (trace) => ({ trace }), afterFailure: (own) => own }
