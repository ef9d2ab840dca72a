import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BYTES, FLUSH_SECONDS, FRESHNESS_SECONDS, HTTP_SECONDS, ROWS } from '../../src/telemetry/catalog/buckets.ts'
import { METRICS, metricsOf, type MetricEntry } from '../../src/telemetry/catalog/catalog.ts'
import { DASHBOARDS } from '../../src/telemetry/catalog/entry.ts'

/** The founding page, copied by hand: a change of the catalogue must not change this list with it. */
const FOUNDING = [
  ['pulse_api_requests_total', 'counter', 'route, status', 'api'],
  ['pulse_api_request_seconds', 'histogram', 'route', 'api'],
  ['pulse_worker_events_consumed_total', 'counter', 'tenant, dataset', 'worker'],
  ['pulse_worker_duplicates_dropped_total', 'counter', 'tenant', 'worker'],
  ['pulse_worker_events_dlq_total', 'counter', 'tenant, reason', 'worker'],
  ['pulse_worker_iceberg_append_errors_total', 'counter', 'tenant, dataset', 'worker'],
  ['pulse_worker_batch_flush_seconds', 'histogram', 'tenant, dataset', 'worker'],
  ['pulse_worker_buffer_rows', 'gauge', 'tenant, dataset', 'worker'],
] as const

const all = Object.entries<MetricEntry>(METRICS)

test('the eight founding metrics have exactly the founding names, types, labels and planes', () => {
  for (const [name, kind, labels, plane] of FOUNDING) {
    const entry = METRICS[name]
    assert.deepEqual([entry.kind, Object.keys(entry.labels).join(', '), ...entry.planes], [kind, labels, plane], name)
  }
  for (const family of ['pulse_api_collect_', 'pulse_api_dataset_preview_'])
    assert.ok(all.filter(([name]) => name.startsWith(family)).length >= 6, `the founding page promises ${family}*`)
})

test('every metric is named by the rules of Prometheus and described', () => {
  for (const [name, entry] of all) {
    assert.match(
      name,
      /^pulse_(api|worker|canary|db|log|telemetry|bus|build|config|tenant|dependency|process)_[a-z0-9]+(_[a-z0-9]+)*$/,
    )
    assert.equal(name.endsWith('_total'), entry.kind === 'counter', `${name}: counters alone end in _total`)
    assert.doesNotMatch(
      name,
      /_(counter|gauge|histogram|summary|milliseconds|ms|kb|mb|percent)(_|$)|_(bucket|count|sum)$/,
      name,
    )
    if (entry.kind === 'histogram') assert.match(name, /_(seconds|bytes|rows|events)$/, `${name}: base units`)
    if (name.includes('timestamp')) assert.match(name, /_timestamp_seconds$/)
    assert.equal(entry.buckets !== undefined, entry.kind === 'histogram', `${name}: buckets belong to histograms`)
    assert.equal(entry.merge !== undefined, entry.kind === 'gauge', `${name}: gauges alone are merged`)
    assert.match(entry.help, /^[A-Z0-9][^"\n\\]*\.$/, `${name}: help is a sentence that needs no escape`)
    assert.ok(DASHBOARDS.includes(entry.dashboard))
    assert.ok(entry.planes.length > 0 && new Set(entry.planes).size === entry.planes.length)
    const plane = /^pulse_(api|worker|canary)_/.exec(name)?.[1]
    if (plane !== undefined) assert.deepEqual([...entry.planes], [plane], `${name} is of its own plane`)
    for (const of of entry.planes) assert.ok(metricsOf(of).includes(name as keyof typeof METRICS))
  }
})

test('every label is a closed list or bounded, and never what the formats keep for themselves', () => {
  for (const [name, { kind, labels }] of all) {
    for (const [label, rule] of Object.entries(labels)) {
      assert.match(label, /^[a-z]+(_[a-z]+)*$/)
      assert.ok(!['le', 'quantile', 'job', 'instance'].includes(label), `${name}{${label}}`)
      if (typeof rule === 'string') {
        // Counters and histograms may be open in what is bounded elsewhere only: routes by the table of routes, tenants by their places.
        if (kind !== 'gauge')
          assert.ok(['tenant', 'dataset', 'route', 'status', 'metric', 'label'].includes(rule), `${name}{${label}}`)
        if (label === 'tenant' || label === 'dataset') assert.equal(rule, label)
      } else {
        assert.ok(rule.length > 0 && rule.length <= 24, `${name}{${label}}: ${rule.length} values`)
        assert.equal(new Set(rule).size, rule.length)
        for (const value of rule) assert.match(value, /^[a-z]+(_[a-z]+)*$/)
      }
    }
    // A dataset's slug means nothing without its tenant's.
    assert.ok(!('dataset' in labels) || 'tenant' in labels, name)
  }
})

test('no series of one metric can be taken for another’s', () => {
  const names = all.flatMap(([name, { kind }]) =>
    kind === 'histogram'
      ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]
      : kind === 'counter'
        ? [name, name.replace(/_total$/, '')]
        : [name],
  )
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  )
})

test('bucket edges rise and hold the objectives', () => {
  for (const edges of [HTTP_SECONDS, FLUSH_SECONDS, FRESHNESS_SECONDS, BYTES, ROWS])
    assert.deepEqual(
      [...edges],
      [...new Set(edges)].sort((a, b) => a - b),
    )
  assert.ok(HTTP_SECONDS.includes(0.25) && HTTP_SECONDS.includes(2.5))
  assert.ok(FLUSH_SECONDS.includes(5))
  assert.ok(FRESHNESS_SECONDS.includes(60) && FRESHNESS_SECONDS.includes(5))
})
