import { Registry } from '@prometheus-io/client'
import { countsOf, histogramsOf, type HistogramEntry, type Labels } from './series.ts'

/** A metric of the catalogue, with the client's object that keeps its numbers. */
export interface Instrument {
  readonly name: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly edges: readonly number[]
  readonly metric: object
}
/** What the client's own series say of themselves. */
export interface Given {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly values?: readonly {
    readonly value: number
    readonly labels?: Readonly<Record<string, string | number>>
    readonly sharedLabels?: Readonly<Record<string, string | number>>
    readonly metricName?: string
  }[]
}

export const contentTypeOf = (openMetrics: boolean): string =>
  openMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE

/**
 * Writes all series as the client would, byte for byte (a test compares), but in one go: the client renders in a chain of
 * promises, so that its numbers are of different instants, at ten times the cost, and renames its counters while it writes OpenMetrics.
 */
export function render(instruments: Iterable<Instrument>, given: Iterable<Given>, openMetrics: boolean): string {
  const families: string[] = []
  for (const instrument of instruments) families.push(ours(instrument, openMetrics))
  for (const one of given) families.push(theirs(one, openMetrics))
  return openMetrics ? `${families.join('\n')}\n# EOF\n` : `${families.join('\n\n')}\n`
}

function ours({ name, kind, help, edges, metric }: Instrument, openMetrics: boolean): string {
  let text = head(name, help, kind, openMetrics)
  if (kind !== 'histogram') {
    for (const { labels, value } of countsOf(metric).values())
      text += `\n${name}${braced(labelText(labels))} ${numeral(value)}`
    return text
  }
  const bounds = edges.map((edge) => `le="${edge}"`)
  for (const entry of histogramsOf(metric).values()) text += histogram(name, edges, bounds, entry, openMetrics)
  return text
}

function histogram(
  name: string,
  edges: readonly number[],
  bounds: readonly string[],
  { labels, bucketValues, bucketExemplars, sum, count }: HistogramEntry,
  openMetrics: boolean,
): string {
  const own = labelText(labels)
  const rest = own === '' ? '}' : `,${own}}`
  const exemplarOf = (bound: string): string => {
    const exemplar = openMetrics ? bucketExemplars?.[bound] : undefined
    if (exemplar === undefined || exemplar === null) return ''
    return ` # ${`{${labelText(exemplar.labelSet)}}`} ${numeral(exemplar.value)} ${exemplar.timestamp}`
  }
  let text = ''
  let cumulated = 0
  for (const [at, edge] of edges.entries()) {
    const bound = String(edge)
    cumulated += bucketValues[bound] ?? 0
    text += `\n${name}_bucket{${bounds[at]}${rest} ${cumulated}${exemplarOf(bound)}`
  }
  text += `\n${name}_bucket{le="+Inf"${rest} ${count}${exemplarOf('-1')}`
  return `${text}\n${name}_sum${braced(own)} ${numeral(sum)}\n${name}_count${braced(own)} ${count}`
}

function theirs({ name, help, type, values = [] }: Given, openMetrics: boolean): string {
  const stem = openMetrics && type === 'counter' ? name.replace(/_total$/, '') : name
  let text = head(name, help, type, openMetrics)
  for (const { value, labels = {}, sharedLabels = {}, metricName = stem } of values) {
    const own = Object.fromEntries(Object.entries(labels).filter(([label]) => !Object.hasOwn(sharedLabels, label)))
    const parts = [labelText(own), labelText(sharedLabels)].filter((part) => part !== '')
    const series = openMetrics && type === 'counter' ? `${metricName}_total` : metricName
    text += `\n${series}${braced(parts.join(','))} ${numeral(value)}`
  }
  return text
}

/** OpenMetrics names a family of counters without the `_total` of its series. */
function head(name: string, help: string, kind: string, openMetrics: boolean): string {
  const family = openMetrics && kind === 'counter' ? name.replace(/_total$/, '') : name
  return `# HELP ${family} ${escaped(help)}\n# TYPE ${family} ${kind}`
}

const braced = (labels: string): string => (labels === '' ? '' : `{${labels}}`)

function labelText(labels: Labels | Readonly<Record<string, string | number>>): string {
  let text = ''
  for (const label in labels) {
    const value = labels[label]
    text += `${text === '' ? '' : ','}${label}="${typeof value === 'string' ? escaped(value).replaceAll('"', '\\"') : value}"`
  }
  return text
}

const escaped = (text: string): string =>
  text.includes('\\') || text.includes('\n') ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : text

const numeral = (value: number): string =>
  Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value < 0 ? '-Inf' : '+Inf'
