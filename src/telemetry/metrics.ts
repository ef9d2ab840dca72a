import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from '@prometheus-io/client'
import { openBounds, type Bounds } from './bounds.ts'
import {
  METRICS,
  metricsOf,
  type LabelOf,
  type LabelsOf,
  type MetricName,
  type NameOf,
  type Plane,
} from './catalog/catalog.ts'
import { wantsOpenMetrics } from './negotiate.ts'
import { fill, type Reader } from './readings.ts'

interface Exposition {
  readonly contentType: string
  readonly body: string
}

export interface Metrics {
  readonly plane: Plane
  /** Which tenants and datasets have series of their own in this process. */
  readonly bounds: Bounds
  counter<N extends NameOf<'counter'>>(name: N): Counter<LabelOf<N>>
  histogram<N extends NameOf<'histogram'>>(name: N): Histogram<LabelOf<N>>
  /**
   * Has a gauge filled by `reader` at every scrape, until the returned function is called. Labels are raw slugs: the
   * bound is applied inside, and what lands in `_other` is merged as the catalogue says.
   */
  read<N extends NameOf<'gauge'>>(name: N, reader: Reader<LabelsOf<N>>): () => void
  /** All series as text, in the format that the `Accept` header asks for. Never rejects for an odd header. */
  exposition(accept?: string): Promise<Exposition>
}

/** The client's own series that `promtool check metrics` refuses by their names: gauges called `_total`, types as suffix. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
]

/**
 * The instruments of one plane, in a registry of their own. `processMetrics` adds the client's
 * process and event-loop series under their usual names.
 */
export function openMetrics(options: { plane: Plane; processMetrics?: boolean; bounds?: Bounds }): Metrics {
  const bounds = options.bounds ?? openBounds()
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE)
  const instruments = new Map<string, unknown>(
    metricsOf(options.plane).map((name) => [name, instrument(registry, name)]),
  )
  if (options.processMetrics ?? true) {
    // The client's own pace is a timer each 10 ms and one each 100 ms, which an idle process would feel.
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50, eventLoopUtilizationTimeout: 1000 })
    for (const name of MISNAMED) registry.removeSingleMetric(name)
  }

  const of = <T>(name: string): T => {
    const found = instruments.get(name)
    if (found === undefined) throw new Error(`${name} is not a metric of the ${options.plane} plane`)
    return found as T
  }

  const gauges = new Map(
    metricsOf(options.plane)
      .filter((name) => METRICS[name].kind === 'gauge')
      .map((name) => [name, new Set<Reader>()] as const),
  )

  // One rendering at a time, and scrapers of one format that come together share it: the client
  // renders by a registry-wide format and renames counters in place while it writes OpenMetrics.
  let last: Promise<unknown> = Promise.resolve()
  const underway = new Map<boolean, Promise<Exposition>>()
  const exposition = (accept?: string): Promise<Exposition> => {
    const openMetrics = wantsOpenMetrics(accept)
    const shared = underway.get(openMetrics)
    if (shared !== undefined) return shared
    const rendering = last.then(() => {
      underway.delete(openMetrics)
      for (const [name, readers] of gauges) fill(of(name), name, METRICS[name], readers, bounds)
      return render(registry, openMetrics)
    })
    underway.set(openMetrics, rendering)
    last = rendering.catch(() => undefined)
    return rendering
  }

  return {
    plane: options.plane,
    bounds,
    counter: (name) => of(name),
    histogram: (name) => of(name),
    read(name, reader) {
      const readers = gauges.get(name)
      if (readers === undefined) throw new Error(`${name} is not a gauge of the ${options.plane} plane`)
      readers.add(reader as Reader)
      return () => readers.delete(reader as Reader)
    },
    exposition,
  }
}

function instrument(registry: Registry, name: MetricName): Counter<string> | Gauge<string> | Histogram<string> {
  const entry = METRICS[name]
  const config = { name, help: entry.help, labelNames: Object.keys(entry.labels), registers: [registry] }
  if (entry.kind === 'counter') return new Counter(config)
  if (entry.kind === 'gauge') return new Gauge(config)
  return new Histogram({ ...config, buckets: [...entry.buckets] })
}

async function render(registry: Registry, openMetrics: boolean): Promise<Exposition> {
  const contentType = openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE
  const named = registry.getMetricsAsArray().map((metric) => ({ metric, name: metric.name }))
  registry.setContentType(contentType)
  try {
    return { contentType, body: await registry.metrics() }
  } finally {
    // @prometheus-io/client 0.16.1 cuts `_total` off a counter's own name when it writes OpenMetrics,
    // and the next text scrape would lose it (prometheus/client_js pull request 829).
    for (const { metric, name } of named) metric.name = name
  }
}
