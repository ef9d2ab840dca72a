import {
  brokers,
  decimal,
  file,
  flag,
  folder,
  oneOf,
  otlpEndpoint,
  port,
  postgresUrl,
  slugs,
  text,
  warehouse,
  webUrl,
  whole,
  type Kind,
} from './kinds.ts'

/**
 * Every setting that Pulse has, once. The type, the defaults, the validation, `--help`, the page
 * docs/reference/settings.md and what is redacted all come from this table.
 */

export const GROUPS = [
  'Places',
  'Ports',
  'The bus',
  'The lake',
  'Collect',
  'The worker',
  'Upkeep',
  'Telemetry',
  'Commands',
] as const
type Group = (typeof GROUPS)[number]

export interface Setting<T> {
  readonly group: Group
  readonly kind: Kind<T>
  /** As text, the way it would be given; `undefined`: not set. */
  readonly fallback: string | undefined
  readonly value?: T // carries the type only
  readonly doc: string
  /** Never printed; may come from the file that `<NAME>_FILE` names. */
  readonly secret: boolean
  /** What `pulse start` sets instead when the bus is the embedded one. */
  readonly embedded?: string
}

type More = { readonly secret?: boolean; readonly embedded?: string }

function given<T>(group: Group, kind: Kind<T>, fallback: string, doc: string, more: More = {}): Setting<T> {
  return { group, kind, fallback, doc, secret: false, ...more }
}
function optional<T>(group: Group, kind: Kind<T>, doc: string, more: More = {}): Setting<T | undefined> {
  return { group, kind, fallback: undefined, doc, secret: false, ...more }
}

const MIB = 1024 * 1024
const bytes = (mib: number): string => String(mib * MIB)

