import { SLO_GROUPS } from './burn.ts'
import { series } from './query.ts'
import type { Recording, RecordingGroup } from './rule.ts'

/**
 * By bucket instead of by tenant: what may be kept for long and sent on, however many tenants there are. A tenant without a
 * bucket lands in `_unmapped` instead of vanishing. The inner `max by` is needed: every process exports its own row for a
 * tenant, and more than one on the right-hand side fails the evaluation.
 */
function bucketed(metric: string, selector: string, more: readonly string[] = []): Recording[] {
  const byTenant = `tenant:${metric}:rate5m`
  const bucket = ['tenant_bucket', ...more].join(', ')
  return [
    {
      record: byTenant,
      expr: ({ window }) => `sum by (${['tenant', ...more].join(', ')}) (rate(${selector}[${window('5m')}]))`,
      carries: ['tenant', ...more],
    },
    {
      record: `tenant_bucket:${metric}:rate5m`,
      expr: () =>
        [
          `  sum by (${bucket}) (`,
          `      ${byTenant}`,
          '    * on (tenant) group_left (tenant_bucket)',
          `      max by (tenant, tenant_bucket) (${series('pulse_tenant_bucket_info')})`,
          '  )',
          'or',
          '  label_replace(',
          `    sum${more.length === 0 ? '' : ` by (${more.join(', ')})`} (${byTenant} unless on (tenant) ${series('pulse_tenant_bucket_info')}),`,
          '    "tenant_bucket", "_unmapped", "", ""',
          '  )',
        ].join('\n'),
      carries: ['tenant_bucket', ...more],
    },
  ]
}

export const LAG = 'tenant:pulse_worker_lag_seconds:max'

/** Everything that is recorded and is no SLO's. */
export const RECORDING_GROUPS: readonly RecordingGroup[] = [
  {
    name: 'pulse-tenants',
    rules: [
      ...bucketed('pulse_api_collect_events', series('pulse_api_collect_events_total'), ['outcome']),
      ...bucketed('pulse_api_collect_bytes', series('pulse_api_collect_bytes_total')),
      ...bucketed('pulse_worker_events_consumed', series('pulse_worker_events_consumed_total')),
      ...bucketed('pulse_worker_events_appended', series('pulse_worker_events_appended_total')),
      ...bucketed('pulse_worker_duplicates_dropped', series('pulse_worker_duplicates_dropped_total')),
      ...bucketed('pulse_worker_events_dlq', series('pulse_worker_events_dlq_total')),
      {
        record: LAG,
        expr: () => `max by (tenant) (${series('pulse_worker_lag_seconds')})`,
        carries: ['tenant'],
      },
    ],
  },
]

/** All recording rules, for whoever has to know their names. */
export const RECORDINGS: readonly Recording[] = [...RECORDING_GROUPS, ...SLO_GROUPS].flatMap(({ rules }) => rules)
