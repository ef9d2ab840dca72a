import { listen } from './announce.ts'
import {
  AUTH_FAILURES,
  CHANGED_ENTITIES,
  CHANGE_ACTIONS,
  PREVIEW_OUTCOMES,
  PUBLISH_OUTCOMES,
  REJECT_REASONS,
  SHED_REASONS,
  type RejectReason,
} from './catalog/api.ts'
import type { Metrics } from './metrics.ts'
import { each, exemplarOf, type CounterSeries, type HistogramSeries } from './series.ts'

/** The route label of a request that matched no route: clients cannot mint series. */
export const UNMATCHED = '_unmatched'

/** The status label of a request that was not answered, because its client had left: no status of HTTP's own, and the one that others use. */
export const LEFT = 499

/** How long scrapes take, and how often they come, is the scraper's to say: here they would be most of what an idle API answers. */
const SCRAPES: ReadonlySet<string> = new Set(['/metrics', '/metrics/'])

interface RouteSeries {
  readonly seconds: HistogramSeries
  readonly statuses: Map<number, CounterSeries>
}

/** A failure that has no series before it happens is one that no rate sees: those that promises are broken by are there from the start. */
const BORN = [200, 500, 503]

/**
 * Turns the API's announcements into its metrics. `routes` (templates) are born at zero with these statuses and an
 * empty histogram. Answers a function that stops listening.
 */
export function listenApi(metrics: Metrics, routes: readonly string[] = []): () => void {
  const stops = [...hearRequests(metrics, routes), ...hearCollect(metrics), ...hearPreview(metrics)]
  const changes = each(CHANGED_ENTITIES, (entity) =>
    each(CHANGE_ACTIONS, (action) => metrics.counter('pulse_api_config_changes_total', { entity, action })),
  )
  stops.push(listen('registry.changed', ({ entity, action }) => changes[entity][action].inc()))
  return () => {
    for (const stop of stops) stop()
  }
}

function hearRequests(metrics: Metrics, routes: readonly string[]): (() => void)[] {
  const byRoute = new Map<string, RouteSeries>()
  const seriesOf = (route: string): RouteSeries => {
    let series = byRoute.get(route)
    if (series === undefined) {
      series = { seconds: metrics.histogram('pulse_api_request_seconds', { route }), statuses: new Map() }
      byRoute.set(route, series)
    }
    return series
  }
  const countOf = (route: string, { statuses }: RouteSeries, status: number): CounterSeries => {
    let count = statuses.get(status)
    if (count === undefined) {
      count = metrics.counter('pulse_api_requests_total', { route, status: String(status) })
      statuses.set(status, count)
    }
    return count
  }
  for (const route of routes)
    if (!SCRAPES.has(route)) for (const status of BORN) countOf(route, seriesOf(route), status)
  countOf(UNMATCHED, seriesOf(UNMATCHED), 404)

  const shed = each(SHED_REASONS, (reason) => metrics.counter('pulse_api_shed_total', { reason }))
  const failures = each(AUTH_FAILURES, (reason) => metrics.counter('pulse_api_auth_failures_total', { reason }))
  const batch = metrics.histogram('pulse_api_collect_batch_events', {})
  return [
    listen('api.request.finished', (said) => {
      if (SCRAPES.has(said.route)) return
      const series = seriesOf(said.route)
      countOf(said.route, series, said.status).inc()
      // Clients that send slowly and give up must not look like a slow system.
      if (said.isIncomplete !== true) series.seconds.observe(said.tookMs / 1000, 1, exemplarOf(said))
      if (said.collected === undefined) return
      let events = 0
      for (const { accepted, rejected, failed } of said.collected.values()) events += accepted + rejected + failed
      if (events > 0) batch.observe(events)
    }),
    listen('api.request.shed', ({ reason }) => shed[reason].inc()),
    listen('api.auth.failed', ({ reason }) => failures[reason].inc()),
  ]
}

function hearCollect(metrics: Metrics): (() => void)[] {
  const ofTenant = metrics.perTenant((labels) => ({
    rejected: each(REJECT_REASONS, (reason) =>
      metrics.counter('pulse_api_collect_rejected_total', { ...labels, reason }),
    ),
    bytes: metrics.counter('pulse_api_collect_bytes_total', labels),
  }))
  const ofDataset = metrics.perDataset((labels) =>
    each(['accepted', 'rejected', 'failed'], (outcome) =>
      metrics.counter('pulse_api_collect_events_total', { ...labels, outcome }),
    ),
  )
  const publish = each(PUBLISH_OUTCOMES, (outcome) =>
    metrics.histogram('pulse_api_collect_publish_seconds', { outcome }),
  )
  const skew = each(['past', 'future'], (direction) =>
    metrics.histogram('pulse_api_collect_clock_skew_seconds', { direction }),
  )
  return [
    listen('collect.settled', ({ tenant, dataset, accepted, rejected, failed, bytes, reasons }) => {
      const events = ofDataset(tenant, dataset, accepted + rejected + failed)
      events.accepted.inc(accepted)
      events.rejected.inc(rejected)
      events.failed.inc(failed)
      const series = ofTenant(tenant)
      series.bytes.inc(bytes)
      if (rejected > 0)
        for (const reason of Object.keys(reasons) as RejectReason[]) series.rejected[reason].inc(reasons[reason] ?? 0)
    }),
    listen('collect.refused', ({ tenant, reason }) => ofTenant(tenant, 1).rejected[reason].inc()),
    listen('collect.published', ({ outcome, tookMs, span }) =>
      publish[outcome].observe(tookMs / 1000, 1, exemplarOf(span)),
    ),
    listen('collect.clock.compared', ({ skewMs }) =>
      skew[skewMs > 0 ? 'future' : 'past'].observe(Math.abs(skewMs) / 1000),
    ),
  ]
}

function hearPreview(metrics: Metrics): (() => void)[] {
  const ofTenant = metrics.perTenant((labels) =>
    each(PREVIEW_OUTCOMES, (outcome) => metrics.counter('pulse_api_dataset_preview_total', { ...labels, outcome })),
  )
  const seconds = each(['plan', 'fetch', 'decode', 'total'], (phase) =>
    metrics.histogram('pulse_api_dataset_preview_seconds', { phase }),
  )
  const rows = metrics.counter('pulse_api_dataset_preview_rows_total', {})
  const bytesRead = metrics.counter('pulse_api_dataset_preview_bytes_read_total', {})
  const filesRead = metrics.counter('pulse_api_dataset_preview_files_read_total', {})
  const filesPruned = metrics.counter('pulse_api_dataset_preview_files_pruned_total', {})
  return [
    listen('preview.finished', (said) => {
      ofTenant(said.tenant, 1)[said.outcome].inc()
      seconds.plan.observe(said.planMs / 1000)
      seconds.fetch.observe(said.fetchMs / 1000)
      seconds.decode.observe(said.decodeMs / 1000)
      seconds.total.observe(said.totalMs / 1000)
      rows.inc(said.rows)
      bytesRead.inc(said.bytesRead)
      filesRead.inc(said.filesRead)
      filesPruned.inc(said.filesPruned)
    }),
  ]
}
