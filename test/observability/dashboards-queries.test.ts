import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { RECORDINGS } from '../../observability/recording.ts'
import { LOG, METRICS, type MetricEntry, type MetricName } from '../../src/telemetry/index.ts'
import { parse } from '../kit/grammars.ts'
import { dashboards, fillIn, queriesOf, type Query } from '../kit/grafana.ts'
import { readQuery } from '../kit/promql.ts'

/**
 * Every query of every panel, mark and variable, without data: it is of its language, and what it names exists. Whether it finds
 * something is test/real/dashboards.test.ts's.
 */
const all = [...dashboards()].flatMap(([slug, { model }]) => queriesOf(slug, model))
const of = (language: Query['language']): Query[] => all.filter((query) => query.language === language)
const VARIABLES = { tenant: 'acme', dataset: 'orders' }

/** What is recorded, and what Prometheus and Node say by themselves, with their labels. */
const TARGET = ['job', 'instance']
const KNOWN = new Map<string, readonly string[]>([
  ...RECORDINGS.map(({ record, carries }) => [record, carries] as const),
  ['ALERTS', [...TARGET, 'alertname', 'alertstate', 'grade', 'tenant', 'dataset']],
  ...[
    'nodejs_eventloop_lag_p99_seconds',
    'nodejs_heap_size_used_bytes',
    'process_cpu_seconds_total',
    'process_max_fds',
    'process_open_fds',
    'process_resident_memory_bytes',
    'process_start_time_seconds',
    'scrape_duration_seconds',
  ].map((name) => [name, TARGET] as const),
  ['nodejs_active_handles', [...TARGET, 'type']],
  ['nodejs_gc_duration_seconds_sum', [...TARGET, 'kind']],
  ['prometheus_rule_evaluation_failures_total', [...TARGET, 'rule_group']],
])
const read = (query: Query) => readQuery(fillIn(query.text, VARIABLES), KNOWN)

test('there is something to check', () => {
  assert.ok(of('PromQL').length > 180, `${of('PromQL').length} in PromQL`)
  assert.ok(of('LogQL').length >= 4, `${of('LogQL').length} in LogQL`)
  assert.ok(of('TraceQL').length >= 2, `${of('TraceQL').length} in TraceQL`)
})

test('every PromQL query parses, and asks for metrics, labels and values that exist', () => {
  const faults = of('PromQL').flatMap((query) => read(query).faults.map((fault) => `${query.name}: ${fault}`))
  assert.deepEqual(faults, [])
})

test('every legend and every column names a label that the result has', () => {
  const wrong: string[] = []
  for (const query of of('PromQL')) {
    const { labels } = read(query)
    for (const [, label = ''] of query.legend.matchAll(/\{\{(\w+)\}\}/g))
      if (!labels.includes(label) && label !== 'le') wrong.push(`${query.name}: {{${label}}} of ${labels.join(', ')}`)
  }
  for (const panel of new Set(all.map((query) => query.panel))) {
    if (panel?.type !== 'table' || panel.datasource?.type !== 'prometheus') continue
    const labels = all.filter((query) => query.panel === panel).flatMap((query) => read(query).labels)
    const renamed = panel.transformations?.find(({ id }) => id === 'organize')?.options['renameByName'] ?? {}
    for (const label of Object.keys(renamed as object).filter((name) => !name.startsWith('Value')))
      if (!labels.includes(label)) wrong.push(`${panel.title}: column ${label} of ${labels.join(', ')}`)
  }
  assert.deepEqual(wrong, [])
})

/** Shown nowhere, and why. */
const NOWHERE: Readonly<Partial<Record<MetricName, string>>> = {}

test('every metric of the catalogue is on the dashboard that it names, or says why not', () => {
  const shown = new Map<string, Set<string>>()
  for (const query of of('PromQL'))
    for (const metric of read(query).metrics) shown.set(metric, (shown.get(metric) ?? new Set()).add(query.slug))
  const missing = Object.entries<MetricEntry>(METRICS)
    .filter(([name, { dashboard }]) => !(name in NOWHERE) && shown.get(name)?.has(dashboard) !== true)
    .map(([name, { dashboard }]) => `${name} is not on ${dashboard}`)
  assert.deepEqual(missing, [])
  assert.deepEqual(
    Object.keys(NOWHERE).filter((name) => shown.has(name)),
    [],
    'excused and shown',
  )
})

