import type { RecordCase } from './case.ts'

const target = (job: string): string => `job="${job}",instance="i"`
const bucket = (job: string, tenant: string): string =>
  `pulse_tenant_bucket_info{${target(job)},tenant="${tenant}",tenant_bucket="${tenant}"}`

interface Measured {
  readonly metric: string
  readonly job: string
  /** Beside `tenant`, in the counter and in what is recorded. */
  readonly more: string
  readonly kept: string
}
const MEASURED: readonly Measured[] = [
  {
    metric: 'pulse_api_collect_events',
    job: 'pulse-api',
    more: ',dataset="d",outcome="accepted"',
    kept: 'outcome="accepted", ',
  },
  { metric: 'pulse_api_collect_bytes', job: 'pulse-api', more: '', kept: '' },
  { metric: 'pulse_worker_events_consumed', job: 'pulse-worker', more: ',dataset="d"', kept: '' },
  { metric: 'pulse_worker_events_appended', job: 'pulse-worker', more: ',dataset="d"', kept: '' },
  { metric: 'pulse_worker_duplicates_dropped', job: 'pulse-worker', more: '', kept: '' },
  { metric: 'pulse_worker_events_dlq', job: 'pulse-worker', more: ',reason="invalid"', kept: '' },
]

const of = ({ metric, job, more }: Measured, tenant: string): string =>
  `${metric}_total{${target(job)},tenant="${tenant}"${more}}`

function cases(measured: Measured): RecordCase[] {
  const { metric, kept } = measured
  const byTenant = `tenant:${metric}:rate5m`
  const byBucket = `tenant_bucket:${metric}:rate5m`
  const traffic = {
    [of(measured, 'acme')]: '0+60x20',
    [of(measured, 'globex')]: '0+120x20',
    [of(measured, '_other')]: '0+180x20',
    // Every process says whom it has admitted: the same rows come from several.
    [bucket('pulse-api', 'acme')]: '1x20',
    [bucket('pulse-worker', 'acme')]: '1x20',
    [bucket('pulse-api', '_other')]: '1x20',
    [bucket('pulse-worker', '_other')]: '1x20',
  }
  return [
    {
      scenario: `${metric}: by tenant and by bucket, also when several processes name the bucket`,
      series: traffic,
      at: 10,
      gives: [
        [byTenant, `${byTenant}{tenant="acme"}`, { [`{${kept}tenant="acme"}`]: 1 }],
        [byBucket, `${byBucket}{tenant_bucket="acme"}`, { [`{${kept}tenant_bucket="acme"}`]: 1 }],
        [byBucket, `${byBucket}{tenant_bucket="_other"}`, { [`{${kept}tenant_bucket="_other"}`]: 3 }],
        // A tenant that no process has given a bucket is not lost.
        [byBucket, `${byBucket}{tenant_bucket="_unmapped"}`, { [`{${kept}tenant_bucket="_unmapped"}`]: 2 }],
        [byBucket, `sum(${byBucket}) - sum(${byTenant})`, { '{}': 0 }],
      ],
    },
    {
      scenario: `${metric}: nobody has a bucket that is not theirs, and who sends nothing has no rate`,
      series: { ...traffic, [of(measured, 'acme')]: '60x20' },
      at: 10,
      gives: [
        [byTenant, `${byTenant}{tenant="acme"} > 0`, {}],
        [byBucket, `${byBucket}{tenant_bucket="acme"} > 0`, {}],
        [byBucket, `${byBucket}{tenant_bucket="globex"}`, {}],
      ],
    },
  ]
}

const lag = (worker: string, tenant: string): string =>
  `pulse_worker_lag_seconds{job="pulse-worker",instance="${worker}",tenant="${tenant}"}`

export const TENANT_RECORD_CASES: readonly RecordCase[] = [
  ...MEASURED.flatMap(cases),
  {
    scenario: 'lag: the worst worker speaks for a tenant, and one that gave a partition back is heard no more',
    series: { [lag('w', 'acme')]: '50x20', [lag('v', 'acme')]: '7x20', [lag('w', 'globex')]: '90x5 stale' },
    at: 10,
    gives: [
      [
        'tenant:pulse_worker_lag_seconds:max',
        'tenant:pulse_worker_lag_seconds:max{tenant="acme"}',
        { '{tenant="acme"}': 50 },
      ],
      ['tenant:pulse_worker_lag_seconds:max', 'tenant:pulse_worker_lag_seconds:max{tenant="globex"}', {}],
    ],
  },
]
