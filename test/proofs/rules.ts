import type { Proof } from './proof.ts'

const rules = { number: 11, promise: 'Rules', test: 'test/observability/rules.test.ts' } as const
const scenarios = { ...rules, test: 'test/real/promtool.test.ts', real: true } as const
const thresholds = { number: 12, promise: 'Thresholds', test: 'test/observability/rules.test.ts' } as const

export const PROOFS: readonly Proof[] = [
  {
    ...rules,
    name: 'every rule has a scenario in which it speaks and one in which it does not',
    mutation: {
      file: 'observability/alerts/integrity.ts',
      from: "name: 'PulseOffsetGap',",
      to: "name: 'PulseOffsetGone',",
    },
  },
  {
    ...scenarios,
    name: 'a dead fleet of workers is told',
    mutation: { file: 'observability/alerts/ingest.ts', from: ' or vector(0))`', to: ')`' },
  },
  {
    ...scenarios,
    name: 'a second API process does not break the buckets',
    mutation: {
      file: 'observability/recording.ts',
      from: 'max by (tenant, tenant_bucket) (${',
      to: 'max by (tenant, tenant_bucket, job) (${',
    },
  },
  {
    ...scenarios,
    name: 'what came back after an outage was not lost',
    mutation: {
      file: 'observability/alerts/integrity.ts',
      from: "outcome: ['duplicated', 'corrupted'] })}[${window}]",
      to: "outcome: ['duplicated', 'corrupted', 'missing'] })}[${window}]",
    },
  },
  {
    ...thresholds,
    name: 'every threshold of a promise is an edge of its histogram',
    mutation: { file: 'observability/slos.ts', from: '    threshold: 0.25,', to: '    threshold: 0.3,' },
  },
  {
    ...thresholds,
    name: 'every alert has a section of the runbook, and every section an alert',
    mutation: { file: 'docs/operate/runbook.md', from: '### PulseOffsetGap', to: '### PulseOffsetGaps' },
  },
  {
    number: 16,
    promise: 'Alerts live',
    test: 'test/real/alerts.test.ts',
    real: true,
    name: 'the worker is killed',
    mutation: {
      file: 'observability/alerts/explained.ts',
      from: "{ by: 'PulseTargetMissing', where: { job: JOBS.worker } }",
      to: "{ by: 'PulseTargetMissing', where: { job: JOBS.canary } }",
    },
  },
]
