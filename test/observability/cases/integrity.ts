import type { AlertCase } from './case.ts'

const canary = (name: string, labels = ''): string => `pulse_canary_${name}{job="pulse-canary",instance="c"${labels}}`
const verified = (outcome: string): string => canary('verified_total', `,outcome="${outcome}"`)
const SENT = canary('sent_total')
const MISSING = canary('missing_events')
const worker = (name: string, labels = ''): string => `pulse_worker_${name}{job="pulse-worker",instance="w"${labels}}`
const bucket = (job: string, tenant: string): string =>
  `pulse_tenant_bucket_info{job="${job}",instance="i",tenant="${tenant}",tenant_bucket="${tenant}"}`
const tenantTraffic = (consumedPerMinute: number, dlqPerMinute: number) => ({
  [worker('events_consumed_total', ',tenant="acme",dataset="orders"')]: `0+${consumedPerMinute}x40`,
  [worker('events_dlq_total', ',tenant="acme",reason="invalid"')]: `0+${dlqPerMinute}x40`,
  [bucket('pulse-api', 'acme')]: '1x40',
  [bucket('pulse-worker', 'acme')]: '1x40',
})

const lost = (outcome: string, events: number) => ({
  labels: { grade: 'page', outcome },
  summary: `An accepted event of the canary is ${outcome}`,
  description: `${events} events that the API accepted are ${outcome}. If it happens to the canary, it happens to tenants.`,
})
const SILENT = {
  PulseCanarySilent: [
    {
      labels: { grade: 'ticket' },
      summary: 'The canary sends nothing, or reads nothing back',
      description:
        '0 canary events were sent or judged in the last 15 min. Until that changes nobody checks that accepted events become rows.',
    },
  ],
}

/** Whether what was accepted is a row, once, as it was sent. */
export const INTEGRITY_CASES: readonly AlertCase[] = [
  {
    scenario: 'two canary events do not come back, and one comes back twice',
    series: { [MISSING]: '0x2 2x20', [verified('duplicated')]: '0x3 1x20', [verified('corrupted')]: '0x20' },
    at: 5,
    fires: { PulseCanaryLost: [lost('missing', 2), lost('duplicated', 1)] },
  },
  {
    scenario: 'events that were missing during an outage have come back, late',
    series: {
      [MISSING]: '0x2 30x5 0x20',
      [verified('missing')]: '0x2 30x20',
      [verified('late')]: '0+5x20',
      [verified('exactly_once')]: '0+5x20',
      [verified('duplicated')]: '0x20',
      [verified('corrupted')]: '0x20',
    },
    at: 10,
    quiet: ['PulseCanaryLost'],
  },
  { scenario: 'there is no canary', series: {}, at: 6, fires: SILENT },
  {
    scenario: 'the canary sends and can read nothing back',
    series: { [SENT]: '0+10x40', [verified('exactly_once')]: '40x40', [verified('missing')]: '0x40' },
    at: 25,
    fires: SILENT,
  },
  {
    scenario: 'the canary cannot send',
    series: { [SENT]: '500x40', [verified('exactly_once')]: '0+10x40' },
    at: 25,
    fires: SILENT,
  },
  {
    scenario: 'the canary sings',
    series: { [SENT]: '0+10x40', [verified('exactly_once')]: '0+10x40', [MISSING]: '0x40' },
    at: 30,
    quiet: ['PulseCanarySilent', 'PulseCanaryLost'],
  },
  {
    scenario: 'the bus forgot seven records unread',
    series: { [worker('offset_gaps_total')]: '0x3 7x20' },
    at: 6,
    fires: {
      PulseOffsetGap: [
        {
          labels: { grade: 'page', instance: 'w' },
          summary: 'Records were gone from the bus before they were read',
          description:
            '7 records of the last 10 min were not on the bus any more when w came to read them. They were accepted.',
        },
      ],
    },
  },
  {
    scenario: 'the bus forgot records long ago',
    series: { [worker('offset_gaps_total')]: '0x3 7x40' },
    at: 20,
    quiet: ['PulseOffsetGap'],
  },
  {
    scenario: 'somebody made two topics again',
    series: { [worker('sources_lost_total', ',reason="recreated"')]: '0x3 2x20' },
    at: 6,
    fires: {
      PulseSourceLost: [
        {
          labels: { grade: 'page', reason: 'recreated' },
          summary: "A tenant's topic was recreated",
          description:
            '2 partitions were recreated in the last 10 min. What they held unread is gone, and nobody can say how much that was.',
        },
      ],
    },
  },
  {
    scenario: 'somebody made topics again long ago',
    series: { [worker('sources_lost_total', ',reason="recreated"')]: '0x3 2x40' },
    at: 20,
    quiet: ['PulseSourceLost'],
  },
  {
    scenario: 'a worker has three records too many in its books',
    series: { [worker('ledger_imbalance')]: '0x2 -3x20' },
    at: 5,
    fires: {
      PulseLedgerUnbalanced: [
        {
          labels: { grade: 'ticket', job: 'pulse-worker', instance: 'w' },
          summary: "A worker's books do not balance",
          description:
            'w has 3 records more or less than it can account for: consumed is not appended + duplicates + dead letters + replayed + released + buffered + in flight.',
        },
      ],
    },
  },
  {
    scenario: "a worker's books balance at every scrape",
    series: { [worker('ledger_imbalance')]: '0x20' },
    at: 15,
    quiet: ['PulseLedgerUnbalanced'],
  },
  {
    scenario: "a tenth of a tenant's events cannot be rows",
    series: tenantTraffic(600, 60),
    at: 25,
    fires: {
      PulseDlqRatio: [
        {
          labels: { grade: 'ticket', tenant_bucket: 'acme' },
          summary: 'Many events of acme become dead letters',
          description: '10% of the events of acme have become dead letters for 10 min, more than 20 a minute.',
        },
      ],
    },
  },
  {
    scenario: 'half of the events of a tenant that sends one now and then cannot be rows',
    series: tenantTraffic(10, 5),
    at: 30,
    quiet: ['PulseDlqRatio'],
  },
  {
    scenario: 'one event in two hundred of a large tenant cannot be a row',
    series: tenantTraffic(12_000, 60),
    at: 30,
    quiet: ['PulseDlqRatio'],
  },
  {
    scenario: 'the bus refuses dead letters again and again',
    series: { [worker('dlq_publish_errors_total')]: '0+5x20' },
    at: 12,
    fires: {
      PulseDlqBroken: [
        {
          labels: { grade: 'ticket', instance: 'w' },
          summary: 'Dead letters do not reach their topic',
          description:
            'The bus refused 25 dead letters of w in the last 5 min, and that for 10 min. Their rows in Postgres are kept.',
        },
      ],
    },
  },
  {
    scenario: 'the bus refused a dead letter once',
    series: { [worker('dlq_publish_errors_total')]: '0x3 1x20' },
    at: 15,
    quiet: ['PulseDlqBroken'],
  },
]
