import { FLUSH_SECONDS, HTTP_SECONDS } from './buckets.ts'
import { counter, gauge, histogram } from './entry.ts'

export const DEPENDENCIES = ['postgres', 'kafka', 'minio'] as const
export type Dependency = (typeof DEPENDENCIES)[number]
/** Transactions by what they are for: the closed list of `store`'s `name` option. */
export const QUERIES = [
  'audit',
  'batch',
  'binding',
  'canary',
  'catalog',
  'claim',
  'commit',
  'dataset',
  'dead_letters',
  'entity',
  'heartbeat',
  'intent',
  'key',
  'ledger',
  'limit',
  'ping',
  'relay',
  'tenant',
  'topic',
  'upkeep',
  'other',
] as const
export type QueryName = (typeof QUERIES)[number]
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export const SPAN_OUTCOMES = ['exported', 'dropped_queue', 'failed'] as const

const ALL = ['api', 'worker', 'canary'] as const
const BOTH = ['api', 'worker'] as const

/** What every process says of itself. */
export const PROCESS_METRICS = {
  pulse_build_info: gauge(
    ALL,
    'runtime',
    { version: 'text', commit: 'text', node: 'text', plane: ALL },
    'Always 1: what runs here.',
    'max',
  ),
  pulse_config_info: gauge(
    ALL,
    'runtime',
    { hash: 'text' },
    'Always 1: a hash of the settings, secrets left out; a change is a changed configuration.',
    'max',
  ),
  pulse_process_event_loop_utilization_ratio: gauge(
    ALL,
    'runtime',
    {},
    'Share of the time since the scrape before that the event loop was busy.',
    'max',
  ),
  pulse_tenant_bucket_info: gauge(
    BOTH,
    'telemetry',
    { tenant: 'tenant', tenant_bucket: 'tenant' },
    'Always 1: the bucket of each tenant that has a series of its own; recording rules join it.',
    'max',
  ),
  pulse_bus_partitions: gauge(
    BOTH,
    'worker',
    {},
    'Partitions that should be owned by some worker. Also from the API, so that a dead fleet of workers shows.',
    'max',
  ),
  pulse_dependency_up: gauge(
    ALL,
    'home',
    { dependency: DEPENDENCIES },
    '1 while the dependency answers this process.',
    'min',
  ),
  pulse_dependency_check_seconds: histogram(
    ALL,
    'runtime',
    { dependency: DEPENDENCIES },
    HTTP_SECONDS,
    'Time of the checks behind the probes.',
  ),
  pulse_db_pool_connections: gauge(
    BOTH,
    'runtime',
    { state: ['idle', 'busy', 'waiting'] },
    'Connections to Postgres, and callers that wait for one.',
  ),
  pulse_db_pool_max_connections: gauge(BOTH, 'runtime', {}, 'PULSE_DATABASE_POOL_SIZE.'),
  pulse_db_query_seconds: histogram(
    BOTH,
    'runtime',
    { query: QUERIES },
    FLUSH_SECONDS,
    'Time of transactions by what they are for, the wait for a connection included.',
  ),
  pulse_log_lines_total: counter(ALL, 'telemetry', { level: LOG_LEVELS, plane: ALL }, 'Log lines written.'),
  pulse_log_lines_dropped_total: counter(
    ALL,
    'telemetry',
    {},
    'Log lines lost because standard output was not read fast enough.',
  ),
  pulse_telemetry_series: gauge(ALL, 'telemetry', { metric: 'metric' }, 'Series of each metric in this process.'),
  pulse_telemetry_overflow_total: counter(
    ALL,
    'telemetry',
    { metric: 'metric', label: 'label' },
    'Updates that went to _other, because the bound on the label was reached.',
  ),
  pulse_telemetry_spans_total: counter(
    ALL,
    'telemetry',
    { outcome: SPAN_OUTCOMES },
    'Spans by what became of them. Dropped: the queue was full; failed: the receiver did not take them.',
  ),
  pulse_telemetry_scrape_seconds: gauge(
    ALL,
    'telemetry',
    {},
    'Time that the scrape before this one held the event loop.',
    'max',
  ),
  pulse_telemetry_scrape_bytes: gauge(ALL, 'telemetry', {}, 'Size of the scrape before this one.', 'max'),
} as const
