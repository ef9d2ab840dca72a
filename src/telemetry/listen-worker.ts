import { DEAD_LETTER_REASONS, systemClock, type Clock } from '../event/index.ts'
import { listen, type Announcements, type FreshnessPoint } from './announce.ts'
import { COMMIT_OUTCOMES, FLUSH_OUTCOMES, FLUSH_TRIGGERS, PAUSE_REASONS, SOURCE_LOSSES } from './catalog/worker.ts'
import { hearLake } from './listen-lake.ts'
import type { Metrics } from './metrics.ts'
import { each, exemplarOf, type Exemplar, type HistogramSeries } from './series.ts'

/**
 * Turns the worker's announcements into its counters and histograms; its gauges are read where the facts are. Series are
 * resolved once and kept, and all is counted per batch. Answers a function that stops listening.
 */
export function listenWorker(metrics: Metrics, clock: Clock = systemClock): () => void {
  const stops = [
    ...hearLedger(metrics),
    ...hearFreshness(metrics, clock),
    ...hearFlushes(metrics),
    ...hearShare(metrics),
    ...hearLake(metrics),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** The terms of the law: consumed = appended + duplicates + dlq + replayed + released + buffered + in flight. */
function hearLedger(metrics: Metrics): (() => void)[] {
  const consumed = metrics.perDataset((labels) => metrics.counter('pulse_worker_events_consumed_total', labels))
  const appended = metrics.perDataset((labels) => metrics.counter('pulse_worker_events_appended_total', labels))
  const removed = metrics.perDataset((labels) => metrics.counter('pulse_worker_rows_removed_total', labels))
  const ofTenant = metrics.perTenant((labels) => ({
    duplicates: metrics.counter('pulse_worker_duplicates_dropped_total', labels),
    replayed: metrics.counter('pulse_worker_events_replayed_total', labels),
    deadLetters: each(DEAD_LETTER_REASONS, (reason) =>
      metrics.counter('pulse_worker_events_dlq_total', { ...labels, reason }),
    ),
  }))
  const released = metrics.counter('pulse_worker_events_released_total', {})
  const gaps = metrics.counter('pulse_worker_offset_gaps_total', {})
  const lost = each(SOURCE_LOSSES, (reason) => metrics.counter('pulse_worker_sources_lost_total', { reason }))
  const unrelayed = metrics.counter('pulse_worker_dlq_publish_errors_total', {})
  return [
    listen('worker.records.consumed', (said) => consumed(said.tenant, said.dataset, said.records).inc(said.records)),
    listen('worker.flush.committed', (said) => appended(said.tenant, said.dataset).inc(said.rows)),
    listen('upkeep.rows.removed', ({ tenant, dataset, rows }) => removed(tenant, dataset).inc(rows)),
    listen('worker.duplicates.dropped', ({ tenant, events }) => ofTenant(tenant).duplicates.inc(events)),
    listen('worker.records.replayed', ({ tenant, records }) => ofTenant(tenant).replayed.inc(records)),
    listen('worker.events.dead_lettered', ({ tenant, reason, events }) =>
      ofTenant(tenant).deadLetters[reason].inc(events),
    ),
    listen('worker.records.released', ({ records }) => released.inc(records)),
    listen('worker.source.lost', ({ reason, missing }) => {
      lost[reason].inc(1)
      gaps.inc(missing)
    }),
    listen('worker.dead_letters.unrelayed', ({ events }) => unrelayed.inc(events)),
  ]
}

function hearFreshness(metrics: Metrics, clock: Clock): (() => void)[] {
  const seconds = each(['consumed', 'committed'], (stage) =>
    metrics.histogram('pulse_worker_freshness_seconds', { stage }),
  )
  const future = metrics.counter('pulse_worker_future_records_total', {})
  return [
    listen('worker.records.consumed', ({ freshness }) => {
      if (freshness.length > 0) observeAges(seconds.consumed, freshness, clock.now())
    }),
    listen('worker.flush.committed', (said) =>
      observeAges(seconds.committed, said.freshness, said.committedAtMs, carriedBy(said)),
    ),
    listen('worker.records.future', ({ records }) => future.inc(records)),
  ]
}

/** A clock that runs ahead makes no age below nothing: that is what `pulse_worker_future_records_total` says. */
function observeAges(
  series: HistogramSeries,
  points: readonly FreshnessPoint[],
  atMs: number,
  exemplar?: Exemplar,
): void {
  for (const { receivedAtMs, rows } of points) {
    series.observe(Math.max(0, atMs - receivedAtMs) / 1000, rows, exemplar)
  }
}

/** Of a flush the first request that it carried and whose trace is kept. */
function carriedBy({ contexts }: Announcements['worker.flush.committed']): Exemplar | undefined {
  const parts = contexts[0]?.traceparent.split('-')
  const [, traceId, spanId] = parts ?? []
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId }
}

function hearFlushes(metrics: Metrics): (() => void)[] {
  const seconds = metrics.perWideDataset((labels) => metrics.histogram('pulse_worker_batch_flush_seconds', labels))
  const appendErrors = metrics.perDataset((labels) =>
    metrics.counter('pulse_worker_iceberg_append_errors_total', labels),
  )
  const conflicts = metrics.perDataset((labels) =>
    metrics.counter('pulse_worker_iceberg_commit_conflicts_total', labels),
  )
  const flushes = each(FLUSH_TRIGGERS, (trigger) =>
    each(FLUSH_OUTCOMES, (outcome) => metrics.counter('pulse_worker_batch_flushes_total', { trigger, outcome })),
  )
  const commits = each(COMMIT_OUTCOMES, (outcome) =>
    metrics.histogram('pulse_worker_iceberg_commit_seconds', { outcome }),
  )
  const offsets = each(['ok', 'stale_generation', 'error'], (outcome) =>
    metrics.counter('pulse_worker_offset_commits_total', { outcome }),
  )
  const dedup = metrics.histogram('pulse_worker_dedup_seconds', {})
  return [
    listen('worker.flush.committed', (said) => {
      seconds(said.tenant, said.dataset, said.records).observe(said.tookMs / 1000, 1, exemplarOf(said.span))
      flushes[said.trigger].committed.inc()
    }),
    listen('worker.flush.failed', ({ tenant, dataset, trigger, outcome }) => {
      appendErrors(tenant, dataset).inc()
      flushes[trigger][outcome].inc()
    }),
    listen('worker.commit.finished', (said) => {
      commits[said.outcome].observe(said.tookMs / 1000)
      offsets[said.offsets].inc()
      for (const dataset of said.conflicts) conflicts(said.tenant, dataset).inc()
    }),
    listen('worker.ledger.asked', ({ tookMs }) => dedup.observe(tookMs / 1000)),
  ]
}

function hearShare(metrics: Metrics): (() => void)[] {
  const moves = each(['claimed', 'released', 'lost'], (kind) =>
    metrics.counter('pulse_worker_partition_moves_total', { kind }),
  )
  const drains = each(['share_moved', 'shutdown'], (cause) =>
    metrics.histogram('pulse_worker_release_drain_seconds', { cause }),
  )
  const paused = each(PAUSE_REASONS, (reason) => metrics.counter('pulse_worker_fetch_paused_seconds_total', { reason }))
  return [
    listen('worker.share.changed', ({ claimed, released, lost }) => {
      moves.claimed.inc(claimed.length)
      moves.released.inc(released.length)
      moves.lost.inc(lost.length)
    }),
    listen('worker.share.drained', ({ cause, tookMs }) => drains[cause].observe(tookMs / 1000)),
    listen('worker.fetch.paused', ({ reason, tookMs }) => paused[reason].inc(tookMs / 1000)),
  ]
}
