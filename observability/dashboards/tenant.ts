import { lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import { grown, highest, mean, RANGE, rate, sinceEarliest, sum } from './queries.ts'
import { FRESH_SECONDS } from '../slos.ts'
import { nothing, rising } from './said.ts'
import { logs, logTable, table, traceTable } from './tables.ts'
import { datasetVariable, OF_DATASET, OF_TENANT, TENANT, tenantVariable } from './variables.ts'

const BY_NAME =
  'Logs and traces know every tenant by its own name, also one that metrics put into `_other`: type its slug above.'
const COLLECT_SECONDS = 0.25

/** Log lines of any process of Pulse that name the tenant. */
const LINES = `{service_name=~"pulse-.+"} | tenant="${TENANT}"`

export const tenant = () =>
  dashboard({
    slug: 'tenant',
    title: 'Pulse: Tenant',
    description:
      'One tenant: what it sends, what becomes of it, and what the logs and traces say. Metrics know the busiest by name and all others as `_other`; logs and traces know everybody.',
    variables: [tenantVariable(), datasetVariable()],
    rows: [
      {
        id: 10,
        title: '$tenant: what does it send, and what becomes of it?',
        panels: [
          lines({
            id: 11,
            title: 'What became of its events?',
            good: 'All accepted. There are no quotas in Pulse that a line could show: what is too much for the whole system is shed.',
            otherwise:
              'rejected: the next panel says why. Empty: it has no series of its own, choose `_other` for metrics.',
            unit: 'eps',
            down: 'collect',
            width: 8,
            stacked: true,
            asked: [{ expr: rate('pulse_api_collect_events_total', ['outcome'], OF_TENANT), as: '{{outcome}}' }],
          }),
          lines({
            id: 12,
            title: 'Why is it refused?',
            good: 'Next to never.',
            otherwise:
              '`schema`: it sends what its schema does not have; the answers to its requests name each property.',
            unit: 'none',
            down: 'collect',
            width: 8,
            bars: true,
            stacked: true,
            asked: [{ expr: grown('pulse_api_collect_rejected_total', ['reason'], OF_TENANT), as: '{{reason}}' }],
          }),
          lines({
            id: 13,
            title: 'How many bytes does it send?',
            good: 'What was agreed with it.',
            otherwise: 'it has grown: see whether the workers keep up on Worker.',
            unit: 'binBps',
            down: 'worker',
            width: 8,
            asked: [{ expr: rate('pulse_api_collect_bytes_total', [], OF_TENANT), as: 'JSON' }],
          }),
          lines({
            id: 14,
            title: 'Does what it sends become rows?',
            good: 'Appended follows read; duplicates and dead letters are next to nothing.',
            otherwise: 'duplicates: it sends again what was answered. Dead letters: the next panel.',
            unit: 'eps',
            down: 'worker',
            width: 8,
            asked: [
              { expr: rate('pulse_worker_events_consumed_total', [], OF_TENANT), as: 'read' },
              { expr: rate('pulse_worker_events_appended_total', [], OF_TENANT), as: 'appended' },
              { expr: rate('pulse_worker_duplicates_dropped_total', [], OF_TENANT), as: 'duplicates' },
              { expr: rate('pulse_worker_events_dlq_total', [], OF_TENANT), as: 'dead letters' },
            ],
          }),
          lines({
            id: 15,
            title: 'Why do its events become dead letters?',
            good: 'They do not.',
            otherwise: 'docs/operate/dead-letters.md has each reason, and how they are sent again.',
            unit: 'none',
            down: 'integrity',
            width: 8,
            bars: true,
            stacked: true,
            asked: [{ expr: grown('pulse_worker_events_dlq_total', ['reason'], OF_TENANT), as: '{{reason}}' }],
          }),
          lines({
            id: 16,
            title: 'How old is its oldest record that is not committed?',
            good: `A saw under ${FRESH_SECONDS} s.`,
            otherwise: 'all its datasets share one topic: the slowest speaks here, the table below says which.',
            unit: 's',
            down: 'freshness',
            width: 8,
            limits: rising(FRESH_SECONDS, 2 * FRESH_SECONDS),
            asked: [{ expr: highest('pulse_worker_lag_seconds', [], OF_TENANT), as: 'age' }],
          }),
        ],
      },
      {
        id: 20,
        title: '$tenant: its datasets',
        panels: [
          table({
            id: 21,
            title: 'How are its datasets?',
            good: `Every dataset is less than ${FRESH_SECONDS} s behind, and none has append errors.`,
            otherwise: 'one that is far behind cannot be appended: choose it above and see the last row of Lake.',
            unit: 'none',
            down: 'lake',
            width: 14,
            labels: { dataset: 'Dataset' },
            columns: [
              { expr: grown('pulse_worker_events_appended_total', ['dataset'], OF_TENANT, RANGE), as: 'Rows' },
              {
                expr: sinceEarliest('pulse_worker_committed_watermark_timestamp_seconds', ['dataset'], OF_TENANT),
                as: 'Behind',
                unit: 's',
                limits: rising(FRESH_SECONDS, 5 * FRESH_SECONDS),
              },
              { expr: sum('pulse_worker_buffer_rows', ['dataset'], OF_TENANT), as: 'In memory' },
              { expr: grown('pulse_worker_iceberg_data_files_total', ['dataset'], OF_TENANT, RANGE), as: 'Files' },
              {
                expr: grown('pulse_worker_iceberg_append_errors_total', ['dataset'], OF_TENANT, RANGE),
                as: 'Append errors',
                limits: nothing,
              },
            ],
            sort: 'Rows',
            empty: 'no series of its own: choose _other',
          }),
          lines({
            id: 22,
            title: 'How do its previews end?',
            good: '`ok`, or `empty` where there is nothing yet.',
            otherwise: '`timeout` and `too_large`: it asks for much at once, or the table is made of many small files.',
            unit: 'none',
            down: 'api',
            width: 10,
            bars: true,
            stacked: true,
            asked: [{ expr: grown('pulse_api_dataset_preview_total', ['outcome'], OF_TENANT), as: '{{outcome}}' }],
          }),
          lines({
            id: 23,
            title: '$dataset: accepted, read, appended?',
            good: 'Three curves on top of each other; appended in steps.',
            otherwise: 'the first that is missing names the stage.',
            unit: 'eps',
            down: 'lake',
            width: 14,
            asked: [
              {
                expr: rate('pulse_api_collect_events_total', [], { ...OF_DATASET, outcome: 'accepted' }),
                as: 'accepted',
              },
              { expr: rate('pulse_worker_events_consumed_total', [], OF_DATASET), as: 'read' },
              { expr: rate('pulse_worker_events_appended_total', [], OF_DATASET), as: 'appended' },
            ],
          }),
          lines({
            id: 24,
            title: '$dataset: how long do its flushes take?',
            good: 'On average under 5 s.',
            otherwise: 'wide rows, or a table with much metadata: see Lake.',
            unit: 's',
            down: 'lake',
            width: 10,
            asked: [{ expr: mean('pulse_worker_batch_flush_seconds', [], OF_DATASET), as: 'on average' }],
          }),
        ],
      },
      {
        id: 30,
        title: '$tenant: by its own name',
        panels: [
          logs({
            id: 31,
            title: 'What went wrong for it?',
            good: `No lines. ${BY_NAME}`,
            otherwise: 'open a line: its `trace_id` leads to the trace, `error.code` is the word to search for.',
            unit: 'string',
            down: 'telemetry',
            width: 12,
            height: 10,
            expr: `${LINES} | level=~"warn|error"`,
            empty: 'no line: nothing went wrong, or no tenant has that name',
          }),
          logs({
            id: 32,
            title: 'What was flushed for it?',
            good: `A line for each flush and dataset, with its rows, files, offsets and snapshot. ${BY_NAME}`,
            otherwise: 'no line while it sends: its partitions are read by nobody, see Worker.',
            unit: 'string',
            down: 'lake',
            width: 12,
            height: 10,
            expr: `${LINES} | event=~"worker.flush.+"`,
            empty: 'no flush in this time, or no tenant has that name',
          }),
          traceTable({
            id: 33,
            title: 'Which of its requests were slow?',
            good: `None over ${COLLECT_SECONDS} s. ${BY_NAME}`,
            otherwise: 'a click opens the waterfall, from the door to the snapshot.',
            unit: 's',
            down: 'collect',
            width: 12,
            query: `{ span.pulse.tenant.id = "${TENANT}" && kind = server && duration > ${COLLECT_SECONDS * 1000}ms }`,
            empty: 'none that was sampled',
          }),
          traceTable({
            id: 34,
            title: 'Which of its traces have an error?',
            good: `None. ${BY_NAME}`,
            otherwise: 'the red span is where it broke; its log lines are one click away.',
            unit: 's',
            down: 'integrity',
            width: 12,
            query: `{ span.pulse.tenant.id = "${TENANT}" && status = error }`,
            empty: 'none that was sampled',
          }),
          logTable({
            id: 35,
            title: 'Who is in _other?',
            good: 'Every tenant that was flushed in the last hour, by its own name, the busiest first: also those without series of their own.',
            otherwise:
              'a name leads to this dashboard for that tenant; its logs and traces are complete, its metrics are within `_other`.',
            unit: 'none',
            down: 'telemetry',
            width: 24,
            expr: 'topk(50, sum by (tenant) (count_over_time({plane="worker"} | event="worker.flush.committed" [1h])))',
            as: 'Flushes of datasets, last hour',
            empty: 'no log lines: is Loki there?',
          }),
        ],
      },
    ],
  })
