import { series } from '../query.ts'
import { NUMBER, SHARE, type Alert } from './alert.ts'
import { AFTER, LATE, NO_BUS } from './explained.ts'

const wrong = (window: string): string =>
  `sum by (outcome) (increase(${series('pulse_canary_verified_total', { outcome: ['duplicated', 'corrupted'] })}[${window}])) > 0`
const silent = (selector: string, window: string): string => `(sum(increase(${selector}[${window}])) or vector(0)) == 0`

const DLQ = 'tenant_bucket:pulse_worker_events_dlq:rate5m'
const CONSUMED = 'tenant_bucket:pulse_worker_events_consumed:rate5m'

/** Whether what was accepted is a row, once, as it was sent. */
export const INTEGRITY_ALERTS: readonly Alert[] = [
  {
    name: 'PulseCanaryLost',
    // Missing is what is missing now: an event that came back after an outage was late. Half an hour for the others outlasts the burn.
    expr: ({ window }) =>
      [
        `label_replace(sum(${series('pulse_canary_missing_events')}) > 0, "outcome", "missing", "", "")`,
        `or`,
        wrong(window('30m')),
      ].join('\n'),
    wait: '0s',
    grade: 'page',
    carries: ['outcome'],
    summary: 'An accepted event of the canary is {{ $labels.outcome }}',
    description: `${NUMBER} events that the API accepted are {{ $labels.outcome }}. If it happens to the canary, it happens to tenants.`,
    dashboard: 'integrity',
    explained: LATE.map((explained) => ({ ...explained, only: { outcome: 'missing' } })),
  },
  {
    name: 'PulseCanarySilent',
    expr: ({ window }) =>
      [
        silent(series('pulse_canary_sent_total'), window('15m')),
        'or',
        silent(series('pulse_canary_verified_total'), window('15m')),
      ].join('\n'),
    wait: '5m',
    grade: 'ticket',
    carries: [],
    summary: 'The canary sends nothing, or reads nothing back',
    description: `${NUMBER} canary events were sent or judged in the last 15 min. Until that changes nobody checks that accepted events become rows.`,
    dashboard: 'integrity',
    explained: [AFTER],
  },
  {
    name: 'PulseOffsetGap',
    expr: ({ window }) =>
      `sum by (instance) (increase(${series('pulse_worker_offset_gaps_total')}[${window('10m')}])) > 0`,
    wait: '0s',
    grade: 'page',
    carries: ['instance'],
    summary: 'Records were gone from the bus before they were read',
    description: `${NUMBER} records of the last 10 min were not on the bus any more when {{ $labels.instance }} came to read them. They were accepted.`,
    dashboard: 'integrity',
  },
  {
    name: 'PulseSourceLost',
    expr: ({ window }) =>
      `sum by (reason) (increase(${series('pulse_worker_sources_lost_total', { reason: ['recreated', 'deleted'] })}[${window('10m')}])) > 0`,
    wait: '0s',
    grade: 'page',
    carries: ['reason'],
    summary: "A tenant's topic was {{ $labels.reason }}",
    description: `${NUMBER} partitions were {{ $labels.reason }} in the last 10 min. What they held unread is gone, and nobody can say how much that was.`,
    dashboard: 'integrity',
  },
  {
    name: 'PulseLedgerUnbalanced',
    expr: () => `abs(${series('pulse_worker_ledger_imbalance')}) > 0`,
    wait: '1m',
    grade: 'ticket',
    carries: ['instance', 'job'],
    summary: "A worker's books do not balance",
    description: `{{ $labels.instance }} has ${NUMBER} records more or less than it can account for: consumed is not appended + duplicates + dead letters + replayed + released + buffered + in flight.`,
    dashboard: 'integrity',
  },
  {
    name: 'PulseDlqRatio',
    expr: () => [`${DLQ} / ${CONSUMED} > 0.01`, `and ${DLQ} > ${20 / 60}`].join('\n'),
    wait: '10m',
    grade: 'ticket',
    carries: ['tenant_bucket'],
    summary: 'Many events of {{ $labels.tenant_bucket }} become dead letters',
    description: `${SHARE} of the events of {{ $labels.tenant_bucket }} have become dead letters for 10 min, more than 20 a minute.`,
    dashboard: 'tenant',
  },
  {
    name: 'PulseDlqBroken',
    // The rows in Postgres are the truth and are tried again: nothing is lost, so nobody is woken.
    expr: ({ window }) =>
      `sum by (instance) (increase(${series('pulse_worker_dlq_publish_errors_total')}[${window('5m')}])) > 0`,
    wait: '10m',
    grade: 'ticket',
    carries: ['instance'],
    summary: 'Dead letters do not reach their topic',
    description: `The bus refused ${NUMBER} dead letters of {{ $labels.instance }} in the last 5 min, and that for 10 min. Their rows in Postgres are kept.`,
    dashboard: 'integrity',
    explained: [NO_BUS, { by: 'PulseDependencyDown', where: { dependency: 'kafka' } }],
  },
]
