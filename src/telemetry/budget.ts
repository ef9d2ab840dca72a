import { wideOf, type Limits } from './bounds.ts'
import { METRICS, metricsOf, type Plane } from './catalog/catalog.ts'
import type { MetricEntry } from './catalog/entry.ts'

/** What one scrape of a plane may be at most: docs/decisions/0024 has the reasons. */
export const MOST_SERIES = 5_000
export const MOST_LINES = 20_000
/** Beside the catalogue every process has the client's own series, so many at most. */
export const PROCESS_SERIES = 110
/** Route templates that the API may have, and statuses that it answers with. */
export const MOST_ROUTES = 64
export const MOST_STATUSES = 18

interface Cost {
  readonly series: number
  readonly lines: number
  /** In OpenMetrics with every exemplar, the longest slugs and long numbers. */
  readonly bytes: number
}
interface Budget extends Cost {
  readonly plane: Plane
  readonly metrics: readonly (Cost & { readonly name: string })[]
}

const SLUG_BYTES = 63
const TEXT_BYTES = 64
const NUMBER_BYTES = 20
const EXEMPLAR_BYTES = 120

/**
 * The worst case of a scrape of a plane, from the catalogue alone: every label set that the limits can ever let be, all
 * at once. What a process really has is less, and a test holds it to that.
 */
export function budgetOf(plane: Plane, limits: Limits): Budget {
  const metrics = metricsOf(plane).map((name) => ({ name, ...costOf(name, METRICS[name], plane, limits) }))
  const sum = (of: (cost: Cost) => number): number => metrics.reduce((total, cost) => total + of(cost), 0)
  return {
    plane,
    metrics,
    series: sum(({ series }) => series) + PROCESS_SERIES,
    lines: sum(({ lines }) => lines) + 4 * PROCESS_SERIES,
    bytes: sum(({ bytes }) => bytes) + 400 * PROCESS_SERIES,
  }
}

function costOf(name: string, entry: MetricEntry, plane: Plane, limits: Limits): Cost {
  const sets = labelSetsOf(name, entry, plane, limits)
  const samples = entry.buckets === undefined ? 1 : entry.buckets.length + 3
  const series = sets * samples
  const labels = Object.entries(entry.labels).reduce(
    (bytes, [label, rule]) => bytes + label.length + 4 + widthOf(rule),
    0,
  )
  const bucket = entry.buckets === undefined ? 0 : '_bucket{le="3600",}'.length
  const exemplar = entry.exemplars === true ? EXEMPLAR_BYTES : 0
  const line = name.length + labels + bucket + NUMBER_BYTES + exemplar
  return { series, lines: series + 3, bytes: series * line + 2 * name.length + entry.help.length + 32 }
}

/** How many label sets there can be. A tenant whose datasets have no place of their own has one `_other` beside them. */
function labelSetsOf(name: string, { kind, labels }: MetricEntry, plane: Plane, limits: Limits): number {
  const tenants = Math.max(limits.tenants, limits.pinned.length)
  const fixed = 2 // `_other` and `_unknown`
  if ('metric' in labels) return 'label' in labels ? overflowSets(plane) : metricsOf(plane).length
  const places = kind === 'histogram' ? wideOf(limits.datasets) : limits.datasets
  const perTenant = 'dataset' in labels ? places + tenants + fixed : 'tenant' in labels ? tenants + fixed : 1
  let sets = perTenant
  for (const [label, rule] of Object.entries(labels)) {
    if (rule === 'route') sets *= MOST_ROUTES
    else if (rule === 'status') sets *= MOST_STATUSES
    else if (typeof rule !== 'string' && label !== 'plane') sets *= rule.length
  }
  if (sets === 0) throw new Error(`${name} has a label without values`)
  return sets
}

/** Everything that is counted by tenant can go to `_other`, by each label that is bounded. */
function overflowSets(plane: Plane): number {
  const counted = metricsOf(plane).map((name): MetricEntry => METRICS[name])
  return counted
    .filter(({ kind }) => kind !== 'gauge')
    .reduce((sets, { labels }) => sets + ('tenant' in labels ? 1 : 0) + ('dataset' in labels ? 1 : 0), 0)
}

const widthOf = (rule: string | readonly string[]): number =>
  typeof rule !== 'string'
    ? Math.max(...rule.map((value) => value.length))
    : rule === 'tenant' || rule === 'dataset'
      ? SLUG_BYTES
      : rule === 'status'
        ? 3
        : TEXT_BYTES

/** `pulse telemetry budget`: the worst case of each plane, and what is most of it. Answers 1 where a plane exceeds the bound. */
export function budgetCommand(limits: Limits, write: (text: string) => void): number {
  let code = 0
  for (const plane of ['api', 'worker', 'canary'] as const) {
    const { series, lines, bytes, metrics } = budgetOf(plane, limits)
    const isOver = series > MOST_SERIES || lines > MOST_LINES
    if (isOver) code = 1
    write(
      `${plane.padEnd(7)} at most ${series} series, ${lines} lines, ${Math.ceil(bytes / 1024)} KiB a scrape` +
        `${isOver ? `: more than ${MOST_SERIES} series or ${MOST_LINES} lines` : ''}\n`,
    )
    for (const cost of metrics.toSorted((a, b) => b.series - a.series).slice(0, 5))
      write(`        ${String(cost.series).padStart(6)}  ${cost.name}\n`)
  }
  write(
    `(${limits.tenants} tenants and ${limits.datasets} datasets with series of their own: PULSE_METRICS_TENANTS, PULSE_METRICS_DATASETS)\n`,
  )
  return code
}
