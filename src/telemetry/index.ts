export {
  announce,
  listen,
  type AnnouncementName,
  type Announcements,
  type CarriedContext,
  type CollectedCounts,
  type FlushStep,
  type FreshnessPoint,
  type TracePoint,
} from './announce.ts'
export { budgetCommand } from './budget.ts'
export {
  METRICS,
  DASHBOARDS,
  type Dashboard,
  type LabelOf,
  type MetricEntry,
  type MetricName,
  type NameOf,
} from './catalog/catalog.ts'
export { openMetrics } from './metrics.ts'
export { LEFT, listenApi, UNMATCHED } from './listen-api.ts'
export { listenWorker } from './listen-worker.ts'
export { LOG } from './log-table.ts'
export { openLog, type LogSettings } from './log.ts'
export { scrub } from './redact.ts'
export { resourceOf } from './resource.ts'
export { json, metricsPage, openServer, text, type Answer } from './servers.ts'
export { openAllowance, type Allowance } from './traces/allowance.ts'
export { tracePage } from './traces/page.ts'
export { NO_SAMPLING, openSampler, type Sampler } from './traces/sampler.ts'
export type { FinishedSpan } from './traces/span.ts'
export { openTelemetry, type Telemetry } from './telemetry.ts'
