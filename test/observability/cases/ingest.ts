import type { AlertCase } from './case.ts'

const at = (worker: string): string => `job="pulse-worker",instance="${worker}"`
const owned = (worker: string): string => `pulse_worker_partitions_owned{${at(worker)}}`
const PARTITIONS = 'pulse_bus_partitions{job="pulse-api",instance="a"}'
const lag = (worker: string, tenant: string): string => `pulse_worker_lag_seconds{${at(worker)},tenant="${tenant}"}`
const lagRecords = (worker: string): string => `pulse_worker_lag_records{${at(worker)},tenant="acme"}`
const consumed = (worker: string): string =>
  `pulse_worker_events_consumed_total{${at(worker)},tenant="acme",dataset="orders"}`
const tick = (loop: string): string => `pulse_worker_loop_tick_timestamp_seconds{${at('w')},loop="${loop}"}`
const unflushed = (worker: string, dataset: string): string =>
  `pulse_worker_oldest_unflushed_timestamp_seconds{${at(worker)},tenant="acme",dataset="${dataset}"}`
const DISCOVERY = `pulse_worker_topic_discovery_timestamp_seconds{${at('w')}}`
const BUFFER = `pulse_worker_buffer_bytes{${at('w')}}`
const CAPACITY = `pulse_worker_buffer_capacity_bytes{${at('w')}}`
const FUTURE = `pulse_worker_future_records_total{${at('w')}}`

const unowned = (partitions: number) => ({
  PulsePartitionsUnowned: [
    {
      labels: { grade: 'page' },
      summary: 'Partitions of the bus that no worker reads',
      description: `${partitions} partitions have had no owner for 3 min. What clients send to their tenants waits on the bus.`,
    },
  ],
})

