import { listen } from './announce.ts'
import { DEPENDENCIES, LOG_LEVELS, QUERIES, SPAN_OUTCOMES } from './catalog/process.ts'
import type { Metrics } from './metrics.ts'
import type { Resource } from './resource.ts'
import { each } from './series.ts'

/** What runs in this process, for `pulse_build_info` and `pulse_config_info`. */
export interface About {
  readonly commit: string
  /** A hash of the settings, secrets left out. */
  readonly configHash: string
}

interface ProcessMetrics {
  /** To be told of every log line. */
  line(level: (typeof LOG_LEVELS)[number]): void
  /** To be told of every span that the receiver took. */
  exported(spans: number): void
  stop(): void
}

/** What every plane says of itself: what runs, its dependencies and transactions, its lines and spans. */
export function listenProcess(metrics: Metrics, resource: Resource, about: About): ProcessMetrics {
  const { plane } = metrics
  const lines = each(LOG_LEVELS, (level) => metrics.counter('pulse_log_lines_total', { level, plane }))
  const dropped = metrics.counter('pulse_log_lines_dropped_total', {})
  const spans = each(SPAN_OUTCOMES, (outcome) => metrics.counter('pulse_telemetry_spans_total', { outcome }))
  const checks = each(DEPENDENCIES, (dependency) => metrics.histogram('pulse_dependency_check_seconds', { dependency }))
  const build = { version: resource.version, commit: about.commit, node: process.versions.node, plane }
  const stops = [
    metrics.read('pulse_build_info', () => [[build, 1]]),
    metrics.read('pulse_config_info', () => [[{ hash: about.configHash }, 1]]),
    metrics.read('pulse_process_event_loop_utilization_ratio', readUtilization()),
    listen('dependency.checked', ({ dependency, tookMs }) => checks[dependency].observe(tookMs / 1000)),
    listen('telemetry.spans.lost', ({ reason, spans: lost }) => spans[reason].inc(lost)),
    listen('log.lines.dropped', ({ lines: lost }) => dropped.inc(lost)),
  ]
  if (plane !== 'canary') {
    const queries = each(QUERIES, (query) => metrics.histogram('pulse_db_query_seconds', { query }))
    stops.push(listen('store.transaction.finished', ({ query, tookMs }) => queries[query].observe(tookMs / 1000)))
  }
  return {
    line: (level) => lines[level].inc(),
    exported: (count) => spans.exported.inc(count),
    stop: () => {
      for (const stop of stops) stop()
    },
  }
}

/** The client's own measure is a summary whose name `promtool check metrics` refuses, and a timer a second; this is a subtraction a scrape. */
function readUtilization(): () => [[Record<never, never>, number]] | [] {
  const { eventLoopUtilization } = performance
  let before = eventLoopUtilization()
  return () => {
    const now = eventLoopUtilization()
    const { utilization } = eventLoopUtilization(now, before)
    before = now
    // Twice in one instant: there was no time to be busy in.
    return Number.isFinite(utilization) ? [[{}, utilization]] : []
  }
}