test('a rate looks back over Grafana’s own interval, or over minutes that are written down', () => {
  const windows = new Set(
    of('PromQL').flatMap(({ text }) => [...text.matchAll(/\[([$\d][^\]]*)\]/g)].map(([, window]) => window)),
  )
  assert.deepEqual([...windows].sort(), ['$__interval', '$__range', '$__rate_interval', '2m', '30m', '5m'])
  for (const { name, text } of of('PromQL'))
    if (text.includes('[$__interval]')) assert.match(name, /mark/, 'a rate over one step misses what lies between')
})

/** Those that carry the trace of what they observed, where it is sampled. */
const EXEMPLARS = [
  'pulse_api_request_seconds',
  'pulse_api_collect_publish_seconds',
  'pulse_worker_freshness_seconds',
  'pulse_worker_batch_flush_seconds',
]

test('wherever a histogram that leads to traces is drawn as one, its exemplars are asked for, and nowhere else', () => {
  const shown = new Set<string>()
  for (const query of of('PromQL')) {
    const metrics = read(query).metrics.filter((metric) => EXEMPLARS.includes(metric))
    // Shares and averages are of counts and sums; what was consumed has no trace yet; the worker's dashboard-wide route list is kept plain.
    const isDrawn =
      /_bucket\{?/.test(query.text) && query.panel?.type !== 'stat' && !query.text.includes('stage="consumed"')
    if (query.exemplars) for (const metric of metrics) shown.add(metric)
    assert.equal(query.exemplars, metrics.length > 0 && isDrawn, query.name)
  }
  assert.deepEqual([...shown].sort(), [...EXEMPLARS].sort())
})

/** As deploy/alloy/lines.alloy ships them. */
const LABELS = new Set<string>(['service_name', 'plane', 'env'])
const METADATA = new Set<string>(['trace_id', 'span_id', 'tenant', 'dataset', 'event', 'level'])

test('every LogQL query parses, selects by labels, filters by what a line has, and names events that are said', () => {
  for (const query of of('LogQL')) {
    const text = fillIn(query.text, VARIABLES)
    const { nodes, faults } = parse('LogQL', text)
    assert.deepEqual(faults, [], query.name)
    const selected = nodes.filter(({ name }) => name === 'Selector').flatMap(({ text: inside }) => matched(inside))
    const filtered = nodes.filter(({ name }) => name === 'LabelFilter').flatMap(({ text: inside }) => matched(inside))
    assert.ok(selected.length > 0, query.name)
    for (const { label } of selected) assert.ok(LABELS.has(label), `${query.name}: ${label}`)
    for (const { label, operator, value } of filtered) {
      assert.ok(METADATA.has(label), `${query.name}: ${label}`)
      if (label !== 'event') continue
      const events = Object.keys(LOG).filter((event) =>
        operator === '=~' ? new RegExp(`^(?:${value})$`).test(event) : event === value,
      )
      assert.ok(events.length > 0, `${query.name}: no event is called ${value}`)
    }
  }
})
const matched = (text: string) =>
  [...text.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(([, label = '', operator = '', value = '']) => ({
    label,
    operator,
    value,
  }))

test('every TraceQL query parses, and asks for attributes that spans have', async () => {
  const folder = resolve(import.meta.dirname, '../../src/telemetry/traces')
  const sources = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
  const code = sources.join('\n')
  for (const query of of('TraceQL')) {
    const { nodes, faults } = parse('TraceQL', fillIn(query.text, VARIABLES))
    assert.deepEqual(faults, [], query.name)
    const attributes = nodes.filter(({ name }) => name === 'Identifier')
    assert.ok(attributes.length > 0, query.name)
    for (const { text } of attributes) assert.ok(code.includes(`'${text}'`), `${query.name}: no span has ${text}`)
    for (const { text } of nodes.filter(({ name }) => name === 'IntrinsicField'))
      assert.ok(['kind', 'duration', 'status', 'name'].includes(text), text)
  }
})
