import { mintTraceparent, systemClock, uuidv7 } from '../event/index.ts'
import { runWith } from '../tenancy/index.ts'
import type { Allowance, FlushStep, TracePoint } from '../telemetry/index.ts'
import type { Take } from './lane.ts'

/** One flush as it is told afterwards: its place in its trace, when it began, and its steps. */
export interface Story {
  /** UUIDv7; without its hyphens it is the trace's id, so that any file's name leads to the trace. */
  readonly flushId: string
  readonly tenantId: string
  readonly tenant: string
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  tookMs(): number
  /** Each dataset's part is a span of its own; the first one's is what happens for all of them is within. */
  spanOf(taken: Take): TracePoint
  /** The same of a part that failed: kept by a rate of its own. */
  failedSpanOf(taken: Take): TracePoint
  /** Notes how long something took, for one dataset or, without `taken`, for the whole flush. */
  step<T>(name: FlushStep['name'], act: () => Promise<T>, taken?: Take): Promise<T>
  /** A dataset's own steps; with those of the whole flush for whoever asks first, so that they are told once. */
  stepsOf(taken: Take): FlushStep[]
  /** Runs what belongs to the flush: lines and calls within name its tenant and its trace. */
  within<T>(act: () => Promise<T>): Promise<T>
}

export interface StoryParts {
  readonly now: () => number
  /** Whether a flush's trace is kept although nothing that it carries is. */
  readonly keepFlush: Allowance
  /** Whether a failed one's is. */
  readonly keepFailed: Allowance
}

/** Steps of one flush that are told: a table that kept moving, with 64 datasets, has hundreds. */
const MOST_STEPS = 128

export function openStory(parts: StoryParts, tenantId: string, takes: readonly Take[]): Story {
  const flushId = uuidv7()
  const traceId = flushId.replaceAll('-', '')
  const startedAt = parts.now()
  const startedAtMs = systemClock.now()
  const tenant = takes[0]?.lane.tenantSlug ?? '_unknown'
  const sampled = takes.some((one) => one.segments.some(({ contexts }) => contexts !== undefined)) || parts.keepFlush()
  const spans = new Map<Take, TracePoint>()
  const spanOf = (taken: Take): TracePoint => {
    let span = spans.get(taken)
    if (span === undefined) {
      span = { traceId, spanId: mintTraceparent(sampled, traceId).spanId, sampled }
      spans.set(taken, span)
    }
    return span
  }
  const root = takes[0] === undefined ? { traceId, spanId: traceId.slice(16), sampled } : spanOf(takes[0])
  const steps: { readonly taken: Take | undefined; readonly step: FlushStep }[] = []
  let isShared = false

  return {
    flushId,
    tenantId,
    tenant,
    startedAtMs,
    tookMs: () => parts.now() - startedAt,
    spanOf,
    failedSpanOf(taken) {
      const span = spanOf(taken)
      return span.sampled || !parts.keepFailed() ? span : { ...span, sampled: true }
    },
    async step(name, act, taken) {
      const from = parts.now()
      try {
        return await act()
      } finally {
        const at = { name, startedAtMs: startedAtMs + (from - startedAt), tookMs: parts.now() - from }
        if (steps.length < MOST_STEPS) steps.push({ taken, step: at })
      }
    },
    stepsOf(taken) {
      const own = steps.filter((one) => one.taken === taken || (one.taken === undefined && !isShared))
      isShared = true
      return own.map(({ step }) => step)
    },
    within: (act) => runWith({ tenantId, tenantSlug: tenant, trace: root }, act),
  }
}
