import { observations, series } from '../query.ts'
import type { Duration } from '../tempo.ts'
import { NUMBER, TIME, type Alert } from './alert.ts'
import { NO_POSTGRES } from './explained.ts'

const grown = (selector: string, window: string): string =>
  `sum by (tenant, dataset) (increase(${selector}[${window}]))`
const FILES = series('pulse_worker_iceberg_data_files_total')
const BYTES = series('pulse_worker_iceberg_data_bytes_total')

type Task = Parameters<typeof series<'pulse_worker_maintenance_last_success_timestamp_seconds'>>[1]
const since = (where: Task): string =>
  `time() - ${series('pulse_worker_maintenance_last_success_timestamp_seconds', where)}`
/** Twice the interval of the slowest of them, or more. `src/upkeep/upkeep.ts` has the intervals. */
const UPKEEP: readonly (readonly [Task, Duration])[] = [
  [{ task: ['relay', 'sweep', 'expire', 'forget', 'partitions'] }, '10m'],
  [{ task: 'retain' }, '30m'],
  // `mark` comes every sixtieth of PULSE_BUS_RETENTION_HOURS: every two hours at five days.
  [{ task: ['mark', 'canary'] }, '4h'],
]

/** From the buffer to the table, and what keeps the tables in order. */
export const LAKE_ALERTS: readonly Alert[] = [
  {
    name: 'PulseAppendErrors',
    // Three and no success after them: in a row.
    expr: ({ window }) =>
      [
        `${grown(series('pulse_worker_iceberg_append_errors_total'), window('20m'))} >= 3`,
        `unless ${grown(series('pulse_worker_events_appended_total'), window('10m'))} > 0`,
      ].join('\n'),
    wait: '5m',
    grade: 'ticket',
    carries: ['tenant', 'dataset'],
    summary: 'Nothing can be appended to {{ $labels.tenant }}/{{ $labels.dataset }}',
    description: `${NUMBER} attempts of the last 20 min to append to {{ $labels.tenant }}/{{ $labels.dataset }} failed, and none has succeeded for 10. Its events wait; when they wait too long, that pages.`,
    dashboard: 'lake',
    explained: [NO_POSTGRES, { by: 'PulseDependencyDown', where: { dependency: 'minio' } }],
  },
  {
    name: 'PulseCommitUnknown',
    // Each is looked up and settled by itself, and a restart of Postgres makes a few: only a habit is news.
    expr: ({ window }) =>
      `sum(increase(${observations('pulse_worker_iceberg_commit_seconds', { outcome: 'unknown' })}[${window('1h')}])) > 10`,
    wait: '5m',
    grade: 'ticket',
    carries: [],
    summary: 'Answers to COMMIT get lost again and again',
    description: `The answer to ${NUMBER} commits of the last hour never came. Each was looked up, so nothing is wrong with the data; the way to Postgres is.`,
    dashboard: 'lake',
    explained: [{ by: 'PulseDependencyDown', where: { dependency: 'postgres' } }],
  },
  {
    name: 'PulseSmallFiles',
    // Few files are few: a dataset that is flushed every 30 s makes 720 in that time, whatever their size.
    expr: ({ window }) =>
      [
        `${grown(BYTES, window('6h'))} / ${grown(FILES, window('6h'))} < 1048576`,
        `and ${grown(FILES, window('6h'))} > 2000`,
      ].join('\n'),
    wait: '1h',
    grade: 'ticket',
    carries: ['tenant', 'dataset'],
    summary: '{{ $labels.tenant }}/{{ $labels.dataset }} is made of many small files',
    description:
      'The data files of the last 6 h have {{ $value | humanize1024 }}B on average, and there are more than 2000 of them. Reads slow down with their number.',
    dashboard: 'lake',
  },
  {
    name: 'PulseMaintenanceStale',
    expr: ({ seconds }) => UPKEEP.map(([task, limit]) => `${since(task)} > ${seconds(limit)}`).join('\nor\n'),
    wait: '15m',
    grade: 'ticket',
    carries: ['instance', 'job', 'task'],
    summary: 'Upkeep is left undone: {{ $labels.task }}',
    description: `{{ $labels.task }} last went well ${TIME} ago, as {{ $labels.instance }} knows it.`,
    dashboard: 'lake',
    explained: [NO_POSTGRES, { by: 'PulseDependencyDown' }],
  },
]
