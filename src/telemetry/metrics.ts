import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from '@prometheus-io/client'
import { systemClock } from '../event/index.ts'
import { announce } from './announce.ts'
import { labelSets } from './born.ts'
import {
  DEFAULT_LIMITS,
  openBounds,
  OTHER,
  type Admitted,
  type Bounds,
  type Limits,
  type PairLabels,
  type TenantLabels,
} from './bounds.ts'
import { METRICS, metricsOf, type LabelsOf, type MetricName, type NameOf, type Plane } from './catalog/catalog.ts'
import type { MetricEntry } from './catalog/entry.ts'
import { wantsOpenMetrics } from './negotiate.ts'
import { fill, type Reader } from './readings.ts'
import { contentTypeOf, render, type Given, type Instrument } from './render.ts'
import { retire } from './retire.ts'
import {
  counterSeries,
  countsOf,
  histogramSeries,
  histogramsOf,
  type CounterSeries,
  type HistogramSeries,
  type Labels,
} from './series.ts'

interface Exposition {
  readonly contentType: string
  readonly body: string
  /** The same as UTF-8: one copy, however many scrapers it is sent to. */
  readonly bytes: Uint8Array
}

/** A metric's label sets as a series may have them: of tenants and datasets only what the bound has let through. */
type SeriesLabels<N extends MetricName> = {
  readonly [L in keyof LabelsOf<N>]: L extends 'tenant' | 'dataset' ? Admitted : LabelsOf<N>[L]
}

export interface Metrics {
  readonly plane: Plane
  /** One series of a counter, at zero from now on. To be kept: an increment by it costs an addition. */
  counter<N extends NameOf<'counter'>>(name: N, labels: SeriesLabels<N>): CounterSeries
  /** One label set of a histogram, likewise. */
  histogram<N extends NameOf<'histogram'>>(name: N, labels: SeriesLabels<N>): HistogramSeries
  /**
   * What `make` makes of a tenant's labels, made once while the tenant has its place and once for all others together. Each
   * call says that something happened to the tenant; `weight` (0) is by how much that counts for its place.
   */
  perTenant<T extends object>(make: (labels: TenantLabels) => T): (tenant: string, weight?: number) => T
  /** The same for a tenant's dataset. */
  perDataset<T extends object>(make: (labels: PairLabels) => T): (tenant: string, dataset: string, weight?: number) => T
  /** The same for histograms, where fewer datasets have a place. */
  perWideDataset<T extends object>(
    make: (labels: PairLabels) => T,
  ): (tenant: string, dataset: string, weight?: number) => T
  /**
   * Has a gauge filled by `reader` at every scrape, until the returned function is called. Labels are raw slugs: the
   * bound is applied inside, and what lands in `_other` is merged as the catalogue says.
   */
  read<N extends NameOf<'gauge'>>(name: N, reader: Reader<LabelsOf<N>>): () => void
  /** What a metric's series had counted that went with their tenant: all series and this are what ever happened. */
  retired(name: MetricName): number
  /** All series as text, in the format that the `Accept` header asks for. Never rejects for an odd header. */
  exposition(accept?: string): Promise<Exposition>
}

const SERIES = 'pulse_telemetry_series'

/** The client's own series that `promtool check metrics` refuses by their names: gauges called `_total`, types as suffix. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
]

/**
 * The instruments of one plane, in a registry of their own, with every closed label set at zero. `processMetrics` adds the
 * client's process and event-loop series under their usual names.
 */
