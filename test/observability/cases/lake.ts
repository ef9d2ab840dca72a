import type { AlertCase } from './case.ts'

const worker = (name: string, labels = ''): string => `pulse_worker_${name}{job="pulse-worker",instance="w"${labels}}`
const ORDERS = ',tenant="acme",dataset="orders"'
const ERRORS = worker('iceberg_append_errors_total', ORDERS)
const APPENDED = worker('events_appended_total', ORDERS)
const UNKNOWN = worker('iceberg_commit_seconds_count', ',outcome="unknown"')
const FILES = worker('iceberg_data_files_total', ORDERS)
const BYTES = worker('iceberg_data_bytes_total', ORDERS)
const task = (name: string): string => worker('maintenance_last_success_timestamp_seconds', `,task="${name}"`)
const span = (outcome: string): string =>
  `pulse_telemetry_spans_total{job="pulse-api",instance="a",outcome="${outcome}"}`
const LINES = 'pulse_log_lines_dropped_total{job="pulse-worker",instance="w"}'

const stale = (name: string, age: string) => ({
  labels: { grade: 'ticket', job: 'pulse-worker', instance: 'w', task: name },
  summary: `Upkeep is left undone: ${name}`,
  description: `${name} last went well ${age} ago, as w knows it.`,
})
const lossy = (job: string, what: string, lost: number) => ({
  labels: { grade: 'ticket', job, what },
  summary: `${job} loses ${what}`,
  description: `${lost} ${what} of ${job} were lost in the last 15 min, and that for 15 min. Events are not touched by it.`,
})

/** From the buffer to the table, what keeps the tables in order, and the window's own panes. */
export const LAKE_CASES: readonly AlertCase[] = [
  {
    scenario: 'every append to a dataset fails',
    series: { [ERRORS]: '0+1x20', [APPENDED]: '100x20' },
    at: 10,
    fires: {
      PulseAppendErrors: [
        {
          labels: { grade: 'ticket', tenant: 'acme', dataset: 'orders' },
          summary: 'Nothing can be appended to acme/orders',
          description:
            '10 attempts of the last 20 min to append to acme/orders failed, and none has succeeded for 10. Its events wait; when they wait too long, that pages.',
        },
      ],
    },
  },
  {
    scenario: 'every other append fails',
    series: { [ERRORS]: '0+1x20', [APPENDED]: '100+5x20' },
    at: 15,
    quiet: ['PulseAppendErrors'],
  },
  {
    scenario: 'answers to COMMIT get lost every minute',
    series: { [UNKNOWN]: '0+1x90' },
    at: 70,
    fires: {
      PulseCommitUnknown: [
        {
          labels: { grade: 'ticket' },
          summary: 'Answers to COMMIT get lost again and again',
          description:
            'The answer to 60 commits of the last hour never came. Each was looked up, so nothing is wrong with the data; the way to Postgres is.',
        },
      ],
    },
  },
  {
    scenario: 'a restart of Postgres took four answers to COMMIT with it',
    series: { [UNKNOWN]: '0x10 4x90' },
    at: 30,
    quiet: ['PulseCommitUnknown'],
  },
  {
    scenario: 'a dataset is flushed every six seconds into files of 10 KiB',
    series: { [FILES]: '0+10x480', [BYTES]: '0+102400x480' },
    at: 480,
    fires: {
      PulseSmallFiles: [
        {
          labels: { grade: 'ticket', tenant: 'acme', dataset: 'orders' },
          summary: 'acme/orders is made of many small files',
          description:
            'The data files of the last 6 h have 10kiB on average, and there are more than 2000 of them. Reads slow down with their number.',
        },
      ],
    },
  },
  {
    scenario: 'a dataset with few events is flushed every 30 seconds',
    series: { [FILES]: '0+2x480', [BYTES]: '0+4096x480' },
    at: 480,
    quiet: ['PulseSmallFiles'],
  },
  {
    scenario: 'a busy dataset makes many files, and large ones',
    series: { [FILES]: '0+10x480', [BYTES]: '0+104857600x480' },
    at: 480,
    quiet: ['PulseSmallFiles'],
  },
  {
    scenario: 'nobody sweeps, and the ledger was never seen to',
    series: { [task('sweep')]: '0x60', [task('retain')]: '0x60', [task('expire')]: '0+60x60' },
    at: 50,
    fires: { PulseMaintenanceStale: [stale('sweep', '50m 0s'), stale('retain', '50m 0s')] },
  },
  {
    scenario: 'upkeep keeps its intervals, the slow tasks theirs',
    series: {
      [task('sweep')]: '0+60x120',
      [task('mark')]: '0x60 3600x60',
      [task('retain')]: '0x20 1200x20 2400x40 4800x40',
    },
    at: 100,
    quiet: ['PulseMaintenanceStale'],
  },
  {
    scenario: 'nobody takes the spans, and nobody reads the log',
    series: { [span('failed')]: '0+1x60', [span('dropped_queue')]: '0+1x60', [LINES]: '0+2x60' },
    at: 35,
    fires: { PulseTelemetryLossy: [lossy('pulse-api', 'spans', 30), lossy('pulse-worker', 'log lines', 30)] },
  },
  {
    scenario: 'the receiver of spans was restarted, and all others were exported',
    series: { [span('exported')]: '0+60x60', [span('failed')]: '0x10 40x60', [LINES]: '0x60' },
    at: 24,
    quiet: ['PulseTelemetryLossy'],
  },
]
