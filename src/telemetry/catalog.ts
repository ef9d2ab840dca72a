import { DEAD_LETTER_REASONS } from '../event/index.ts'

/**
 * Every metric that Pulse exports, once: name, kind, plane, labels, help, buckets. Instruments, zero
 * initialisation and the docs table (`docs/reference/metrics.md`) follow from it, and no call site
 * can invent a label. The first eight are the founding page's, letter for letter.
 */
type MetricKind = 'counter' | 'gauge' | 'histogram'
export type Plane = 'api' | 'worker'

/**
 * What a label may hold: `route` a route's template, `status` an HTTP status, `tenant` and `dataset`
 * a bounded slug (`_other` beyond the bound, `_unknown` where a record cannot be resolved), or one
 * of a closed list.
 */
type LabelRule = 'route' | 'status' | 'tenant' | 'dataset' | readonly string[]

export interface MetricEntry {
  readonly kind: MetricKind
  readonly plane: Plane
  readonly help: string
  readonly labels: Readonly<Record<string, LabelRule>>
  readonly buckets?: readonly number[]
}

/** Edges in seconds. 0.25 is the objective of collect's latency and has to be an edge. */
export const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] as const
/** Edges in seconds. 5 is the objective of a flush. */
export const FLUSH_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const

export const METRICS = {
  pulse_api_requests_total: {
    kind: 'counter',
    plane: 'api',
    labels: { route: 'route', status: 'status' },
    help: 'HTTP requests answered, by route template and status.',
  },
  pulse_api_request_seconds: {
    kind: 'histogram',
    plane: 'api',
    labels: { route: 'route' },
    buckets: HTTP_SECONDS,
    help: 'Time from the first byte of a request to the end of its answer.',
  },
  pulse_worker_events_consumed_total: {
    kind: 'counter',
    plane: 'worker',
    labels: { tenant: 'tenant', dataset: 'dataset' },
    help: 'Records read from the bus, counted once per delivery.',
  },
  pulse_worker_duplicates_dropped_total: {
    kind: 'counter',
    plane: 'worker',
    labels: { tenant: 'tenant' },
    help: 'Events whose id was already a row of their dataset, dropped.',
  },
  pulse_worker_events_dlq_total: {
    kind: 'counter',
    plane: 'worker',
    labels: { tenant: 'tenant', reason: DEAD_LETTER_REASONS },
    help: 'Events that became dead letters, by reason.',
  },
  pulse_worker_iceberg_append_errors_total: {
    kind: 'counter',
    plane: 'worker',
    labels: { tenant: 'tenant', dataset: 'dataset' },
    help: 'Attempts to append a flush to its Iceberg table that failed.',
  },
  pulse_worker_batch_flush_seconds: {
    kind: 'histogram',
    plane: 'worker',
    labels: { tenant: 'tenant', dataset: 'dataset' },
    buckets: FLUSH_SECONDS,
    help: 'Time from the start of a flush to its commit.',
  },
  pulse_worker_buffer_rows: {
    kind: 'gauge',
    plane: 'worker',
    labels: { tenant: 'tenant', dataset: 'dataset' },
    help: 'Rows in memory that wait for their flush.',
  },
} as const satisfies Record<string, MetricEntry>

export type MetricName = keyof typeof METRICS
/** The names of one kind. */
export type NameOf<K extends MetricKind> = {
  [N in MetricName]: (typeof METRICS)[N]['kind'] extends K ? N : never
}[MetricName]
/** The labels of one metric. */
export type LabelOf<N extends MetricName> = keyof (typeof METRICS)[N]['labels'] & string

/** The metrics of a plane, in the catalogue's order. */
export function metricsOf(plane: Plane): MetricName[] {
  return (Object.keys(METRICS) as MetricName[]).filter((name) => METRICS[name].plane === plane)
}
