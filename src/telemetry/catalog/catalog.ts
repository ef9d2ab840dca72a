import { API_METRICS } from './api.ts'
import { CANARY_METRICS } from './canary.ts'
import type { MetricEntry, Plane } from './entry.ts'
import { PROCESS_METRICS } from './process.ts'
import { WORKER_METRICS } from './worker.ts'

export { DASHBOARDS, type Dashboard, type MetricEntry, type Plane } from './entry.ts'

/**
 * Every metric that Pulse exports, once: name, kind, planes, labels, help, buckets, dashboard. Instruments,
 * zero initialisation, the docs table (`docs/reference/metrics.md`), the lint of dashboards and rules
 * and the worst case of a scrape follow from it, and no call site can invent a label.
 */
export const METRICS = {
  ...API_METRICS,
  ...WORKER_METRICS,
  ...PROCESS_METRICS,
  ...CANARY_METRICS,
} as const satisfies Record<string, MetricEntry>

export type MetricName = keyof typeof METRICS
/** The names of one kind. */
export type NameOf<K extends MetricEntry['kind']> = {
  [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never
}[MetricName]
/** The labels of one metric. */
export type LabelOf<N extends MetricName> = keyof (typeof METRICS)[N]['labels'] & string
/** The label sets of one metric: of a closed list only what is on it. */
export type LabelsOf<N extends MetricName> = {
  readonly [
    L in keyof (typeof METRICS)[N]['labels'] & string
  ]: (typeof METRICS)[N]['labels'][L] extends readonly (infer V)[] ? V & string : string
}

/** The metrics of a plane, in the catalogue's order. */
export function metricsOf(plane: Plane): MetricName[] {
  return (Object.keys(METRICS) as MetricName[]).filter((name) =>
    (METRICS[name].planes as readonly Plane[]).includes(plane),
  )
}
