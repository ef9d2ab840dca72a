import type { Step } from './steps.ts'

interface Fault {
  /** Where the journey stops; `beside`: it goes on, and something around it is not as it should be. */
  readonly step: Step | 'beside'
  /** What is wrong, in one sentence; `{…}` is filled in. */
  readonly sentence: string
  /** What to do about it, in one sentence. */
  readonly remedy: string
}

/**
 * Everything that `pulse doctor` can find, in the order in which it looks. Codes are stable; the page
 * docs/operate/doctor.md is made of this table, and a test provokes each row.
 */
export const FAULTS = {
  settings_refused: {
    step: 'accept',
    sentence: 'The settings cannot be used: {detail}',
    remedy: 'Correct the variable that is named; docs/reference/settings.md has them all.',
  },
  api_absent: {
    step: 'accept',
    sentence: 'Nobody listens at {place} ({detail}).',
    remedy: 'Start Pulse (`pulse start`, or `pulse api` in a deployment), or say where its API is with `--api URL`.',
  },
  api_silent: {
    step: 'accept',
    sentence: '{place} takes connections and does not serve ({detail}).',
    remedy: 'Look at the last lines of the log of the process on that port and restart it: its loop is stuck.',
  },
  api_stranger: {
    step: 'accept',
    sentence: 'What answers at {place} is not Pulse.',
    remedy: 'Stop the other program, or give Pulse a port of its own with PULSE_API_PORT.',
  },
  api_draining: {
    step: 'accept',
    sentence: 'The API at {place} is stopping and takes nothing new.',
    remedy: 'Wait for the process that replaces it, or start it again.',
  },
  postgres_away: {
    step: 'validate',
    sentence: 'The API cannot reach Postgres: {detail}.',
    remedy: 'Start Postgres, or correct PULSE_DATABASE_URL, and try `psql` with that URL from the machine of the API.',
  },
  migrations_missing: {
    step: 'validate',
    sentence: 'The database lacks {detail}.',
    remedy: 'Run `pulse migrate` of this version with PULSE_ADMIN_DATABASE_URL.',
  },
  bus_away: {
    step: 'publish',
    sentence: 'The API cannot reach the bus: {detail}.',
    remedy:
      'Start the brokers, or correct PULSE_KAFKA_BROKERS; on the embedded bus look at logs/bus.log in the data folder.',
  },
  lake_away: {
    step: 'flush',
    sentence: 'The API cannot use the lake at {place}: {detail}.',
    remedy:
      'Mount the folder (or name the bucket) of PULSE_WAREHOUSE again: what was accepted waits on the bus until then.',
  },
  lake_read_only: {
    step: 'flush',
    sentence: 'The lake at {place} cannot be written ({detail}).',
    remedy: 'Mount the file system of PULSE_WAREHOUSE writable again: what was accepted waits on the bus until then.',
  },
  disk_full: {
    step: 'flush',
    sentence: 'The disk of {place} has {detail} left.',
    remedy: 'Make room on that disk, or move PULSE_DATA_DIR or PULSE_WAREHOUSE to a larger one.',
  },
  tenant_missing: {
    step: 'validate',
    sentence: 'The tenant pulse-canary, which the doctor sends as, does not exist.',
    remedy: 'Restart the API, which makes it at every start, and look for `process.defect` in its log.',
  },
  home_refused: {
    step: 'validate',
    sentence: 'The dataset of the canary is not there and cannot be made: {code}: {detail}',
    remedy:
      'Look the code up in docs/reference/problems.md: the tenant pulse-canary has to be active and its schema published.',
  },
  table_unreadable: {
    step: 'flush',
    sentence: 'The table of the canary cannot be read: {detail}',
    remedy:
      'Put the file that is named back from a backup of the lake, or point PULSE_WAREHOUSE at the lake that belongs to this database.',
  },
  worker_absent: {
    step: 'consume',
    sentence: 'No worker runs: nobody listens at {place} ({detail}).',
    remedy: 'Start one (`pulse worker`; under `pulse start` look at logs/worker.log for why it ends).',
  },
  worker_silent: {
    step: 'consume',
    sentence: 'The worker at {place} takes connections and does not answer ({detail}).',
    remedy:
      'Restart that worker: its loop is stuck or its process is stopped, and after PULSE_LEASE_SECONDS another takes its partitions.',
  },
  worker_stopping: {
    step: 'consume',
    sentence: 'The worker at {place} is stopping.',
    remedy: 'Wait for the one that replaces it, or start another.',
  },
  partition_unowned: {
    step: 'consume',
    sentence: 'No worker reads {place}; {detail}',
    remedy: 'Ask /healthz and /startupz of a worker why it owns nothing, and start another if none of them will.',
  },
  dataset_parked: {
    step: 'flush',
    sentence: 'The dataset canary is parked because of its table: {detail}.',
    remedy:
      'Look for `worker.dataset.parked` in the log of the worker, which names what its table lacks; it goes on by itself once that is mended.',
  },
  collect_unanswered: {
    step: 'accept',
    sentence: 'The event was sent and no answer came ({detail}).',
    remedy: 'Look at the log of the API for this trace id: the event may have been accepted.',
  },
  collect_refused: {
    step: 'accept',
    sentence: 'The API refused the request: {code}: {detail}',
    remedy: 'Look the code up in docs/reference/problems.md.',
  },
  overloaded: {
    step: 'accept',
    sentence: 'The API sheds load: {detail}',
    remedy: 'Let it catch up, run more API processes, or raise PULSE_COLLECT_MAX_PENDING_BYTES if memory allows.',
  },
  event_rejected: {
    step: 'validate',
    sentence: 'The event was rejected: {code}: {detail}',
    remedy:
      'Compare the schema urn:pulse:canary:v1 with this version of Pulse: it was changed, or an older Pulse runs there.',
  },
  publish_failed: {
    step: 'publish',
    sentence: 'The bus did not acknowledge the event in time: {detail}',
    remedy: 'Look at the brokers and at min.insync.replicas of the topic; send again, a repeat makes no second row.',
  },
  not_consumed: {
    step: 'consume',
    sentence: 'The event lies on the bus and no worker has read it after {detail}.',
    remedy:
      'Look at pulse_worker_fetch_paused_seconds_total and the log of the worker: it is held back, or far behind.',
  },
  dead_lettered: {
    step: 'consume',
    sentence: 'The worker put the event aside as a dead letter: {detail}',
    remedy: 'Look the reason up in docs/operate/dead-letters.md; the letter has the pointer and the error.',
  },
  append_failing: {
    step: 'flush',
    sentence: 'The worker cannot append to the lake: {detail}.',
    remedy:
      'Look for `worker.flush.failed` in the log of the worker, which has the code; what was accepted waits on the bus until it succeeds.',
  },
  not_flushed: {
    step: 'flush',
    sentence: 'The worker has read the event and has not committed it after {detail}.',
    remedy:
      'Give `--timeout` more than PULSE_FLUSH_SECONDS; if it has, look for `worker.flush.failed` in the log of the worker.',
  },
  not_arrived: {
    step: 'consume',
    sentence: 'The event was accepted and is no row after {detail}, and no worker could be looked at.',
    remedy: 'Say where a worker answers with `--worker URL` (its health port) and run the doctor again.',
  },
  row_doubled: {
    step: 'deduplicate',
    sentence: 'One event became {detail} rows.',
    remedy: 'Keep the snapshot and report it: this breaks the first promise of Pulse.',
  },
  preview_refused: {
    step: 'preview',
    sentence: 'The preview was refused: {code}: {detail}',
    remedy:
      'Look the code up in docs/reference/problems.md; a lake that the worker writes and the API cannot read is two PULSE_WAREHOUSE.',
  },
  not_previewed: {
    step: 'preview',
    sentence: 'The event is committed in snapshot {place} and no preview has shown it after {detail}.',
    remedy: 'See that API and worker name the same PULSE_DATABASE_URL and PULSE_WAREHOUSE.',
  },
  row_corrupted: {
    step: 'preview',
    sentence: 'The row is not what was sent: another {detail}.',
    remedy: 'Keep the snapshot and report it: this breaks the first promise of Pulse.',
  },
  worker_unseen: {
    step: 'beside',
    sentence: 'No worker can be looked at: {place} does not answer ({detail}).',
    remedy: 'Say where a worker answers with `--worker URL` (its health port), so that the steps have their times.',
  },
  other_worker: {
    step: 'beside',
    sentence: '{place} is read by another worker than the one that was asked.',
    remedy: 'Name that worker with `--worker URL` (its health port), so that the steps have their times.',
  },
  untraced: {
    step: 'beside',
    sentence: 'The API did not keep the trace that the doctor chose.',
    remedy: 'Leave pulse-canary in PULSE_TRUSTED_TRACES and PULSE_TELEMETRY on, so that the steps have their times.',
  },
  clock_skew: {
    step: 'beside',
    sentence: 'The clock of the API and the one of this machine are {detail} apart.',
    remedy: 'Let both follow the same time service (NTP): times across machines mean nothing until they do.',
  },
  otlp_unset: {
    step: 'beside',
    sentence:
      'PULSE_OTLP_ENDPOINT is not set here, so that this trace may be kept nowhere but in the memory of the processes.',
    remedy: 'Set it to an OTLP gRPC receiver, for example http://127.0.0.1:4317, to keep traces.',
  },
  otlp_unreachable: {
    step: 'beside',
    sentence: 'Nobody takes connections at PULSE_OTLP_ENDPOINT {place} ({detail}).',
    remedy: 'Start the receiver or correct the setting; pulse_telemetry_spans_total counts what is lost meanwhile.',
  },
} as const satisfies Readonly<Record<string, Fault>>

export type FaultCode = keyof typeof FAULTS

/** What was found, with the words for it. */
export interface Finding extends Fault {
  readonly code: FaultCode
}

/** The finding of a code, its sentence filled in. */
export function finding(code: FaultCode, given: Readonly<Record<string, string>> = {}): Finding {
  const { step, sentence, remedy } = FAULTS[code]
  const filled = sentence.replace(/\{(\w+)\}/g, (_, name: string) => given[name] ?? 'unknown')
  return { code, step, sentence: filled, remedy }
}
