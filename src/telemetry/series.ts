import type { Counter, Histogram } from '@prometheus-io/client'

export interface CounterSeries {
  inc(by?: number): void
}
/** Where an observation happened: OpenMetrics' exemplar. */
export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
}
export interface HistogramSeries {
  /** Counts `weight` observations of one value; 1 where absent. What is no finite number is not counted. */
  observe(value: number, weight?: number, exemplar?: Exemplar): void
}

export type Labels = Readonly<Record<string, string>>

/** A label set as the client keeps it in its store, which the exact version of it in package.json allows. */
interface CounterEntry {
  readonly labels: Labels
  value: number
}
export interface HistogramEntry {
  readonly labels: Labels
  sum: number
  count: number
  /** Not cumulated; above the last edge only in `count`. */
  readonly bucketValues: Record<string, number>
  readonly bucketExemplars?: Record<string, StoredExemplar | null>
}
interface StoredExemplar {
  readonly labelSet: Labels
  readonly value: number
  /** Seconds. */
  readonly timestamp: number
}
interface Store<E> {
  readonly size: number
  entry(labels: Labels): E | undefined
  values(): Iterable<E>
  remove(labels: Labels): void
}

/** The label sets that a counter or gauge has. */
export const countsOf = (metric: object): Store<CounterEntry> => (metric as { store: Store<CounterEntry> }).store
/** The label sets that a histogram has. */
export const histogramsOf = (metric: object): Store<HistogramEntry> =>
  (metric as { store: Store<HistogramEntry> }).store

/**
 * One label set of a counter, born at zero. It holds the client's own entry, so that an increment is an addition: the
 * client looks labels up by a key that it builds at each call (tests/telemetry holds the two against each other).
 */
export function counterSeries(counter: Counter<string>, labels: Labels): CounterSeries {
  counter.inc({ ...labels }, 0)
  const entry = countsOf(counter).entry(labels)
  if (entry === undefined) throw new Error('The client keeps its label sets in another way.')
  return {
    inc(by = 1) {
      if (by > 0 && by < Infinity) entry.value += by
    },
  }
}

/**
 * One label set of a histogram, born at zero. As with counters it holds the client's entry; `weight` observations cost what
 * one costs, and an exemplar costs nothing where there is none. `nowSeconds` dates exemplars.
 */
export function histogramSeries(
  histogram: Histogram<string>,
  labels: Labels,
  edges: readonly number[],
  nowSeconds: () => number,
): HistogramSeries {
  const store = histogramsOf(histogram)
  if (store.entry(labels) === undefined) histogram.zero({ ...labels })
  const entry = store.entry(labels)
  if (entry === undefined) throw new Error('The client keeps its label sets in another way.')
  const { bucketValues, bucketExemplars } = entry
  const names = edges.map(String)
  return {
    observe(value, weight = 1, exemplar) {
      if (!Number.isFinite(value) || !(weight > 0)) return
      entry.sum += value * weight
      entry.count += weight
      let at = 0
      while (at < edges.length && value > (edges[at] as number)) at += 1
      const name = names[at]
      if (name !== undefined) bucketValues[name] = (bucketValues[name] ?? 0) + weight
      if (exemplar === undefined || bucketExemplars === undefined) return
      const { traceId, spanId } = exemplar
      bucketExemplars[name ?? '-1'] = {
        labelSet: { trace_id: traceId, span_id: spanId },
        value,
        timestamp: nowSeconds(),
      }
    },
  }
}

/** One of everything for each value of a closed list, resolved once. */
export const each = <const V extends string, T>(values: readonly V[], make: (value: V) => T): Readonly<Record<V, T>> =>
  Object.fromEntries(values.map((value) => [value, make(value)])) as Record<V, T>

/** An observation's exemplar, where its trace is kept. */
export const exemplarOf = (point: Exemplar & { readonly sampled: boolean }): Exemplar | undefined =>
  point.sampled ? point : undefined
