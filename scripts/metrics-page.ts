import { METRICS, type MetricEntry } from '../src/telemetry/index.ts'

type Row = readonly [name: string, entry: MetricEntry]

const GROUPS: readonly (readonly [title: string, isIn: (name: string) => boolean])[] = [
  ['API', (name) => name.startsWith('pulse_api_')],
  ['Worker', (name) => name.startsWith('pulse_worker_')],
  ['Canary', (name) => name.startsWith('pulse_canary_')],
  ['Every process', () => true],
]

/** docs/reference/metrics.md, whole: the catalogue as tables, in its own order, and what all of it has in common. */
export function metricsDocument(notice: string): string {
  const left = new Set<Row>(Object.entries<MetricEntry>(METRICS))
  const sections = GROUPS.flatMap(([title, isIn]) => {
    const rows = [...left].filter(([name]) => isIn(name))
    for (const row of rows) left.delete(row)
    return [`## ${title}`, '', ...HEAD, ...rows.map(line), '']
  })
  return ['# Metrics', '', notice, '', ...INTRODUCTION, ...sections].join('\n')
}

const HEAD = ['| name | kind | labels | planes | dashboard | meaning |', '| --- | --- | --- | --- | --- | --- |']

function line([name, entry]: Row): string {
  const labels = Object.entries(entry.labels).map(([label, rule]) =>
    typeof rule === 'string' ? `\`${label}\`` : `\`${label}\` (${rule.map((value) => `\`${value}\``).join(', ')})`,
  )
  const isMerged = entry.kind === 'gauge' && 'tenant' in entry.labels && !('tenant_bucket' in entry.labels)
  const meaning = [
    entry.help,
    entry.buckets === undefined ? '' : `Edges: ${entry.buckets.join(', ')}.`,
    entry.exemplars === true ? 'With exemplars.' : '',
    isMerged ? `\`_other\`: ${MERGES[entry.merge ?? 'sum']}.` : '',
  ]
  return `| \`${name}\` | ${entry.kind} | ${labels.join(', ')} | ${entry.planes.join(', ')} | ${entry.dashboard} | ${meaning.filter((part) => part !== '').join(' ')} |`
}

const MERGES = { sum: 'the sum', min: 'the least', max: 'the greatest' } as const

const INTRODUCTION = [
  'The API serves them at `/metrics/` (`/metrics` redirects there), the worker at `:9100/metrics`, the canary at `:9102/metrics`. Text and',
  'OpenMetrics are negotiated by the `Accept` header; exemplars (`trace_id`, `span_id` of a sampled trace) are in OpenMetrics only. All of a',
  'scrape is of one instant. Counters and histograms are at zero from the first scrape, under every label set that is known before',
  'anything happens; gauges are read from the facts at every scrape, and what nobody knows, or what is gone, is not there. Beside these each',
  'process exports the usual `process_*` and `nodejs_*` series.',
  '',
  '**`tenant` and `dataset`** are slugs, and bounded: `PULSE_METRICS_TENANTS` (60) tenants have series of their own in a process, those of',
  '`PULSE_METRICS_PINNED` always, and so have `PULSE_METRICS_DATASETS` (100) of their datasets, four in ten of them with histograms, one tenant',
  'with a tenth at most. Whoever is beyond counts in `_other`: a tenant under `tenant="_other",dataset="_other"`, a dataset of a tenant that has its',
  'place under that tenant\'s `dataset="_other"`. What cannot be resolved is `_unknown`. Places are free to the first; then, every ten minutes,',
  'the heaviest of the others get the places of those that were silent for an hour. Series that go with their tenant are as a counter that',
  'restarts: `sum(rate(…))` stays exact throughout. `pulse_telemetry_overflow_total` says how often `_other` was taken.',
  '',
  "**`route`** is a route's template, `_unmatched` where none matched; **`status`** 499 is a request that was not answered, because its",
  'client had left. `pulse telemetry budget` prints the most series, lines and bytes that a',
  'scrape of each plane can have at the configured limits; at the defaults a worker stays below 5,000 series.',
  '',
]