export function openMetrics(options: {
  plane: Plane
  processMetrics?: boolean
  limits?: Limits
  /** Monotonic, in milliseconds; for the bound's periods. */
  now?: () => number
}): Metrics {
  const { plane, limits = DEFAULT_LIMITS, now = () => performance.now() } = options
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE)
  const instruments = new Map(metricsOf(plane).map((name) => [name as string, instrument(registry, name)]))
  const theirs = options.processMetrics === false ? [] : processMetrics(registry)
  const readers = new Map(
    [...instruments.values()].filter(({ kind }) => kind === 'gauge').map(({ name }) => [name, new Set<Reader>()]),
  )
  const retiredOf = new Map<string, number>()

  const of = (name: string): Instrument => {
    const found = instruments.get(name)
    if (found === undefined) throw new Error(`${name} is not a metric of the ${plane} plane`)
    return found
  }
  const overflows = (name: string, labels: Labels): CounterSeries | undefined => {
    const label = labels['tenant'] === OTHER ? 'tenant' : labels['dataset'] === OTHER ? 'dataset' : undefined
    if (label === undefined) return undefined
    return counterSeries(of('pulse_telemetry_overflow_total').metric as Counter<string>, { metric: name, label })
  }
  const counter = (name: string, labels: Labels): CounterSeries => {
    const series = counterSeries(of(name).metric as Counter<string>, labels)
    const overflow = overflows(name, labels)
    if (overflow === undefined) return series
    return {
      inc(by = 1) {
        series.inc(by)
        if (by > 0) overflow.inc()
      },
    }
  }
  const nowSeconds = (): number => systemClock.now() / 1000
  const histogram = (name: string, labels: Labels): HistogramSeries => {
    const { metric, edges } = of(name)
    const series = histogramSeries(metric as Histogram<string>, labels, edges, nowSeconds)
    const overflow = overflows(name, labels)
    if (overflow === undefined) return series
    return {
      observe(value, weight, exemplar) {
        series.observe(value, weight, exemplar)
        overflow.inc()
      },
    }
  }
  const bear = (kinds: readonly Instrument['kind'][], known: Labels): void => {
    for (const { name, kind } of instruments.values()) {
      if (!kinds.includes(kind)) continue
      const entry: MetricEntry = METRICS[name as MetricName]
      for (const labels of labelSets(entry, 'plane' in entry.labels ? { ...known, plane } : known))
        if (kind === 'counter') counter(name, labels)
        else histogram(name, labels)
    }
  }
  bear(['counter', 'histogram'], {})

  const bounds = openBounds(limits, {
    nowMs: now(),
    onTenant: ({ tenant }) => bear(['counter', 'histogram'], { tenant }),
    onPair: ({ tenant, dataset }) => bear(['counter'], { tenant, dataset }),
    onWide: ({ tenant, dataset }) => bear(['histogram'], { tenant, dataset }),
  })
  const settle = (): void => {
    const { tenants, pairs, wide } = bounds.settle(now())
    for (const gone of [...tenants, ...pairs]) retire(instruments.values(), gone, retiredOf)
    for (const gone of wide)
      retire(
        [...instruments.values()].filter(({ kind }) => kind === 'histogram'),
        gone,
        retiredOf,
      )
  }

  const scrape = { seconds: 0, bytes: 0 }
  const own: Readonly<Record<string, Reader>> = {
    pulse_tenant_bucket_info: () => bucketsOf(bounds),
    [SERIES]: () =>
      [...instruments.values()].map((one) => {
        // Of itself it has one series for every metric.
        return [{ metric: one.name }, one.name === SERIES ? instruments.size : seriesOf(one)] as const
      }),
    pulse_telemetry_scrape_seconds: () => [[{}, scrape.seconds]],
    pulse_telemetry_scrape_bytes: () => [[{}, scrape.bytes]],
  }
  for (const [name, reader] of Object.entries(own)) readers.get(name)?.add(reader)

  const read = (name: string, asked: Iterable<Reader>): void =>
    fill(of(name).metric as Gauge, name, METRICS[name as MetricName], asked, bounds)
  const write = (given: readonly Given[], openMetrics: boolean, heldMs: number): Exposition => {
    const began = performance.now()
    settle()
    for (const [name, asked] of readers) if (name !== SERIES) read(name, asked)
    read(SERIES, readers.get(SERIES) ?? []) // last: it counts the others' series
    const exposition = expositionOf(contentTypeOf(openMetrics), render(instruments.values(), given, openMetrics))
    scrape.bytes = exposition.bytes.byteLength
    scrape.seconds = (heldMs + performance.now() - began) / 1000
    return exposition
  }
  // Scrapers of one format that come together share what is written for the first of them.
  const underway = new Map<boolean, Promise<Exposition>>()
  const exposition = (accept?: string): Promise<Exposition> => {
    const openMetrics = wantsOpenMetrics(accept)
    const shared = underway.get(openMetrics)
    if (shared !== undefined) return shared
    const began = performance.now()
    const collected = Promise.allSettled(theirs.map((metric) => metric.get()))
    const heldMs = performance.now() - began
    const writing = collected.then((outcomes) => {
      underway.delete(openMetrics)
      return write(collectedOf(outcomes), openMetrics, heldMs)
    })
    underway.set(openMetrics, writing)
    return writing
  }

  return {
    plane,
    counter,
    histogram,
    perTenant(make) {
      const made = kept(make)
      return (tenant, weight) => made(bounds.tenant(tenant, weight))
    },
    perDataset(make) {
      const made = kept(make)
      return (tenant, dataset, weight) => made(bounds.pair(tenant, dataset, weight))
    },
    perWideDataset(make) {
      const made = kept(make)
      return (tenant, dataset, weight) => made(bounds.wide(tenant, dataset, weight))
    },
    read(name, reader) {
      const asked = readers.get(name)
      if (asked === undefined) throw new Error(`${name} is not a gauge of the ${plane} plane`)
      asked.add(reader as Reader)
      return () => asked.delete(reader as Reader)
    },
    retired: (name) => retiredOf.get(name) ?? 0,
    exposition,
  }
}

