import { FRESHNESS_SECONDS, HTTP_SECONDS, ROWS } from './buckets.ts'
import { counter, gauge, histogram } from './entry.ts'

/**
 * Values that nothing says yet. They are in their lists, and at zero, so that rules and
 * dashboards need not change with them; the types below keep code from saying them before.
 */
export const RESERVED = ['revoked', 'expired', 'scope', 'key'] as const
type Said<V extends string> = Exclude<V, (typeof RESERVED)[number]>

/** Why events were refused at the door, whole requests and single events alike. */
export const REJECT_REASONS = [
  'auth',
  'unknown_dataset',
  'schema',
  'too_large',
  'rate_limited',
  'quota',
  'malformed',
  'shedding',
  'unavailable',
] as const
export type RejectReason = (typeof REJECT_REASONS)[number]
/** Routes by what they cost: the hot path, reads of the lake, everything else. */
const ROUTE_CLASSES = ['collect', 'preview', 'admin'] as const
export const AUTH_FAILURES = ['missing', 'malformed', 'unknown', 'suspended', 'revoked', 'expired', 'scope'] as const
export type AuthFailure = Said<(typeof AUTH_FAILURES)[number]>
export const PUBLISH_OUTCOMES = ['ok', 'error', 'timeout'] as const
export type PublishOutcome = (typeof PUBLISH_OUTCOMES)[number]
export const PREVIEW_OUTCOMES = ['ok', 'empty', 'error', 'timeout', 'too_large'] as const
export type PreviewOutcome = (typeof PREVIEW_OUTCOMES)[number]
/** Of what there was too much: previews at once, bodies that are being read, events that wait for the bus. */
export const SHED_REASONS = ['inflight', 'memory', 'producer_queue'] as const
export type ShedReason = (typeof SHED_REASONS)[number]
export const CHANGED_ENTITIES = ['tenant', 'dataset', 'key', 'schema'] as const
export type ChangedEntity = Said<(typeof CHANGED_ENTITIES)[number]>
export const CHANGE_ACTIONS = ['created', 'changed', 'published', 'archived'] as const
export type ChangeAction = (typeof CHANGE_ACTIONS)[number]

const TENANT = { tenant: 'tenant' } as const

/** The API plane. The first two are the founding page's, letter for letter. */
export const API_METRICS = {
  pulse_api_requests_total: counter(
    'api',
    'api',
    { route: 'route', status: 'status' },
    'HTTP requests answered, by route template and status.',
  ),
  pulse_api_request_seconds: histogram(
    'api',
    'api',
    { route: 'route' },
    HTTP_SECONDS,
    'Time from the first byte of a request to the end of its answer.',
    { exemplars: true },
  ),
  pulse_api_collect_events_total: counter(
    'api',
    'collect',
    { tenant: 'tenant', dataset: 'dataset', outcome: ['accepted', 'rejected', 'failed'] },
    'Events by what became of them; accepted means acknowledged by the bus.',
  ),
  pulse_api_collect_rejected_total: counter(
    'api',
    'collect',
    { ...TENANT, reason: REJECT_REASONS },
    'Refused at the door, by reason: events that were read, and requests that were not. rate_limited, quota: over a limit of the tenant or its key.',
  ),
  pulse_api_collect_bytes_total: counter('api', 'collect', TENANT, "Bytes of the events read, as the clients' JSON."),
  pulse_api_collect_batch_events: histogram('api', 'collect', {}, ROWS, 'Events of a collect request.'),
  pulse_api_collect_publish_seconds: histogram(
    'api',
    'collect',
    { outcome: PUBLISH_OUTCOMES },
    HTTP_SECONDS,
    "Wait of a collect request for the bus's acknowledgement.",
    { exemplars: true },
  ),
  pulse_api_collect_clock_skew_seconds: histogram(
    'api',
    'collect',
    { direction: ['past', 'future'] },
    FRESHNESS_SECONDS,
    "How far the timestamp of a request's first event is from the API's clock.",
  ),
  pulse_api_producer_queue_bytes: gauge(
    'api',
    'collect',
    {},
    'Bytes of events that wait for the acknowledgement of the bus.',
  ),
  pulse_api_producer_queue_capacity_bytes: gauge(
    'api',
    'collect',
    {},
    'Bytes that may wait for the bus before collect answers 503 (PULSE_COLLECT_MAX_PENDING_BYTES).',
  ),
  pulse_api_producer_queue_records: gauge(
    'api',
    'collect',
    {},
    'Records that wait for the acknowledgement of the bus.',
  ),
  pulse_api_producer_oldest_record_timestamp_seconds: gauge(
    'api',
    'collect',
    {},
    'When the oldest record that still waits for the bus came in; absent while none waits.',
    'min',
  ),
  pulse_api_dataset_preview_total: counter(
    'api',
    'tenant',
    { ...TENANT, outcome: PREVIEW_OUTCOMES },
    'Previews by outcome.',
  ),
  pulse_api_dataset_preview_seconds: histogram(
    'api',
    'api',
    { phase: ['plan', 'fetch', 'decode', 'total'] },
    HTTP_SECONDS,
    'Time of a preview by phase: snapshot and files chosen, files brought near, rows read, all of it.',
  ),
  pulse_api_dataset_preview_rows_total: counter('api', 'lake', {}, 'Rows that previews answered.'),
  pulse_api_dataset_preview_bytes_read_total: counter(
    'api',
    'lake',
    {},
    'Bytes of the data files that previews opened.',
  ),
  pulse_api_dataset_preview_files_read_total: counter('api', 'lake', {}, 'Data files that previews opened.'),
  pulse_api_dataset_preview_files_pruned_total: counter(
    'api',
    'lake',
    {},
    'Data files that previews left closed, because their bounds cannot match.',
  ),
  pulse_api_inflight_requests: gauge('api', 'api', { class: ROUTE_CLASSES }, 'Requests being answered now.'),
  pulse_api_shed_total: counter(
    'api',
    'api',
    { reason: SHED_REASONS },
    'Requests answered 503 to protect the others: too many previews, bodies being read, or events that wait for the bus.',
  ),
  pulse_api_auth_failures_total: counter(
    'api',
    'api',
    { reason: AUTH_FAILURES },
    'Requests whose tenant was not established. revoked, expired and scope are reserved for keys.',
  ),
  pulse_api_config_changes_total: counter(
    'api',
    'home',
    { entity: CHANGED_ENTITIES, action: CHANGE_ACTIONS },
    'Changes to tenants, schemas (entities of every kind) and datasets through this process; dashboards mark them. key is reserved.',
  ),
} as const
