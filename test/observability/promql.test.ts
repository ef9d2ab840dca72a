import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readQuery } from '../kit/promql.ts'

const KNOWN = new Map([['tenant:lag:max', ['tenant']]])

const GOOD: readonly (readonly [query: string, labels: string])[] = [
  ['pulse_worker_lag_seconds', 'instance job tenant'],
  ['sum by (tenant) (rate(pulse_worker_events_consumed_total{dataset="a"}[5m]))', 'tenant'],
  ['sum without (tenant) (pulse_worker_lag_records)', 'instance job'],
  ['sum(pulse_worker_lag_records) or vector(0)', ''],
  [
    'histogram_quantile(0.99, sum by (le, stage) (rate(pulse_worker_freshness_seconds_bucket{stage="committed"}[5m])))',
    'stage',
  ],
  ['tenant:lag:max > 3 and deriv(tenant:lag:max[5m]) > 0', 'tenant'],
  [
    'tenant:lag:max * on (tenant) group_left (tenant_bucket) max by (tenant, tenant_bucket) (pulse_tenant_bucket_info)',
    'tenant tenant_bucket',
  ],
  ['label_replace(sum(pulse_canary_missing_events) > 0, "outcome", "missing", "", "")', 'outcome'],
  ['absent(up{job="x"} == 1)', ''],
  ['topk(5, sum by (tenant) (pulse_worker_lag_records))', 'tenant'],
  ['pulse_worker_buffer_bytes / on (instance) pulse_worker_buffer_capacity_bytes', 'instance'],
]

for (const [query, labels] of GOOD) {
  test(`${query} is read, with the labels [${labels}]`, () => {
    const { faults, labels: found } = readQuery(query, KNOWN)
    assert.deepEqual(faults, [])
    assert.equal(found.join(' '), labels)
  })
}

const BAD: readonly (readonly [query: string, fault: RegExp])[] = [
  ['pulse_worker_lag', /no metric pulse_worker_lag/],
  ['pulse_worker_freshness_seconds', /no metric/],
  ['pulse_worker_lag_seconds_count', /no metric/],
  ['pulse_worker_lag_seconds{topic="x"}', /no label topic/],
  ['sum by (topic) (pulse_worker_lag_seconds)', /nothing here has a label topic/],
  ['sum by (dataset) (sum by (tenant) (pulse_worker_buffer_rows))', /label dataset/],
  ['pulse_canary_verified_total{outcome="lost"}', /outcome is never lost/],
  ['pulse_canary_verified_total{outcome=~"missing|lost"}', /outcome is never lost/],
  ['pulse_worker_lag_seconds * on (dataset) pulse_worker_buffer_bytes', /label dataset/],
  ['sum(rate(pulse_worker_lag_records[5m])', /no PromQL/],
  ['{job="x"}', /without a metric/],
]

for (const [query, fault] of BAD) {
  test(`${query} is refused`, () => assert.match(readQuery(query, KNOWN).faults.join('\n'), fault))
}
