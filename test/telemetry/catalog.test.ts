import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLUSH_SECONDS, HTTP_SECONDS } from '../../src/telemetry/catalog/buckets.ts'
import { METRICS, metricsOf, type MetricEntry } from '../../src/telemetry/catalog/catalog.ts'

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

test('the eight founding metrics have exactly the founding names, types, labels and planes', () => {
  for (const [name, kind, labels, plane] of FOUNDING) {
    const entry = METRICS[name]
    assert.deepEqual([entry.kind, Object.keys(entry.labels).join(', '), entry.plane], [kind, labels, plane], name)
  }
})

test('every metric is named by the rules of Prometheus and described', () => {
  for (const [name, entry] of Object.entries<MetricEntry>(METRICS)) {
    assert.match(name, /^pulse_(api|worker)_[a-z0-9]+(_[a-z0-9]+)*$/)
    assert.equal(name.endsWith('_total'), entry.kind === 'counter', `${name}: counters alone end in _total`)
    if (entry.kind === 'histogram') assert.match(name, /_(seconds|bytes|rows|events)$/, `${name}: base units`)
    assert.equal(entry.buckets !== undefined, entry.kind === 'histogram', `${name}: buckets belong to histograms`)
    assert.match(entry.help, /^[A-Z].*\.$/, `${name}: help is a sentence`)
    for (const label of Object.keys(entry.labels)) assert.match(label, /^[a-z]+(_[a-z]+)*$/)
    assert.ok(metricsOf(entry.plane).includes(name as keyof typeof METRICS))
  }
})

test('bucket edges rise and hold the objectives', () => {
  for (const edges of [HTTP_SECONDS, FLUSH_SECONDS])
    assert.deepEqual(
      [...edges],
      [...new Set(edges)].sort((a, b) => a - b),
    )
  assert.ok(HTTP_SECONDS.includes(0.25))
  assert.ok(FLUSH_SECONDS.includes(5))
})