export const SETTINGS = {
  PULSE_DATA_DIR: given(
    'Places',
    folder,
    '.pulse',
    'Where the embedded places keep their data, with secrets, logs and `run.json`.',
  ),
  PULSE_HOST: given(
    'Places',
    text,
    '127.0.0.1',
    "The address that the API, the worker's ports and the embedded bus listen on.",
  ),
  PULSE_DATABASE_URL: optional(
    'Places',
    postgresUrl,
    'The system of record, as role `pulse_app`. Not set: `pulse start` runs an embedded PostgreSQL.',
    { secret: true },
  ),
  PULSE_ADMIN_DATABASE_URL: optional(
    'Places',
    postgresUrl,
    'The same database as role `pulse`: migrations, seeds and role management only.',
    { secret: true },
  ),
  PULSE_DATABASE_POOL_SIZE: given(
    'Places',
    whole(1, 1000),
    '10',
    'Connections to Postgres that one process holds at most.',
  ),
  PULSE_KAFKA_BROKERS: optional('Places', brokers, 'The event bus. Not set: `pulse start` runs the embedded bus.'),
  PULSE_WAREHOUSE: optional('Places', warehouse, 'The lake. Not set: the folder `warehouse` in the data folder.'),
  PULSE_AUTH: given(
    'Places',
    oneOf('open', 'keys'),
    'open',
    '`open`: who can reach the port names the tenant in `X-Tenant-ID`; loopback only. `keys`: every request shows a key.',
  ),
  PULSE_API_KEY: optional(
    'Places',
    text,
    'The key that the commands and the canary show. Not set: the one that `pulse migrate` wrote for each, or for the operator.',
    { secret: true },
  ),
  PULSE_KEYS_DIR: optional(
    'Places',
    folder,
    'Where `pulse migrate` writes the keys of operator, canary and doctor. Not set: the folder `keys` in the data folder.',
  ),

  PULSE_API_PORT: given('Ports', port, '8000', 'The API.'),
  PULSE_WORKER_METRICS_PORT: given('Ports', port, '9100', "The worker's `/metrics`."),
  PULSE_WORKER_HEALTH_PORT: given(
    'Ports',
    port,
    '9101',
    "The worker's `/healthz`, `/livez`, `/startupz`, `/partitions`, `/traces/{trace_id}`.",
  ),
  PULSE_BUS_PORT: given('Ports', port, '0', 'The embedded bus.'),
  PULSE_POSTGRES_PORT: given('Ports', port, '0', 'The embedded PostgreSQL.'),

  PULSE_KAFKA_SASL_MECHANISM: optional(
    'The bus',
    oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'),
    'How to log in to the brokers.',
  ),
  PULSE_KAFKA_SASL_USERNAME: optional('The bus', text, 'With `PULSE_KAFKA_SASL_MECHANISM`.'),
  PULSE_KAFKA_SASL_PASSWORD: optional('The bus', text, 'With `PULSE_KAFKA_SASL_MECHANISM`.', { secret: true }),
  PULSE_KAFKA_TLS: given('The bus', flag, 'false', 'Speak TLS to the brokers.'),
  PULSE_KAFKA_TLS_CA_FILE: optional('The bus', file, "Certificates to trust instead of the system's, PEM."),
  PULSE_KAFKA_TLS_CERT_FILE: optional('The bus', file, "The client's certificate, PEM."),
  PULSE_KAFKA_TLS_KEY_FILE: optional('The bus', file, "The client's key, PEM."),
  PULSE_KAFKA_TLS_VERIFY: given('The bus', flag, 'true', "Whether the brokers' certificates are checked."),
  PULSE_TOPIC_PARTITIONS: given('The bus', whole(1, 10_000), '1', "Partitions of a new tenant's topic of events."),
  PULSE_TOPIC_REPLICATION: optional(
    'The bus',
    whole(1, 32_767),
    "Replicas of a new topic. Not set: the brokers' default.",
  ),
  PULSE_TOPIC_MIN_INSYNC: optional(
    'The bus',
    whole(1, 32_767),
    "`min.insync.replicas` of a new topic. Not set: the brokers' default.",
  ),
  PULSE_BUS_TRUSTED: given(
    'The bus',
    flag,
    'true',
    'Nobody but Pulse writes to the bus. `false`: the worker validates every record itself.',
  ),
  PULSE_PUBLISH_TIMEOUT_MS: given(
    'The bus',
    whole(100, 600_000),
    '5000',
    'How long a request waits for the bus to acknowledge.',
  ),
  PULSE_BUS_RETENTION_HOURS: given(
    'The bus',
    decimal(0, 87_600),
    '24',
    'Records settled longer than this are deleted. What is not settled is never removed.',
    { embedded: '1' },
  ),
  PULSE_BUS_MAX_BYTES: given(
    'The bus',
    whole(16 * MIB),
    bytes(10_240),
    'The embedded bus refuses to take more than this (a storage error, never a false acknowledgement).',
  ),

  PULSE_S3_ENDPOINT: optional('The lake', webUrl, 'An S3 service other than AWS.'),
  PULSE_S3_REGION: given('The lake', text, 'us-east-1', "The bucket's region."),
  PULSE_S3_ACCESS_KEY: optional('The lake', text, "Not set: the environment's own credentials.", { secret: true }),
  PULSE_S3_SECRET_KEY: optional('The lake', text, 'With `PULSE_S3_ACCESS_KEY`.', { secret: true }),
  PULSE_S3_PATH_STYLE: given(
    'The lake',
    flag,
    'true',
    'Buckets in the path (MinIO and most others) instead of the host name.',
  ),

  PULSE_COLLECT_MAX_BODY_BYTES: given('Collect', whole(1024, 1024 * MIB), bytes(16), "A request's body, unpacked."),
  PULSE_COLLECT_MAX_EVENT_BYTES: given('Collect', whole(256, 64 * MIB), bytes(1), 'One event.'),
  PULSE_COLLECT_MAX_EVENTS: given('Collect', whole(1, 1_000_000), '10000', 'Events in one request.'),
  PULSE_COLLECT_MAX_DEPTH: given('Collect', whole(4, 1000), '64', 'Nesting depth of an event.'),
  PULSE_COLLECT_MAX_PENDING_BYTES: given(
    'Collect',
    whole(MIB),
    bytes(128),
    'Accepted bodies that wait for the bus; above it requests are answered 503 `overloaded`.',
  ),
  PULSE_COLLECT_BODY_TIMEOUT_MS: given(
    'Collect',
    whole(100, 600_000),
    '30000',
    "How long a request's body may take to arrive.",
  ),

  PULSE_BATCH_MAX_BYTES: given(
    'Collect',
    whole(1024, 1024 * 1024 * MIB),
    bytes(5 * 1024),
    'A file that is uploaded, unpacked.',
  ),
  PULSE_BATCH_DIR: optional(
    'Collect',
    folder,
    "Where an uploaded Parquet file lies while it is read. Not set: the system's folder for temporary files.",
  ),

  PULSE_FLUSH_SECONDS: given(
    'The worker',
    decimal(0.05, 86_400),
    '30',
    'A dataset is flushed this long after its first buffered record …',
    { embedded: '2' },
  ),
  PULSE_FLUSH_ROWS: given('The worker', whole(1, 10_000_000), '10000', '… or at this many rows, whichever is first.'),
  PULSE_FLUSH_MAX_ROWS: given(
    'The worker',
    whole(1, 10_000_000),
    '200000',
    'The most rows of one dataset that one flush takes: a backlog makes larger files, not more commits.',
  ),
  PULSE_FLUSH_MAX_FILES: given(
    'The worker',
    whole(1, 10_000),
    '64',
    'Data files (one a day) that are open at once while writing.',
  ),
  PULSE_BUFFER_BYTES: given(
    'The worker',
    whole(MIB),
    bytes(128),
    'What a worker buffers at most; above it, it stops fetching.',
  ),
  PULSE_COMMITS_PER_SECOND: given(
    'The worker',
    decimal(0.1, 10_000),
    '20',
    'The commits that many idle tenants share; their flush intervals widen to keep it.',
  ),
  PULSE_LEASE_SECONDS: given(
    'The worker',
    decimal(0.5, 3600),
    '6',
    'A worker that was not heard of for this long loses its partitions.',
  ),
  PULSE_DRAIN_SECONDS: given(
    'The worker',
    decimal(0, 3600),
    '8',
    'How long a stopping process may take to finish what it holds.',
  ),
  PULSE_PARK_SECONDS: given(
    'The worker',
    decimal(0, 86_400),
    '600',
    'A dataset whose table stays broken this long has its records dead-lettered (`table_unavailable`).',
  ),
  PULSE_DEDUP_DAYS: given(
    'The worker',
    whole(1, 3650),
    '7',
    'A repeated event id is recognised for at least this long.',
  ),

  PULSE_DEAD_LETTER_DAYS: given('Upkeep', whole(1, 3650), '30', 'How long dead letters are kept.'),
  PULSE_AUDIT_DAYS: given('Upkeep', whole(30, 36_500), '365', 'How long the audit is kept.'),
  PULSE_SNAPSHOTS_KEEP: given('Upkeep', whole(1, 100_000), '100', 'Snapshots of a table that are kept at most …'),
  PULSE_SNAPSHOT_SECONDS: given(
    'Upkeep',
    decimal(0, 31_536_000),
    '3600',
    '… and for how long. The current one always stays.',
  ),
  PULSE_READER_GRACE_SECONDS: given(
    'Upkeep',
    decimal(0, 31_536_000),
    '300',
    'Files that no snapshot reaches any more are deleted after this long, so that readers can finish.',
  ),

  PULSE_TELEMETRY: given(
    'Telemetry',
    oneOf('on', 'off'),
    'on',
    '`off` for benchmarks: no metrics, no log lines, no traces.',
  ),
  PULSE_LOG_LEVEL: given(
    'Telemetry',
    oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace'),
    'info',
    'What is logged, as JSON lines on standard output.',
  ),
  PULSE_OTLP_ENDPOINT: optional(
    'Telemetry',
    otlpEndpoint,
    'Where spans are sent, over OTLP gRPC; `OTEL_…` variables are not read. Not set: none are sent; ids, logs and records carry trace ids all the same.',
  ),
  PULSE_TRACES_PER_SECOND: given(
    'Telemetry',
    decimal(0, 100_000),
    '20',
    'Requests whose trace is kept, per second and API process; as many failed ones again; 0 keeps none but the canary.',
  ),
  PULSE_TRUSTED_TRACES: given(
    'Telemetry',
    slugs,
    'pulse-canary',
    "Tenants whose `traceparent` is obeyed, sampled flag and all; everybody else's is only linked.",
  ),
  PULSE_METRICS_TENANTS: given(
    'Telemetry',
    whole(1, 10_000),
    '60',
    'Tenants with metric series of their own in a process; all others are `_other`.',
  ),
  PULSE_METRICS_DATASETS: given(
    'Telemetry',
    whole(1, 10_000),
    '100',
    'Datasets with metric series of their own in a process; one tenant may take a tenth of them.',
  ),
  PULSE_METRICS_PINNED: given('Telemetry', slugs, 'pulse-canary', 'Tenants that always have series of their own.'),
  PULSE_BUILD_COMMIT: given(
    'Telemetry',
    text,
    'unknown',
    'The commit that runs, for `pulse_build_info`; the image sets it.',
  ),
  PULSE_CANARY_SECONDS: given(
    'Telemetry',
    decimal(0, 86_400),
    '30',
    'How often the canary sends its events and reads them back; 0 = never.',
  ),
  PULSE_CANARY_EVENTS: given('Telemetry', whole(1, 1_000), '5', 'How many events the canary sends at once.'),
  PULSE_CANARY_API_URL: optional(
    'Telemetry',
    webUrl,
    'The API that the canary goes through. Not set: the one on PULSE_HOST and PULSE_API_PORT.',
  ),
  PULSE_CANARY_PORT: given('Telemetry', port, '9102', "Where the canary's metrics are, at `/metrics`."),

  PULSE_URL: optional(
    'Commands',
    webUrl,
    'The API that `pulse tenant`, `pulse events send` and the like ask. Not set: the one on this machine.',
  ),
  PULSE_TENANT: optional('Commands', text, 'Whom they act for, by slug or id. Not set: whose the key is.'),
} as const satisfies Record<`PULSE_${string}`, Setting<unknown>>

export type SettingName = keyof typeof SETTINGS

type Camel<N extends string> = N extends `${infer Head}_${infer Rest}` ? `${Head}${Capitalize<Camel<Rest>>}` : N
type KeyOf<N extends string> = N extends `PULSE_${infer Rest}` ? Camel<Lowercase<Rest>> : never
type ValueOf<S> = S extends Setting<infer T> ? T : never

type Read = { readonly [N in SettingName as KeyOf<N>]: ValueOf<(typeof SETTINGS)[N]> }

/** What a process runs with: one frozen value, made once. Every key is its variable's name in camelCase. */
export type Settings = Omit<Read, 'kafkaBrokers' | 'warehouse'> & {
  /** Empty where none are set. */
  readonly kafkaBrokers: readonly string[]
  /** Always a URI: the embedded folder where none is set. */
  readonly warehouse: string
}

/** `PULSE_FLUSH_SECONDS` -> `flushSeconds`. */
export const keyOf = (name: SettingName): keyof Settings =>
  name
    .slice('PULSE_'.length)
    .toLowerCase()
    .replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) as keyof Settings
