import { DEAD_LETTER_REASONS, type DeadLetterReason } from '../event/index.ts'
import { listen } from './announce.ts'
import { OTHER, type Bounds } from './bounds.ts'
import type { Metrics } from './metrics.ts'

interface Count {
  inc(value?: number): void
}
interface TenantSeries {
  readonly label: string
  readonly duplicates: Count
  readonly deadLetters: Readonly<Record<DeadLetterReason, Count>>
}
interface PairSeries {
  readonly consumed: Count
  readonly appendErrors: Count
  readonly flushSeconds: { observe(value: number): void }
  readonly key: string
}

/**
 * Turns the worker's announcements into its founding metrics. A tenant's and a dataset's series are
 * all born at zero the first time either is heard of; label children are resolved once and kept
 * (167 ns a call against 368 ns by object, measured). Answers a function that stops listening.
 */
export function listenWorker(metrics: Metrics, bounds: Bounds = metrics.bounds): () => void {
  const tenantOf = tenantSeries(metrics, bounds)
  const pairOf = pairSeries(metrics, bounds, tenantOf)

  const stops = [
    listen('worker.records.consumed', ({ tenant, dataset, records }) => pairOf(tenant, dataset).consumed.inc(records)),
    listen('worker.duplicates.dropped', ({ tenant, events }) => tenantOf(tenant).duplicates.inc(events)),
    listen('worker.events.dead_lettered', ({ tenant, reason, events }) =>
      tenantOf(tenant).deadLetters[reason].inc(events),
    ),
    listen('worker.flush.failed', ({ tenant, dataset }) => pairOf(tenant, dataset).appendErrors.inc()),
    listen('worker.flush.committed', ({ tenant, dataset, tookMs }) => {
      pairOf(tenant, dataset).flushSeconds.observe(tookMs / 1000)
    }),
  ]
  return () => stops.forEach((stop) => stop())
}

function tenantSeries(metrics: Metrics, bounds: Bounds): (slug: string) => TenantSeries {
  const duplicates = metrics.counter('pulse_worker_duplicates_dropped_total')
  const deadLetters = metrics.counter('pulse_worker_events_dlq_total')
  const open = (tenant: string): TenantSeries => {
    const counts = DEAD_LETTER_REASONS.map((reason) => [reason, deadLetters.labels({ tenant, reason })] as const)
    const series: TenantSeries = {
      label: tenant,
      duplicates: duplicates.labels({ tenant }),
      deadLetters: Object.fromEntries(counts) as Record<DeadLetterReason, Count>,
    }
    for (const count of [series.duplicates, ...Object.values(series.deadLetters)]) count.inc(0)
    return series
  }
  return remember((slug) => bounds.tenant(slug), open)
}

function pairSeries(
  metrics: Metrics,
  bounds: Bounds,
  tenantOf: (slug: string) => TenantSeries,
): (tenant: string, dataset: string) => PairSeries {
  const consumed = metrics.counter('pulse_worker_events_consumed_total')
  const appendErrors = metrics.counter('pulse_worker_iceberg_append_errors_total')
  const flushSeconds = metrics.histogram('pulse_worker_batch_flush_seconds')
  const byTenant = new Map<string, Map<string, PairSeries>>()
  const byLabel = new Map<string, PairSeries>()

  const open = (tenant: string, dataset: string): PairSeries => {
    const labels = bounds.pair(tenant, dataset)
    const key = `${labels.tenant}/${labels.dataset}`
    let series = byLabel.get(key)
    if (series !== undefined) return series
    tenantOf(tenant)
    flushSeconds.zero({ ...labels })
    series = {
      key,
      consumed: consumed.labels({ ...labels }),
      appendErrors: appendErrors.labels({ ...labels }),
      flushSeconds: flushSeconds.labels({ ...labels }),
    }
    for (const count of [series.consumed, series.appendErrors]) count.inc(0)
    byLabel.set(key, series)
    return series
  }

  return (tenant, dataset) => {
    const known = byTenant.get(tenant)?.get(dataset)
    if (known !== undefined) return known
    const series = open(tenant, dataset)
    // Only the admitted are remembered by name: ten thousand tenants must not become a map of their own.
    if (!series.key.startsWith(`${OTHER}/`)) {
      const datasets = byTenant.get(tenant) ?? new Map<string, PairSeries>()
      byTenant.set(tenant, datasets.set(dataset, series))
    }
    return series
  }
}

function remember<T>(labelOf: (slug: string) => string, open: (label: string) => T): (slug: string) => T {
  const known = new Map<string, T>()
  return (slug) => {
    const label = labelOf(slug)
    let series = known.get(label)
    if (series === undefined) known.set(label, (series = open(label)))
    return series
  }
}
