import { METRICS, type MetricEntry, type MetricName, type NameOf } from '../src/telemetry/index.ts'

/**
 * Selectors of PromQL made from the catalogue: a metric, a label or a value of a closed list that does not exist does
 * not compile.
 */
type Value<Rule> = Rule extends readonly (infer V extends string)[] ? V : string
type Match<Rule> = Value<Rule> | readonly Value<Rule>[] | { readonly not: Value<Rule> | readonly Value<Rule>[] }
type LabelsOf<N extends MetricName> = (typeof METRICS)[N]['labels']
/** What of a metric is asked for, by label. */
export type Where<N extends MetricName> = { readonly [L in keyof LabelsOf<N>]?: Match<LabelsOf<N>[L]> } & {
  readonly job?: Job | readonly Job[]
}

/** What Prometheus calls the planes (`deploy/prometheus/prometheus.yml`). */
export const JOBS = { api: 'pulse-api', worker: 'pulse-worker', canary: 'pulse-canary' } as const
type Job = (typeof JOBS)[keyof typeof JOBS]

type AnyMatch = string | readonly string[] | { readonly not: string | readonly string[] }

/** `{a="b",c=~"d|e",f!~"4.."}`; a value with `.` in it that is a pattern is written as one: `5..`. */
function matchers(where: Readonly<Record<string, AnyMatch | undefined>>): string {
  const said = Object.entries(where).flatMap(([label, match]) => {
    if (match === undefined) return []
    const isNot = typeof match === 'object' && 'not' in match
    const wanted = isNot ? match.not : match
    const values = typeof wanted === 'string' ? [wanted] : wanted
    const isPattern = values.length > 1 || values.some((value) => /^\d?\.\.?/.test(value))
    const operator = `${isNot ? '!' : isPattern ? '=' : ''}${isPattern ? '~' : '='}`
    return [`${label}${operator}"${values.join('|')}"`]
  })
  return said.length === 0 ? '' : `{${said.join(',')}}`
}

/** A counter's or gauge's series. */
export const series = <N extends NameOf<'counter'> | NameOf<'gauge'>>(name: N, where: Where<N> = {} as Where<N>) =>
  `${name}${matchers(where)}`

/** How many observations of a histogram there were. */
export const observations = <N extends NameOf<'histogram'>>(name: N, where: Where<N> = {} as Where<N>) =>
  `${name}_count${matchers(where)}`

/** A histogram's buckets, all of them. */
export const buckets = <N extends NameOf<'histogram'>>(name: N, where: Where<N> = {} as Where<N>) =>
  `${name}_bucket${matchers(where)}`

/** What a histogram's observations come to together. */
export const amount = <N extends NameOf<'histogram'>>(name: N, where: Where<N> = {} as Where<N>) =>
  `${name}_sum${matchers(where)}`

/**
 * How many observations were at most `edge`, which has to be a bucket's edge: throws otherwise. Prometheus 3 writes a whole edge as
 * `60.0` when it scrapes, Prometheus 2 keeps the client's `60`; both are matched.
 */
export function within<N extends NameOf<'histogram'>>(name: N, edge: number, where: Where<N> = {} as Where<N>): string {
  const { buckets }: MetricEntry = METRICS[name]
  if (!buckets?.includes(edge)) throw new Error(`${edge} is no edge of ${name}: ${buckets?.join(', ')}`)
  const rest = matchers(where).slice(1, -1)
  const le = Number.isInteger(edge) ? `le=~"${edge}([.]0)?"` : `le="${edge}"`
  return `${name}_bucket{${rest === '' ? '' : `${rest},`}${le}}`
}
