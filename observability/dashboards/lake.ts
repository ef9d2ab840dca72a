import { heatmap, lines } from './charts.ts'
import { dashboard } from './dashboard.ts'
import {
  grown,
  heat,
  highest,
  mean,
  observed,
  percentiles,
  quantile,
  rate,
  sinceEarliest,
  sinceLatest,
  sum,
  top,
} from './queries.ts'
import { nothing, rising, steps, under } from './said.ts'
import { table } from './tables.ts'
import { datasetVariable, OF_DATASET, tenantVariable } from './variables.ts'

/** The objective of a flush, an edge of its buckets. */
const FLUSH_OBJECTIVE = 5
const MEBIBYTE = 1024 ** 2

const perDataset = (numerator: string, denominator: string): string => `${numerator} / (${denominator} > 0)`

export const lake = () =>
  dashboard({
    slug: 'lake',
    title: 'Pulse: Lake',
    description: 'Do flushes become snapshots, are the tables in good order, and how fast are the places below?',
    variables: [tenantVariable(), datasetVariable()],
    rows: [
      {
        id: 10,
        title: 'Do flushes become snapshots?',
        panels: [
          heatmap({
            id: 11,
            title: 'How long does a flush take?',
            good: `A band under ${FLUSH_OBJECTIVE} s.`,
            otherwise:
              'diamonds lead to the flush’s trace, whose steps say where the time goes: ids, encoding, object store, commit.',
            unit: 's',
            down: 'runtime',
            width: 8,
            exemplars: true,
            expr: heat('pulse_worker_batch_flush_seconds'),
          }),
          lines({
            id: 12,
            title: 'How long do slow flushes take?',
            good: `p95 under ${FLUSH_OBJECTIVE} s.`,
            otherwise: 'compare with the commit and the object store below.',
            unit: 's',
            down: 'runtime',
            width: 8,
            exemplars: true,
            limits: under(FLUSH_OBJECTIVE),
            asked: percentiles('pulse_worker_batch_flush_seconds'),
          }),
          lines({
            id: 13,
            title: 'What makes flushes due?',
            good: 'Mostly `age` in quiet times, `rows` or `bytes` under load.',
            otherwise: 'many `release`: partitions move all the time, see Worker.',
            unit: 'none',
            down: 'worker',
            width: 8,
            bars: true,
            stacked: true,
            asked: [{ expr: grown('pulse_worker_batch_flushes_total', ['trigger']), as: '{{trigger}}' }],
          }),
          lines({
            id: 14,
            title: 'How do flushes end?',
            good: 'Only `committed`.',
            otherwise:
              '`retried`: its rows wait for the next; `failed`: they became dead letters. The log has the code (`event="worker.flush.failed"`).',
            unit: 'none',
            down: 'integrity',
            width: 8,
            bars: true,
            stacked: true,
            asked: [{ expr: grown('pulse_worker_batch_flushes_total', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 15,
            title: 'How do commits end?',
            good: 'Only `ok`.',
            otherwise:
              '`conflict`: somebody else writes the table. `unknown`: the answer was lost and looked up. `error`: Postgres, see Runtime.',
            unit: 'ops',
            down: 'runtime',
            width: 8,
            asked: [{ expr: observed('pulse_worker_iceberg_commit_seconds', ['outcome']), as: '{{outcome}}' }],
          }),
          lines({
            id: 16,
            title: 'How long do commits take?',
            good: 'p95 far under a second.',
            otherwise: 'Postgres is slow: its disk, or locks that are held long. Runtime has each transaction.',
            unit: 's',
            down: 'runtime',
            width: 8,
            limits: rising(1, FLUSH_OBJECTIVE),
            asked: [{ expr: quantile(0.95, 'pulse_worker_iceberg_commit_seconds', [], { outcome: 'ok' }), as: 'p95' }],
          }),
          lines({
            id: 17,
            title: 'Where can nothing be appended?',
            good: 'Nowhere.',
            otherwise:
              'the log has the reason by this tenant and dataset (`event="worker.flush.failed"`, `worker.dataset.parked`); its events wait.',
            unit: 'none',
            down: 'tenant',
            width: 12,
            bars: true,
            limits: nothing,
            asked: [
              {
                expr: top(10, grown('pulse_worker_iceberg_append_errors_total', ['tenant', 'dataset'])),
                as: '{{tenant}} / {{dataset}}',
              },
            ],
          }),
          lines({
            id: 18,
            title: 'Which tables are written by others, too?',
            good: 'None: each conflict stages the flush once more.',
            otherwise: 'find the other writer; Pulse’s own workers never meet in a table.',
            unit: 'none',
            down: 'tenant',
            width: 12,
            bars: true,
            limits: nothing,
            asked: [
              {
                expr: top(10, grown('pulse_worker_iceberg_commit_conflicts_total', ['tenant', 'dataset'])),
                as: '{{tenant}} / {{dataset}}',
              },
            ],
          }),
        ],
      },
      {
        id: 20,
        title: 'Are the tables in good order?',
        panels: [
          heatmap({
            id: 21,
            title: 'How many rows has a flush?',
            good: 'Thousands under load; few in quiet times.',
            otherwise:
              'few rows under load: `PULSE_FLUSH_SECONDS` is short, or the load is spread over very many datasets.',
            unit: 'none',
            down: 'worker',
            width: 8,
            expr: heat('pulse_worker_batch_rows'),
          }),
          heatmap({
            id: 22,
            title: 'How many bytes has a flush?',
            good: 'Megabytes under load.',
            otherwise: 'kilobytes under load make small files, which readers pay for.',
            unit: 'bytes',
            down: 'worker',
            width: 8,
            expr: heat('pulse_worker_batch_bytes'),
          }),
          lines({
            id: 23,
            title: 'How large are the files that are written?',
            good: 'A mebibyte and more, for datasets with traffic.',
            otherwise: 'flush less often (`PULSE_FLUSH_SECONDS`), or compact that table with an engine.',
            unit: 'bytes',
            down: 'tenant',
            width: 8,
            limits: steps('yellow', [MEBIBYTE, 'green']),
            asked: [
              {
                expr: top(
                  10,
                  perDataset(
                    grown('pulse_worker_iceberg_data_bytes_total', ['tenant', 'dataset'], {}, '30m'),
                    grown('pulse_worker_iceberg_data_files_total', ['tenant', 'dataset'], {}, '30m'),
                  ),
                ),
                as: '{{tenant}} / {{dataset}}',
              },
            ],
          }),
          table({
            id: 24,
            title: 'Which tables keep the most snapshots and metadata?',
            good: 'Snapshots under `PULSE_SNAPSHOTS_KEEP` and a few more, metadata under a mebibyte.',
            otherwise: 'expiry does not come round, see the next panel; every commit writes that metadata anew.',
            unit: 'none',
            down: 'tenant',
            width: 12,
            labels: { tenant: 'Tenant', dataset: 'Dataset' },
            columns: [
              { expr: highest('pulse_worker_iceberg_snapshots', ['tenant', 'dataset']), as: 'Snapshots' },
              {
                expr: highest('pulse_worker_iceberg_metadata_bytes', ['tenant', 'dataset']),
                as: 'Metadata',
                unit: 'bytes',
                limits: steps('green', [MEBIBYTE, 'yellow']),
              },
            ],
            sort: 'Snapshots',
            empty: 'nothing was committed yet',
          }),
          lines({
            id: 25,
            title: 'Does upkeep come round?',
            good: 'Each task went well within its interval: minutes; `mark` and `canary` within hours.',
            otherwise:
              'the log says which task failed and why (`event="upkeep.task.finished"`). Files and metadata grow meanwhile, nothing is lost.',
            unit: 's',
            down: 'runtime',
            width: 12,
            asked: [
              {
                expr: sinceLatest('pulse_worker_maintenance_last_success_timestamp_seconds', ['task']),
                as: '{{task}}',
              },
            ],
          }),
        ],
      },
      {
        id: 30,
        title: 'How fast are the places below, and how are they read?',
        panels: [
          lines({
            id: 31,
            title: 'How long does the object store take?',
            good: 'p95 of `put` and `get` under half a second.',
            otherwise: 'the store or the way to it; flushes and previews wait for it.',
            unit: 's',
            down: 'runtime',
            width: 8,
            limits: rising(0.5, 2.5),
            asked: [{ expr: quantile(0.95, 'pulse_worker_object_store_seconds', ['operation']), as: '{{operation}}' }],
          }),
          lines({
            id: 32,
            title: 'Does the object store refuse anything?',
            good: 'Nothing. A `get` of what is not there yet may count here.',
            otherwise: 'credentials, space, or a bucket’s rules; the log has the store’s own words.',
            unit: 'ops',
            down: 'runtime',
            width: 8,
            limits: nothing,
            asked: [
              {
                expr: observed('pulse_worker_object_store_seconds', ['operation'], { outcome: 'error' }),
                as: '{{operation}}',
              },
            ],
          }),
          lines({
            id: 33,
            title: 'What do previews open, and leave closed?',
            good: 'Most files are left closed, because their bounds cannot match.',
            otherwise:
              'many opened files for few rows: small files, or a table that is not laid out by what is asked for.',
            unit: 'none',
            down: 'api',
            width: 8,
            stacked: true,
            asked: [
              { expr: grown('pulse_api_dataset_preview_files_read_total'), as: 'opened' },
              { expr: grown('pulse_api_dataset_preview_files_pruned_total'), as: 'left closed' },
            ],
          }),
          lines({
            id: 34,
            title: 'How much do previews read for what they answer?',
            good: 'Kilobytes a row.',
            otherwise: 'megabytes a row: whole files are opened for a handful of rows.',
            unit: 'binBps',
            down: 'api',
            width: 12,
            asked: [{ expr: rate('pulse_api_dataset_preview_bytes_read_total'), as: 'bytes read' }],
          }),
          lines({
            id: 35,
            title: 'How many rows do previews answer?',
            good: 'What people look at, and the canary’s few.',
            otherwise:
              'thousands a second: somebody exports through previews; an engine on the table is made for that.',
            unit: 'rowsps',
            down: 'api',
            width: 12,
            asked: [{ expr: rate('pulse_api_dataset_preview_rows_total'), as: 'rows' }],
          }),
        ],
      },
      {
        id: 40,
        title: 'One dataset: $tenant / $dataset',
        panels: [
          lines({
            id: 41,
            title: 'Is it read and appended?',
            good: 'Appended follows read, in steps.',
            otherwise: 'read and not appended: the next panels.',
            unit: 'eps',
            down: 'tenant',
            width: 8,
            asked: [
              { expr: rate('pulse_worker_events_consumed_total', [], OF_DATASET), as: 'read' },
              { expr: rate('pulse_worker_events_appended_total', [], OF_DATASET), as: 'appended' },
            ],
          }),
          lines({
            id: 42,
            title: 'How long do its flushes take?',
            good: `On average under ${FLUSH_OBJECTIVE} s.`,
            otherwise: 'longer than others’: many columns, wide rows, or a table with much metadata.',
            unit: 's',
            down: 'tenant',
            width: 8,
            limits: under(FLUSH_OBJECTIVE),
            asked: [{ expr: mean('pulse_worker_batch_flush_seconds', [], OF_DATASET), as: 'on average' }],
          }),
          lines({
            id: 43,
            title: 'Does its append fail?',
            good: 'Never.',
            otherwise: 'the log lines of the tenant have the reason; it is tried again for ever, with growing pauses.',
            unit: 'none',
            down: 'tenant',
            width: 8,
            bars: true,
            limits: nothing,
            asked: [
              { expr: grown('pulse_worker_iceberg_append_errors_total', [], OF_DATASET), as: 'errors' },
              { expr: grown('pulse_worker_iceberg_commit_conflicts_total', [], OF_DATASET), as: 'conflicts' },
            ],
          }),
          lines({
            id: 44,
            title: 'How many of its rows wait in memory?',
            good: 'A saw: filled by reading, emptied by each flush.',
            otherwise: 'growing: it cannot be appended.',
            unit: 'none',
            down: 'tenant',
            width: 8,
            asked: [{ expr: sum('pulse_worker_buffer_rows', [], OF_DATASET), as: 'rows' }],
          }),
          lines({
            id: 45,
            title: 'Until when is it queryable?',
            good: 'Everything received until a few seconds before now.',
            otherwise: 'it stalls: its events wait on the bus and are not lost.',
            unit: 's',
            down: 'freshness',
            width: 8,
            asked: [
              {
                expr: sinceEarliest('pulse_worker_committed_watermark_timestamp_seconds', [], OF_DATASET),
                as: 'behind now',
              },
            ],
          }),
          lines({
            id: 46,
            title: 'How many files are written?',
            good: 'One for each flush and partition of the table.',
            otherwise: 'many small ones: see how large they are, above.',
            unit: 'none',
            down: 'tenant',
            width: 8,
            bars: true,
            asked: [{ expr: grown('pulse_worker_iceberg_data_files_total', [], OF_DATASET), as: 'files' }],
          }),
        ],
      },
    ],
  })
