import type { ProblemCode } from '../problems/index.ts'
import { announce, type Announcements, type CollectedCounts } from '../telemetry/index.ts'
import type { Events } from './split.ts'
import type { Verdict } from './verdict.ts'

/** By dataset: what became of a request's events. */
export type Collected = ReadonlyMap<string, CollectedCounts>

type Reasons = Announcements['collect.settled']['reasons']
type Reason = keyof Reasons

/** The dataset label of events whose dataset cannot be told. */
const UNKNOWN = '_unknown'
/** Shared by all that have nothing rejected, which is nearly every one. */
const NONE: Reasons = {}

/** A verdict's code as the metric's reason; whatever else a code may be, the event was read and is not as it must be. */
const REASONS: Readonly<Partial<Record<ProblemCode, Reason>>> = {
  unknown_dataset: 'unknown_dataset',
  malformed: 'malformed',
  too_large: 'too_large',
}

/** What became of one dataset's events. Nobody but `count` changes it: so the reasons always add up to `rejected`. */
interface Sum {
  accepted: number
  rejected: number
  failed: number
  bytes: number
  reasons: Record<Reason, number> | undefined
}

function count(sum: Sum, verdict: Verdict | undefined, bytes: number): void {
  sum.bytes += bytes
  if (verdict?.status === 'accepted') sum.accepted++
  else if (verdict?.status === 'rejected') {
    const reason = REASONS[verdict.code as ProblemCode] ?? 'schema'
    const reasons = (sum.reasons ??= {} as Record<Reason, number>)
    sum.rejected++
    reasons[reason] = (reasons[reason] ?? 0) + 1
  } else sum.failed++
}

/** Says once per dataset of a request what became of its events, and answers the same. */
export function tally({
  request,
  events,
  slugs,
  verdicts,
}: {
  readonly request: { readonly tenantSlug: string; readonly trace: { readonly traceId: string } }
  readonly events: Events
  readonly slugs: readonly (string | undefined)[]
  readonly verdicts: readonly Verdict[]
}): Collected {
  const sums = new Map<string, Sum>()
  let slug: string | undefined
  let sum: Sum | undefined
  for (let at = 0; at < verdicts.length; at++) {
    const dataset = slugs[at] ?? UNKNOWN
    if (dataset !== slug || sum === undefined) {
      slug = dataset
      sum = sums.get(dataset)
      if (sum === undefined)
        sums.set(dataset, (sum = { accepted: 0, rejected: 0, failed: 0, bytes: 0, reasons: undefined }))
    }
    const extent = events.extents[at]
    count(sum, verdicts[at], extent === undefined ? 0 : extent.end - extent.start)
  }
  for (const [dataset, { accepted, rejected, failed, bytes, reasons }] of sums)
    announce('collect.settled', {
      tenant: request.tenantSlug,
      dataset,
      accepted,
      rejected,
      failed,
      bytes,
      reasons: reasons ?? NONE,
      traceId: request.trace.traceId,
    })
  return sums
}