/** From the bus to the buffer, and the time that it takes. */
export const INGEST_CASES: readonly AlertCase[] = [
  {
    scenario: 'every worker is dead, and only the API still knows of the partitions',
    series: { [PARTITIONS]: '12x20', [owned('w')]: '6x2 stale', [owned('v')]: '6x2 stale' },
    at: 8,
    fires: unowned(12),
  },
  {
    scenario: 'one of three workers is dead and nobody takes over',
    series: { [PARTITIONS]: '12x20', [owned('u')]: '4x20', [owned('v')]: '4x20', [owned('w')]: '4x2 stale' },
    at: 8,
    fires: unowned(4),
  },
  {
    scenario: 'partitions are between two workers for two minutes',
    series: { [PARTITIONS]: '12x20', [owned('v')]: '8x20', [owned('w')]: '4x2 0x1 4x20' },
    at: 5,
    quiet: ['PulsePartitionsUnowned', 'PulsePartitionsDoublyOwned'],
  },
  {
    scenario: 'two workers both believe in their share',
    series: { [PARTITIONS]: '12x20', [owned('v')]: '8x20', [owned('w')]: '8x20' },
    at: 6,
    fires: {
      PulsePartitionsDoublyOwned: [
        {
          labels: { grade: 'page' },
          summary: 'Workers own more partitions than there are',
          description:
            '4 partitions too many are owned, for 5 min. Only one owner of each can commit; the other works in vain.',
        },
      ],
    },
  },
  {
    scenario: 'a worker has not read the list of partitions since it began',
    series: { [DISCOVERY]: '0x20' },
    at: 10,
    fires: {
      PulseTopicDiscoveryStale: [
        {
          labels: { grade: 'ticket', job: 'pulse-worker', instance: 'w' },
          summary: 'A worker does not look for new partitions',
          description:
            "w last read the list of partitions 10m 0s ago (every second is usual). A new tenant's events may be read by nobody.",
        },
      ],
    },
  },
  {
    scenario: 'a worker reads the list as it should, and its loops come round',
    series: { [DISCOVERY]: '0+60x20', [tick('consume')]: '0+60x20', [tick('flush')]: '0+60x20' },
    at: 15,
    quiet: ['PulseTopicDiscoveryStale', 'PulseLoopStuck'],
  },
  {
    scenario: 'records of one tenant wait, and another tenant is served',
    series: { [lag('w', 'acme')]: '0+60x20', [lag('v', 'globex')]: '5x20' },
    at: 6,
    fires: {
      PulseLagGrowing: [
        {
          labels: { grade: 'page', tenant: 'acme' },
          summary: 'The workers fall behind for acme',
          description: 'The oldest record of acme that is not committed has waited 6m 0s, and that grows.',
        },
      ],
    },
  },
  {
    scenario: 'a backlog of ten minutes is worked off',
    series: { [lag('w', 'acme')]: '600-30x15' },
    at: 12,
    quiet: ['PulseLagGrowing', 'PulseLagSustained'],
  },
  {
    scenario: 'a tenant has been a minute and a half behind all the time',
    series: { [lag('w', 'acme')]: '90x20' },
    at: 17,
    fires: {
      PulseLagSustained: [
        {
          labels: { grade: 'ticket', tenant: 'acme' },
          summary: 'The workers stay behind for acme',
          description:
            'The oldest record of acme that is not committed has waited 1m 30s; for 15 min it was always more than 60 s.',
        },
      ],
    },
  },
  {
    scenario: 'flushes come every four minutes',
    series: { [lag('w', 'acme')]: '0 60 90 120 0 60 90 120 0 60 90 120 0 60 90 120 0 60 90 120 0 60' },
    at: 19,
    quiet: ['PulseLagSustained', 'PulseLagGrowing'],
  },
  {
    scenario: 'one of two workers reads nothing of what waits for it',
    series: {
      [lagRecords('w')]: '50x20',
      [consumed('w')]: '100x20',
      [lagRecords('v')]: '50x20',
      [consumed('v')]: '0+60x20',
    },
    at: 6,
    fires: {
      PulseConsumerStuck: [
        {
          labels: { grade: 'page', instance: 'w' },
          summary: 'A worker reads nothing although there is something to read',
          description: '50 records wait for w, which has read none for 4 min.',
        },
      ],
    },
  },
  {
    scenario: 'a worker has nothing to read',
    series: { [lagRecords('w')]: '0x20', [consumed('w')]: '100x20' },
    at: 15,
    quiet: ['PulseConsumerStuck'],
  },
  {
    scenario: 'the consume loop hangs, and the others go round',
    series: { [tick('consume')]: '0x20', [tick('flush')]: '0+60x20' },
    at: 5,
    fires: {
      PulseLoopStuck: [
        {
          labels: { grade: 'page', job: 'pulse-worker', instance: 'w', loop: 'consume' },
          summary: 'A loop of a worker does not come round',
          description: 'The consume loop of w last came round 5m 0s ago, while the process answers.',
        },
      ],
    },
  },
  {
    scenario: 'the rows of one dataset stay in memory, and those of another go',
    series: {
      [unflushed('w', 'orders')]: '0x20',
      [unflushed('w', 'clicks')]: '0+60x20',
      [unflushed('v', 'orders')]: '0+60x20',
    },
    at: 9,
    fires: {
      PulseDatasetStalled: [
        {
          labels: { grade: 'page', tenant: 'acme', dataset: 'orders' },
          summary: 'Rows of acme/orders are not committed',
          description: 'The oldest row of acme/orders in memory was received 9m 0s ago.',
        },
      ],
    },
  },
  {
    scenario: 'the last row of a dataset was committed long ago',
    series: { [unflushed('w', 'orders')]: '0x4 stale' },
    at: 15,
    quiet: ['PulseDatasetStalled'],
  },
  {
    scenario: 'a buffer stays full',
    series: { [BUFFER]: '90x20', [CAPACITY]: '100x20' },
    at: 11,
    fires: {
      PulseBufferSaturated: [
        {
          labels: { grade: 'ticket', job: 'pulse-worker', instance: 'w' },
          summary: "A worker's buffer is nearly full",
          description: '90% of the buffer of w has been in use for 10 min; a full one holds reading back.',
        },
      ],
    },
  },
  {
    scenario: 'a buffer is full for five minutes',
    series: { [BUFFER]: '10x3 95x4 10x20', [CAPACITY]: '100x20' },
    at: 15,
    quiet: ['PulseBufferSaturated'],
  },
  {
    scenario: "an API's clock runs ahead",
    series: { [FUTURE]: '0+1x40' },
    at: 20,
    fires: {
      PulseClockSkew: [
        {
          labels: { grade: 'ticket', instance: 'w' },
          summary: 'Records come from the future',
          description:
            '15 records of the last 15 min were received more than 5 s ahead of the clock of w: the clocks of API and worker differ.',
        },
      ],
    },
  },
  {
    scenario: 'a clock was set once, and some records had come before',
    series: { [FUTURE]: '0x3 5x40' },
    at: 18,
    quiet: ['PulseClockSkew'],
  },
]
