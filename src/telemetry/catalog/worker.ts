import { DEAD_LETTER_REASONS } from '../../event/index.ts'
import { BYTES, FLUSH_SECONDS, FRESHNESS_SECONDS, HTTP_SECONDS, ROWS } from './buckets.ts'
import { counter, gauge, histogram } from './entry.ts'

export const FLUSH_TRIGGERS = ['rows', 'bytes', 'age', 'release', 'shutdown'] as const
export type FlushTrigger = (typeof FLUSH_TRIGGERS)[number]
export const FLUSH_OUTCOMES = ['committed', 'retried', 'failed'] as const
export const COMMIT_OUTCOMES = ['ok', 'conflict', 'unknown', 'error'] as const
export type CommitOutcomeLabel = (typeof COMMIT_OUTCOMES)[number]
/** What became of a partition that the bus did not answer for as expected. */
export const SOURCE_LOSSES = ['recreated', 'records_missing', 'deleted'] as const
export const PAUSE_REASONS = ['buffer_full', 'bus_away', 'release'] as const
export type PauseReason = (typeof PAUSE_REASONS)[number]
const LOOPS = ['consume', 'flush', 'health'] as const
const MAINTENANCE_TASKS = ['relay', 'sweep', 'expire', 'mark', 'forget', 'partitions', 'retain', 'canary'] as const
export type MaintenanceTask = (typeof MAINTENANCE_TASKS)[number]

const TENANT = { tenant: 'tenant' } as const
const PAIR = { tenant: 'tenant', dataset: 'dataset' } as const