/** Kept by the labels' own object: who loses its place loses what was made for it. */
function kept<L extends object, T extends object>(make: (labels: L) => T): (labels: L) => T {
  const all = new WeakMap<L, T>()
  return (labels) => {
    let made = all.get(labels)
    if (made === undefined) all.set(labels, (made = make(labels)))
    return made
  }
}

function instrument(registry: Registry, name: MetricName): Instrument {
  const { kind, help, labels, buckets, exemplars }: MetricEntry = METRICS[name]
  const config = { name, help, labelNames: Object.keys(labels), registers: [registry] }
  const edges = buckets ?? []
  const metric =
    kind === 'counter'
      ? new Counter(config)
      : kind === 'gauge'
        ? new Gauge(config)
        : new Histogram({ ...config, buckets: [...edges], enableExemplars: exemplars === true })
  return { name, kind, help, edges, metric }
}

interface Collected {
  get(): Promise<Given>
}

function processMetrics(registry: Registry): readonly Collected[] {
  const ours = new Set(registry.getMetricsAsArray())
  // The client's own pace is a timer each 10 ms and one each 100 ms, which an idle process would feel.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 50, eventLoopUtilizationTimeout: 1000 })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry.getMetricsAsArray().filter((metric) => !ours.has(metric)) as unknown as Collected[]
}

/** What the client could collect of the process: what it could not (a CPU clock that stepped back throws there) costs the scrape itself only. */
function collectedOf(outcomes: readonly PromiseSettledResult<Given>[]): Given[] {
  return outcomes.flatMap((outcome) => {
    if (outcome.status === 'fulfilled') return [outcome.value]
    announce('process.defect', { where: "the client's own metrics", detail: String(outcome.reason) })
    return []
  })
}

/** A bucket is its tenant's own name while it has series of its own: the bound and the bucket are one rule. */
function* bucketsOf(bounds: Bounds): Generator<readonly [Labels, number]> {
  for (const { tenant } of bounds.tenants()) yield [{ tenant, tenant_bucket: tenant }, 1]
}

const seriesOf = ({ kind, edges, metric }: Instrument): number =>
  kind === 'histogram' ? histogramsOf(metric).size * (edges.length + 3) : countsOf(metric).size

function expositionOf(contentType: string, body: string): Exposition {
  let bytes: Uint8Array | undefined
  return {
    contentType,
    body,
    get bytes() {
      return (bytes ??= Buffer.from(body))
    },
  }
}
