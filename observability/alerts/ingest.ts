import { LAG } from '../recording.ts'
import { series } from '../query.ts'
import { FRESH_SECONDS } from '../slos.ts'
import type { Duration } from '../tempo.ts'
import { NUMBER, TIME, type Alert } from './alert.ts'
import { NO_BUS, NO_POSTGRES, NO_WORKER } from './explained.ts'

/** So many times the objective of freshness. */
const fresh = (times: number): Duration => `${FRESH_SECONDS * times}s`

const owned = `(sum(${series('pulse_worker_partitions_owned')}) or vector(0))`
const partitions = `max(${series('pulse_bus_partitions')})`
const consumed = (window: string): string =>
  `sum by (instance) (rate(${series('pulse_worker_events_consumed_total')}[${window}]))`

/** From the bus to the buffer, and the time that it takes. */
export const INGEST_ALERTS: readonly Alert[] = [
  {
    name: 'PulsePartitionsUnowned',
    // A plain subtraction is silent when every worker is dead: an empty operand empties the result. The left side comes from the API, too.
    expr: () => `${partitions} - ${owned} > 0`,
    wait: '3m',
    grade: 'page',
    carries: [],
    summary: 'Partitions of the bus that no worker reads',
    description: `${NUMBER} partitions have had no owner for 3 min. What clients send to their tenants waits on the bus.`,
    dashboard: 'worker',
    explained: [NO_WORKER, NO_POSTGRES],
  },
  {
    name: 'PulsePartitionsDoublyOwned',
    expr: () => `sum(${series('pulse_worker_partitions_owned')}) - ${partitions} > 0`,
    wait: '5m',
    grade: 'page',
    carries: [],
    summary: 'Workers own more partitions than there are',
    description: `${NUMBER} partitions too many are owned, for 5 min. Only one owner of each can commit; the other works in vain.`,
    dashboard: 'worker',
    explained: [NO_POSTGRES],
  },
  {
    name: 'PulseTopicDiscoveryStale',
    expr: ({ seconds }) => `time() - ${series('pulse_worker_topic_discovery_timestamp_seconds')} > ${seconds('60s')}`,
    wait: '5m',
    grade: 'ticket',
    carries: ['instance', 'job'],
    summary: 'A worker does not look for new partitions',
    description: `{{ $labels.instance }} last read the list of partitions ${TIME} ago (every second is usual). A new tenant's events may be read by nobody.`,
    dashboard: 'worker',
    explained: [NO_POSTGRES, { by: 'PulseDependencyDown', where: { dependency: 'postgres' } }],
  },
  {
    name: 'PulseLagGrowing',
    expr: ({ window, seconds }) => `${LAG} > ${seconds(fresh(2))} and deriv(${LAG}[${window('2m')}]) > 0.05`,
    wait: '2m',
    grade: 'page',
    carries: ['tenant'],
    summary: 'The workers fall behind for {{ $labels.tenant }}',
    description: `The oldest record of {{ $labels.tenant }} that is not committed has waited ${TIME}, and that grows.`,
    dashboard: 'freshness',
    explained: [NO_WORKER, NO_POSTGRES, NO_BUS, { by: 'PulsePartitionsUnowned' }],
  },
  {
    name: 'PulseLagSustained',
    expr: ({ seconds }) => `${LAG} > ${seconds(fresh(1))}`,
    wait: '15m',
    grade: 'ticket',
    carries: ['tenant'],
    summary: 'The workers stay behind for {{ $labels.tenant }}',
    description: `The oldest record of {{ $labels.tenant }} that is not committed has waited ${TIME}; for 15 min it was always more than ${FRESH_SECONDS} s.`,
    dashboard: 'freshness',
    explained: [
      NO_WORKER,
      NO_POSTGRES,
      NO_BUS,
      { by: 'PulsePartitionsUnowned' },
      { by: 'PulseLagGrowing', same: ['tenant'] },
      { by: 'PulseDatasetStalled', same: ['tenant'] },
    ],
  },
  {
    name: 'PulseConsumerStuck',
    expr: ({ window }) =>
      [
        `sum by (instance) (${series('pulse_worker_lag_records')}) > 0`,
        `and on (instance) ${consumed(window('2m'))} == 0`,
      ].join('\n'),
    wait: '2m',
    grade: 'page',
    carries: ['instance'],
    summary: 'A worker reads nothing although there is something to read',
    description: `${NUMBER} records wait for {{ $labels.instance }}, which has read none for 4 min.`,
    dashboard: 'worker',
    explained: [
      NO_POSTGRES,
      NO_BUS,
      { by: 'PulseDependencyDown', where: { dependency: 'kafka' } },
      { by: 'PulseLoopStuck', same: ['instance'] },
      { by: 'PulseLagGrowing' },
    ],
  },
  {
    name: 'PulseLoopStuck',
    expr: ({ seconds }) => `time() - ${series('pulse_worker_loop_tick_timestamp_seconds')} > ${seconds('60s')}`,
    wait: '1m',
    grade: 'page',
    carries: ['instance', 'job', 'loop'],
    summary: 'A loop of a worker does not come round',
    description: `The {{ $labels.loop }} loop of {{ $labels.instance }} last came round ${TIME} ago, while the process answers.`,
    dashboard: 'worker',
    // A bus that is away holds the consume loop for as long as a connection takes to fail.
    explained: [NO_POSTGRES, { by: 'PulseDependencyDown', where: { dependency: 'kafka' }, only: { loop: 'consume' } }],
  },
  {
    name: 'PulseDatasetStalled',
    expr: ({ seconds }) =>
      `time() - min by (tenant, dataset) (${series('pulse_worker_oldest_unflushed_timestamp_seconds')}) > ${seconds(fresh(5))}`,
    wait: '2m',
    grade: 'page',
    carries: ['tenant', 'dataset'],
    summary: 'Rows of {{ $labels.tenant }}/{{ $labels.dataset }} are not committed',
    description: `The oldest row of {{ $labels.tenant }}/{{ $labels.dataset }} in memory was received ${TIME} ago.`,
    dashboard: 'lake',
    explained: [NO_POSTGRES, { by: 'PulseLagGrowing', same: ['tenant'] }],
  },
  {
    name: 'PulseBufferSaturated',
    expr: () => `${series('pulse_worker_buffer_bytes')} / ${series('pulse_worker_buffer_capacity_bytes')} > 0.8`,
    wait: '10m',
    grade: 'ticket',
    carries: ['instance', 'job'],
    summary: "A worker's buffer is nearly full",
    description:
      '{{ $value | humanizePercentage }} of the buffer of {{ $labels.instance }} has been in use for 10 min; a full one holds reading back.',
    dashboard: 'worker',
    explained: [NO_POSTGRES, { by: 'PulseDependencyDown', where: { dependency: 'minio' } }, { by: 'PulseLagGrowing' }],
  },
  {
    name: 'PulseClockSkew',
    expr: ({ window }) =>
      `sum by (instance) (increase(${series('pulse_worker_future_records_total')}[${window('15m')}])) > 0`,
    wait: '15m',
    grade: 'ticket',
    carries: ['instance'],
    summary: 'Records come from the future',
    description: `${NUMBER} records of the last 15 min were received more than 5 s ahead of the clock of {{ $labels.instance }}: the clocks of API and worker differ.`,
    dashboard: 'freshness',
  },
]