/** The worker plane. The first six are the founding page's, letter for letter. */
export const WORKER_METRICS = {
  pulse_worker_events_consumed_total: counter(
    'worker',
    'worker',
    PAIR,
    'Records read from the bus, counted once per delivery.',
  ),
  pulse_worker_duplicates_dropped_total: counter(
    'worker',
    'integrity',
    TENANT,
    'Events whose id was already a row of their dataset, dropped.',
  ),
  pulse_worker_events_dlq_total: counter(
    'worker',
    'integrity',
    { ...TENANT, reason: DEAD_LETTER_REASONS },
    'Events that became dead letters, by reason.',
  ),
  pulse_worker_iceberg_append_errors_total: counter(
    'worker',
    'lake',
    PAIR,
    'Attempts to append a flush to its Iceberg table that failed.',
  ),
  pulse_worker_batch_flush_seconds: histogram(
    'worker',
    'lake',
    PAIR,
    FLUSH_SECONDS,
    'Time from the start of a flush to its commit.',
    { exemplars: true },
  ),
  pulse_worker_buffer_rows: gauge('worker', 'worker', PAIR, 'Rows in memory that wait for their flush.'),

  pulse_worker_lag_records: gauge('worker', 'worker', TENANT, 'Records on the bus behind what is committed.'),
  pulse_worker_lag_seconds: gauge(
    'worker',
    'worker',
    TENANT,
    'Age of the oldest record on the bus that is not committed, 0 when caught up; the worst partition speaks.',
    'max',
  ),
  pulse_worker_partitions_owned: gauge('worker', 'worker', {}, 'Partitions that this worker owns.'),
  pulse_worker_partition_moves_total: counter(
    'worker',
    'worker',
    { kind: ['claimed', 'released', 'lost'] },
    'Partitions that came to this worker or left it.',
  ),
  pulse_worker_release_drain_seconds: histogram(
    'worker',
    'worker',
    { cause: ['share_moved', 'shutdown'] },
    FLUSH_SECONDS,
    'Time that flushing took before partitions were given back.',
  ),
  pulse_worker_topic_discovery_timestamp_seconds: gauge(
    'worker',
    'worker',
    {},
    'When the list of partitions to share was last read.',
    'min',
  ),
  pulse_worker_offset_commits_total: counter(
    'worker',
    'worker',
    { outcome: ['ok', 'stale_generation', 'error'] },
    'Attempts to settle offsets, which move in the transaction of a flush.',
  ),
  pulse_worker_offset_gaps_total: counter(
    'worker',
    'integrity',
    {},
    'Records that the bus no longer had when they were to be read. Has to be 0; the log names topic and offsets.',
  ),
  pulse_worker_sources_lost_total: counter(
    'worker',
    'integrity',
    { reason: SOURCE_LOSSES },
    'Partitions whose topic was deleted or made again, or whose records were removed or cut back, before they were read. Has to be 0.',
  ),
  pulse_worker_future_records_total: counter(
    'worker',
    'freshness',
    {},
    "Records received more than 5 s ahead of this worker's clock.",
  ),
  pulse_worker_fetch_paused_seconds_total: counter(
    'worker',
    'worker',
    { reason: PAUSE_REASONS },
    'Time during which reading was held back, summed over partitions held back at once as one.',
  ),
  pulse_worker_loop_tick_timestamp_seconds: gauge(
    'worker',
    'worker',
    { loop: LOOPS },
    'When each loop last came round.',
    'min',
  ),

  pulse_worker_events_appended_total: counter('worker', 'integrity', PAIR, 'Rows committed to their table.'),
  pulse_worker_events_replayed_total: counter(
    'worker',
    'integrity',
    TENANT,
    'Records delivered again and known from the settled offsets.',
  ),
  pulse_worker_events_released_total: counter(
    'worker',
    'integrity',
    {},
    'Records given back unflushed: their partition moved, or their dataset is parked. They are read again.',
  ),
  pulse_worker_inflight_rows: gauge('worker', 'integrity', {}, 'Records taken from the buffer and not yet committed.'),
  pulse_worker_ledger_imbalance: gauge(
    'worker',
    'integrity',
    {},
    'Consumed - (appended + duplicates + dlq + replayed + released + buffer + inflight). Has to be 0 at every instant.',
  ),
  pulse_worker_rows_removed_total: counter(
    'worker',
    'integrity',
    PAIR,
    "Rows taken out of a table with whole files by upkeep (the canary's own days).",
  ),

  pulse_worker_freshness_seconds: histogram(
    'worker',
    'freshness',
    { stage: ['consumed', 'committed'] },
    FRESHNESS_SECONDS,
    'Age of events, since the API received them, when they were read and when they were committed.',
    { exemplars: true },
  ),
  pulse_worker_committed_watermark_timestamp_seconds: gauge(
    'worker',
    'freshness',
    PAIR,
    'Everything of the dataset that was received before this instant, in the partitions of this worker, is queryable.',
    'min',
  ),
  pulse_worker_oldest_unflushed_timestamp_seconds: gauge(
    'worker',
    'freshness',
    PAIR,
    'When the oldest row in memory was received; absent while there is none.',
    'min',
  ),
  pulse_worker_buffer_bytes: gauge('worker', 'worker', {}, 'Bytes buffered and in flight.'),
  pulse_worker_buffer_capacity_bytes: gauge('worker', 'worker', {}, 'PULSE_BUFFER_BYTES.'),
  pulse_worker_batch_flushes_total: counter(
    'worker',
    'lake',
    { trigger: FLUSH_TRIGGERS, outcome: FLUSH_OUTCOMES },
    "Flushes of a dataset by what made them due, and how they ended; retried: the dataset's rows wait for another flush.",
  ),
  pulse_worker_batch_rows: histogram('worker', 'lake', {}, ROWS, 'Rows of a committed flush of a dataset.'),
  pulse_worker_batch_bytes: histogram(
    'worker',
    'lake',
    {},
    BYTES,
    'Bytes of the data files of a committed flush of a dataset.',
  ),
  pulse_worker_iceberg_commit_seconds: histogram(
    'worker',
    'lake',
    { outcome: COMMIT_OUTCOMES },
    FLUSH_SECONDS,
    'Time of one attempt to commit. unknown: the answer was lost, and what became of it was looked up.',
  ),
  pulse_worker_iceberg_commit_conflicts_total: counter(
    'worker',
    'lake',
    PAIR,
    'Commits that met a table that somebody else had moved, and were staged again.',
  ),
  pulse_worker_iceberg_data_files_total: counter('worker', 'lake', PAIR, 'Data files committed.'),
  pulse_worker_iceberg_data_bytes_total: counter('worker', 'lake', PAIR, 'Bytes of the data files committed.'),
  pulse_worker_iceberg_snapshots: gauge('worker', 'lake', PAIR, 'Snapshots of the table after the last commit.', 'max'),
  pulse_worker_iceberg_metadata_bytes: gauge(
    'worker',
    'lake',
    PAIR,
    "Bytes of the table's metadata file after the last commit.",
    'max',
  ),
  pulse_worker_object_store_seconds: histogram(
    'worker',
    'lake',
    { operation: ['put', 'get', 'list', 'delete'], outcome: ['ok', 'error'] },
    HTTP_SECONDS,
    'Time of calls to the object store.',
  ),
  pulse_worker_maintenance_last_success_timestamp_seconds: gauge(
    'worker',
    'lake',
    { task: MAINTENANCE_TASKS },
    'When each upkeep task last ended well in this process, or began to be due; tasks that another worker did count for all.',
    'max',
  ),
  pulse_worker_dedup_seconds: histogram(
    'worker',
    'integrity',
    {},
    HTTP_SECONDS,
    'Time of a question to the ledger for known ids.',
  ),
  pulse_worker_dedup_ledger_rows: gauge(
    'worker',
    'integrity',
    {},
    "Postgres's estimate of the ids in the ledger.",
    'max',
  ),
  pulse_worker_dedup_ledger_oldest_timestamp_seconds: gauge(
    'worker',
    'integrity',
    {},
    'Since when ids are remembered: an event sent again from before is a new one.',
    'min',
  ),
  pulse_worker_dlq_publish_errors_total: counter(
    'worker',
    'integrity',
    {},
    'Dead letters that the bus did not take into their topic. The rows in Postgres are kept and tried again.',
  ),
} as const
