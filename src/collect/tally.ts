import { announce, type CollectedCounts } from '../telemetry/index.ts'
import type { Events } from './split.ts'
import type { Verdict } from './verdict.ts'

/** By dataset: what became of a request's events. */
export type Collected = ReadonlyMap<string, CollectedCounts>

/** The dataset label of events whose dataset cannot be told. */
const UNKNOWN = '_unknown'

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
  const sums = new Map<string, { accepted: number; rejected: number; failed: number; bytes: number }>()
  let slug: string | undefined
  let sum: { accepted: number; rejected: number; failed: number; bytes: number } | undefined
  for (let at = 0; at < verdicts.length; at++) {
    const dataset = slugs[at] ?? UNKNOWN
    if (dataset !== slug || sum === undefined) {
      slug = dataset
      sum = sums.get(dataset)
      if (sum === undefined) sums.set(dataset, (sum = { accepted: 0, rejected: 0, failed: 0, bytes: 0 }))
    }
    const extent = events.extents[at]
    sum[verdicts[at]?.status ?? 'failed']++
    if (extent !== undefined) sum.bytes += extent.end - extent.start
  }
  for (const [dataset, counts] of sums)
    announce('collect.settled', {
      tenant: request.tenantSlug,
      dataset,
      ...counts,
      reasons: {},
      traceId: request.trace.traceId,
    })
  return sums
}
