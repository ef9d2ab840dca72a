/** A process that exports metrics. */
export type Plane = 'api' | 'worker' | 'canary'
type MetricKind = 'counter' | 'gauge' | 'histogram'

/**
 * What a label may hold: `route` a route's template, `status` an HTTP status, `tenant` and `dataset` a
 * bounded slug (`_other` beyond the bound, `_unknown` where a record cannot be resolved), `metric` and
 * `label` names of this catalogue, `text` one value a process (a version, a hash), or one of a closed list.
 */
type LabelRule = 'route' | 'status' | 'tenant' | 'dataset' | 'metric' | 'label' | 'text' | readonly string[]
type Labels = Readonly<Record<string, LabelRule>>

/** The dashboards of `observability/dashboards`; a metric is on the one that answers its question. */
export const DASHBOARDS = [
  'home',
  'api',
  'collect',
  'worker',
  'lake',
  'freshness',
  'integrity',
  'tenant',
  'runtime',
  'telemetry',
] as const
export type Dashboard = (typeof DASHBOARDS)[number]

/** How the values of tenants beyond the bound become the one value of `_other`. */
type Merge = 'sum' | 'min' | 'max'

export interface MetricEntry {
  readonly kind: MetricKind
  readonly planes: readonly Plane[]
  readonly dashboard: Dashboard
  readonly help: string
  readonly labels: Labels
  readonly buckets?: readonly number[]
  readonly merge?: Merge
  /** Its buckets lead to traces, where the observation was of a sampled one. */
  readonly exemplars?: true
}

type Planes = Plane | readonly Plane[]
const planesOf = (planes: Planes): readonly Plane[] => (typeof planes === 'string' ? [planes] : planes)

/** A counter: only ever grows, and says `_total`. */
export const counter = <const L extends Labels>(planes: Planes, dashboard: Dashboard, labels: L, help: string) =>
  ({ kind: 'counter', planes: planesOf(planes), dashboard, labels, help }) as const

/** A gauge: read from the facts at every scrape, never kept, so that what is gone is not exported. */
export const gauge = <const L extends Labels>(
  planes: Planes,
  dashboard: Dashboard,
  labels: L,
  help: string,
  merge: Merge = 'sum',
) => ({ kind: 'gauge', planes: planesOf(planes), dashboard, labels, help, merge }) as const

/** A histogram with the edges of one of the shared scales. */
export const histogram = <const L extends Labels>(
  planes: Planes,
  dashboard: Dashboard,
  labels: L,
  buckets: readonly number[],
  help: string,
  more: { readonly exemplars?: true } = {},
) => ({ kind: 'histogram', planes: planesOf(planes), dashboard, labels, buckets, help, ...more }) as const
