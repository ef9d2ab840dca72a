import type { LabelOf, MetricName, NameOf } from '../../src/telemetry/index.ts'
import { amount, buckets, observations, series, within, type Where } from '../query.ts'

/**
 * PromQL as panels ask it, made from the catalogue: neither a metric nor a label nor a value of a closed list that does not
 * exist compiles. Every counter is summed over processes, every histogram over its labels, unless `by` keeps some.
 */
type By<N extends MetricName> = readonly (LabelOf<N> | 'job' | 'instance')[]
type Counted = NameOf<'counter'>
type Read = NameOf<'gauge'>
type Observed = NameOf<'histogram'>

/** At least four scrapes, so that a rate has points to stand on; Grafana fills it in. */
export const WINDOW = '$__rate_interval'
/** What the time picker shows, whole. */
export const RANGE = '$__range'

const grouped = (how: string, by: readonly string[], expr: string): string =>
  by.length === 0 ? `${how}(${expr})` : `${how} by (${by.join(', ')}) (${expr})`
const none = <N extends MetricName>(): Where<N> => ({}) as Where<N>

/** Per second. */
export const rate = <N extends Counted>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  grouped('sum', by, `rate(${series(name, where)}[${WINDOW}])`)

/** How many more over a window. */
export const grown = <N extends Counted>(
  name: N,
  by: By<N> = [],
  where: Where<N> = none(),
  window: string = WINDOW,
): string => grouped('sum', by, `increase(${series(name, where)}[${window}])`)

/** Zero where there is no such series (yet). Only for what has no labels: zero has none. */
export const orZero = (expr: string): string => `(${expr}) or vector(0)`

export const sum = <N extends Read>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  grouped('sum', by, series(name, where))
export const highest = <N extends Read>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  grouped('max', by, series(name, where))
export const lowest = <N extends Read>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  grouped('min', by, series(name, where))

/** Seconds since the earliest of the instants that a gauge names. */
export const sinceEarliest = <N extends Read>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  `time() - ${lowest(name, by, where)}`
/** Seconds since the latest of them. */
export const sinceLatest = <N extends Read>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  `time() - ${highest(name, by, where)}`

/** The value that a share `q` of the observations stays at or under, as exact as the buckets. */
export const quantile = <N extends Observed>(
  q: number,
  name: N,
  by: By<N> = [],
  where: Where<N> = none(),
  window: string = WINDOW,
): string => `histogram_quantile(${q}, ${grouped('sum', ['le', ...by], `rate(${buckets(name, where)}[${window}])`)})`

/** The middle, the slow and the slowest, each named. */
export const percentiles = <N extends Observed>(name: N, where: Where<N> = none()): { expr: string; as: string }[] =>
  [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, name, [], where), as: `p${100 * q}` }))

/** For a heatmap: observations by bucket. */
export const heat = <N extends Observed>(name: N, where: Where<N> = none()): string =>
  grouped('sum', ['le'], `increase(${buckets(name, where)}[${WINDOW}])`)

export const mean = <N extends Observed>(
  name: N,
  by: By<N> = [],
  where: Where<N> = none(),
  window: string = WINDOW,
): string =>
  `${grouped('sum', by, `rate(${amount(name, where)}[${window}])`)} / ${grouped('sum', by, `rate(${observations(name, where)}[${window}])`)}`

/** Observations per second. */
export const observed = <N extends Observed>(name: N, by: By<N> = [], where: Where<N> = none()): string =>
  grouped('sum', by, `rate(${observations(name, where)}[${WINDOW}])`)

/** The share of the observations at or under an edge of the buckets. */
export const shareWithin = <N extends Observed>(name: N, edge: number, where: Where<N> = none()): string =>
  `sum(rate(${within(name, edge, where)}[${WINDOW}])) / sum(rate(${observations(name, where)}[${WINDOW}]))`

/** The largest few. */
export const top = (count: number, expr: string): string => `topk(${count}, ${expr})`
