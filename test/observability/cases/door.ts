import type { AlertCase } from './case.ts'

const publishes = (outcome: string): string =>
  `pulse_api_collect_publish_seconds_count{job="pulse-api",instance="a:8000",outcome="${outcome}"}`
const up = (job: string, instance: string): string => `up{job="${job}",instance="${instance}"}`
const dependency = (name: string, instance: string): string =>
  `pulse_dependency_up{job="pulse-api",instance="${instance}",dependency="${name}"}`

const missing = (job: string, summary: string, then: string) => ({
  PulseTargetMissing: [
    {
      labels: { grade: 'page', job },
      summary,
      description: `1 plane is missing: no process of ${job} has answered a scrape for 2 min. ${then}`,
    },
  ],
})
const API_MISSING = missing('pulse-api', 'No pulse-api answers Prometheus', 'Clients are refused, or nobody sees it.')
const WORKER_MISSING = missing(
  'pulse-worker',
  'No pulse-worker answers Prometheus',
  'What is accepted waits on the bus.',
)

/** What clients meet at the API. */
export const DOOR_CASES: readonly AlertCase[] = [
  {
    scenario: 'the only API process ends',
    series: { [up('pulse-api', 'a')]: '1x2 0x10', [up('pulse-worker', 'w')]: '1x20' },
    at: 5,
    fires: API_MISSING,
  },
  {
    scenario: 'Prometheus has never heard of an API process',
    series: { [up('pulse-worker', 'w')]: '1x20' },
    at: 3,
    fires: API_MISSING,
  },
  {
    scenario: 'one of two API processes ends, and one of two workers',
    series: {
      [up('pulse-api', 'a')]: '1x2 0x20',
      [up('pulse-api', 'b')]: '1x20',
      [up('pulse-worker', 'w')]: '0x20',
      [up('pulse-worker', 'v')]: '1x20',
    },
    at: 15,
    quiet: ['PulseTargetMissing/pulse-api', 'PulseTargetMissing/pulse-worker'],
  },
  {
    scenario: 'every worker ends',
    series: {
      [up('pulse-api', 'a')]: '1x20',
      [up('pulse-worker', 'w')]: '1x3 0x20',
      [up('pulse-worker', 'v')]: '1x2 0x20',
    },
    at: 6,
    fires: WORKER_MISSING,
  },
  {
    scenario: 'a restart takes a minute',
    series: { [up('pulse-api', 'a')]: '1x3 0x1 1x20', [up('pulse-worker', 'w')]: '1x3 0x1 1x20' },
    at: 5,
    quiet: ['PulseTargetMissing/pulse-api', 'PulseTargetMissing/pulse-worker'],
  },
  {
    scenario: 'one publish in five hundred is waited for in vain',
    series: { [publishes('ok')]: '0+998x20', [publishes('error')]: '0+1x20', [publishes('timeout')]: '0+1x20' },
    at: 8,
    fires: {
      PulsePublishFailing: [
        {
          labels: { grade: 'page' },
          summary: 'The bus does not acknowledge what collect publishes',
          description:
            '0.2% of the publishes of the last 2 min failed or timed out (0.1% is too many). Those events were answered `publish_failed`.',
        },
      ],
    },
  },
  {
    scenario: 'one publish in two thousand fails',
    series: { [publishes('ok')]: '0+1999x20', [publishes('error')]: '0+1x20', [publishes('timeout')]: '0x20' },
    at: 15,
    quiet: ['PulsePublishFailing'],
  },
  {
    scenario: 'a leader of the bus was elected, and a tenth of two minutes failed',
    series: { [publishes('ok')]: '0+900x20', [publishes('error')]: '0x5 200x20', [publishes('timeout')]: '0x20' },
    at: 9,
    quiet: ['PulsePublishFailing'],
  },
  {
    scenario: 'nothing is published at all',
    series: { [publishes('ok')]: '5x20', [publishes('error')]: '0x20', [publishes('timeout')]: '0x20' },
    at: 15,
    quiet: ['PulsePublishFailing'],
  },
  {
    scenario: 'one of two API processes does not reach Postgres',
    series: { [dependency('postgres', 'a')]: '1x2 0x10', [dependency('postgres', 'b')]: '1x20' },
    at: 6,
    fires: {
      PulseDependencyDown: [
        {
          labels: { grade: 'ticket', job: 'pulse-api', dependency: 'postgres' },
          summary: 'postgres does not answer pulse-api',
          description:
            'pulse_dependency_up is 0 for postgres in at least one process of pulse-api, for 2 min. What comes of it pages by itself.',
        },
      ],
    },
  },
  {
    scenario: 'Postgres was away and has been back for four minutes',
    series: { [dependency('postgres', 'a')]: '1x2 0x5 1x20' },
    at: 12,
    fires: {
      PulseDependencyDown: [
        {
          labels: { grade: 'ticket', job: 'pulse-api', dependency: 'postgres' },
          summary: 'postgres does not answer pulse-api',
          description:
            'pulse_dependency_up is 0 for postgres in at least one process of pulse-api, for 2 min. What comes of it pages by itself.',
        },
      ],
    },
  },
  {
    scenario: 'Postgres was away, and has been back for a quarter of an hour',
    series: { [dependency('postgres', 'a')]: '1x2 0x5 1x30' },
    at: 23,
    quiet: ['PulseDependencyDown'],
  },
  {
    scenario: 'Postgres is restarted within a minute',
    series: { [dependency('postgres', 'a')]: '1x3 0x1 1x20' },
    at: 5,
    quiet: ['PulseDependencyDown'],
  },
  {
    scenario: 'every worker was missing and has been back for twenty minutes',
    series: { [up('pulse-api', 'a')]: '1x60', [up('pulse-worker', 'w')]: '1x2 0x8 1x50' },
    at: 30,
    fires: {
      PulseAftermath: [
        {
          labels: { grade: 'none', of: 'PulseTargetMissing' },
          summary: 'PulseTargetMissing is told, or was until less than 30 min ago',
          description: '1 outage is on or has just ended. What the objectives still show of it is no second page.',
        },
      ],
    },
  },
  {
    scenario: 'every worker was missing, an hour ago',
    series: { [up('pulse-api', 'a')]: '1x90', [up('pulse-worker', 'w')]: '1x2 0x8 1x80' },
    at: 70,
    quiet: ['PulseAftermath'],
  },
  {
    scenario: 'a ticket is open that makes nothing late',
    series: {
      [up('pulse-api', 'a')]: '1x60',
      [up('pulse-worker', 'w')]: '1x60',
      'pulse_worker_ledger_imbalance{job="pulse-worker",instance="w"}': '3x60',
    },
    at: 30,
    quiet: ['PulseAftermath'],
  },
]
