import type { DeadLetterReason } from '../event/index.ts'
import type {
  AuthFailure,
  ChangeAction,
  ChangedEntity,
  PreviewOutcome,
  PublishOutcome,
  RejectReason,
  ShedReason,
} from './catalog/api.ts'
import type { CanaryOutcome } from './catalog/canary.ts'
import type { Dependency, QueryName } from './catalog/process.ts'
import type { CommitOutcomeLabel, FlushTrigger, MaintenanceTask, PauseReason } from './catalog/worker.ts'

/** A position in a trace, and whether its spans are kept. */
export interface TracePoint {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}
/** What one dataset's rows of a committed flush say about freshness: `rows` rows received at about `receivedAtMs`. */
export interface FreshnessPoint {
  readonly receivedAtMs: number
  readonly rows: number
}
/** What became of a request's events of one dataset. */
export interface CollectedCounts {
  readonly accepted: number
  readonly rejected: number
  readonly failed: number
  readonly bytes: number
}
/** A sampled context whose records a flush carried: one `process` span with its `buffer` and `append`. */
export interface CarriedContext {
  /** The record's header, that is the position of the send span. */
  readonly traceparent: string
  readonly records: number
  /** Of those, dead letters, with the reason of the first. */
  readonly deadLetters: number
  readonly reason: DeadLetterReason | undefined
  /** When the worker read the first of them; epoch milliseconds. */
  readonly consumedAtMs: number
  readonly topic: string
  readonly partition: number
  readonly firstOffset: number
}
/** One step inside a flush, for its trace. */
export interface FlushStep {
  readonly name: 'dedup' | 'open_table' | 'intent' | 'encode' | 'stage' | 'commit'
  readonly startedAtMs: number
  readonly tookMs: number
}

/**
 * What the stages say about themselves. A stage announces once; the listeners in this room turn it
 * into metrics, log lines and spans, so that these cannot disagree. `tenant` and `dataset`
 * are slugs (`_unknown` where a record cannot be resolved). Durations in milliseconds, `…AtMs` milliseconds
 * since 1970 with fractions.
 */
export interface Announcements {
  'api.started': { host: string; port: number; auth: 'open' | 'keys' }
  'api.stopped': Record<never, never>
  'api.request.finished': {
    method: string
    route: string
    status: number
    tookMs: number
    /** Its connection ended before all of its body had come, so that what it took is the client's. */
    isIncomplete?: true | undefined
    tenant?: string | undefined
    requestId: string
    traceId: string
    spanId: string
    sampled: boolean
    startedAtMs: number
    /** The caller's context: the parent where the caller is trusted, else only linked. */
    caller?: TracePoint | undefined
    trusted?: boolean | undefined
    code?: string | undefined
    detail?: string | undefined
    /** The dataset in the path, where it is a slug. */
    dataset?: string | undefined
    /** Of a collect request, by dataset: what became of its events. */
    collected?: ReadonlyMap<string, CollectedCounts> | undefined
  }
  'api.request.shed': { reason: ShedReason; route: string }
  'api.auth.failed': { reason: AuthFailure; route: string; traceId: string }
  /** A collect request that was refused as a whole, before any event was read. */
  'collect.refused': { tenant: string; reason: RejectReason; code: string; traceId: string }
  /** One per request and dataset: what became of the events. */
  'collect.settled': {
    tenant: string
    dataset: string
    accepted: number
    rejected: number
    failed: number
    bytes: number
    /** How many of `rejected` for which reason. */
    reasons: Readonly<Partial<Record<RejectReason, number>>>
    traceId: string
  }
  /** The bus has answered for a request's records, or was waited for in vain. `span` is the send span's place in the trace. */
  'collect.published': {
    tenant: string
    topic: string
    records: number
    bytes: number
    outcome: PublishOutcome
    startedAtMs: number
    tookMs: number
    span: TracePoint
    parentSpanId: string
    /** When the request's bytes were complete, and how long reading and judging them took. */
    validatedFromMs: number
    validateMs: number
    detail?: string | undefined
  }
  /** Of a request's first event: its timestamp minus the API's clock, in milliseconds. */
  'collect.clock.compared': { tenant: string; skewMs: number }
  'preview.finished': {
    tenant: string
    dataset: string
    startedAtMs: number
    /** The request's place in its trace, where that is sampled: the phases are then spans. */
    within?: TracePoint | undefined
    outcome: PreviewOutcome
    planMs: number
    fetchMs: number
    decodeMs: number
    totalMs: number
    rows: number
    bytesRead: number
    filesRead: number
    filesPruned: number
  }
  'registry.changed': {
    entity: ChangedEntity
    action: ChangeAction
    tenant: string
    id: string
    uri?: string | undefined
  }
  'bus.topics.remade': { tenantId: string; topic: string; partitions: number }
  /** The embedded bus found its files as a crash had left them. */
  'bus.recovered': { detail: string }
  'bus.storage.failed': { detail: string }
  'worker.started': { worker: string; metricsPort: number; healthPort: number }
  'worker.stopped': { worker: string; drained: boolean }
  'worker.share.changed': {
    worker: string
    owned: number
    claimed: readonly string[]
    released: readonly string[]
    /** Taken by another worker, or expired, before it was given back. */
    lost: readonly string[]
    members: number
  }
  'worker.source.lost': {
    tenant: string
    topic: string
    partition: number
    reason: 'recreated' | 'records_missing' | 'deleted'
    detail: string
    missing: number
  }
  'worker.records.consumed': {
    tenant: string
    dataset: string
    records: number
    bytes: number
    /** Of a sample of the records, for freshness at this stage. */
    freshness: readonly FreshnessPoint[]
  }
  /** Received more than 5 s ahead of this worker's clock. */
  'worker.records.future': { tenant: string; records: number; aheadMs: number }
  'worker.fetch.paused': { reason: PauseReason; tookMs: number }
  'worker.share.drained': { cause: 'share_moved' | 'shutdown'; partitions: number; tookMs: number }
  'worker.records.replayed': { tenant: string; dataset: string; records: number }
  /** A share went away: what was buffered and not flushed is read again by its new owner. */
  'worker.records.released': { tenant: string; dataset: string; records: number }
  'worker.buffer.changed': { tenant: string; dataset: string; rows: number }
  'worker.flush.committed': {
    flushId: string
    tenant: string
    dataset: string
    table: string
    snapshotId: string | undefined
    records: number
    rows: number
    duplicates: number
    deadLetters: number
    files: number
    bytes: number
    tookMs: number
    offsets: readonly string[]
    attempts: number
    trigger: FlushTrigger
    startedAtMs: number
    committedAtMs: number
    freshness: readonly FreshnessPoint[]
    /**
     * Everything of the dataset that was acknowledged before it is queryable, as far as this worker reads it; undefined
     * while it has not seen enough of the bus to say.
     */
    watermarkMs: number | undefined
    snapshots: number | undefined
    metadataBytes: number | undefined
    /** The flush's own place in its trace: the trace id is the flush id without hyphens. */
    span: TracePoint
    /** Sampled contexts that it carried, at most as many as are worth a span; `contextsLeftOut` more were not told. */
    contexts: readonly CarriedContext[]
    contextsLeftOut: number
    steps: readonly FlushStep[]
  }
  /** One attempt to commit a flush (all its datasets together) was answered, or never was. */
  'worker.commit.finished': {
    flushId: string
    tenant: string
    outcome: CommitOutcomeLabel
    /** What the offsets in it became. */
    offsets: 'ok' | 'stale_generation' | 'error'
    tookMs: number
    attempt: number
    /** Datasets whose table had moved. */
    conflicts: readonly string[]
  }
  'worker.ledger.asked': { tenant: string; ids: number; known: number; tookMs: number }
  'worker.flush.failed': {
    flushId: string
    tenant: string
    dataset: string
    code: string
    detail: string
    retryInMs: number
    trigger: FlushTrigger
    /** It is tried again, or given up for good. */
    outcome: 'retried' | 'failed'
    startedAtMs: number
    tookMs: number
    span: TracePoint
  }
  'worker.flush.fenced': { flushId: string; tenant: string; partitions: readonly string[] }
  'worker.dataset.parked': { tenant: string; dataset: string; detail: string; retryInMs: number }
  'worker.events.dead_lettered': { tenant: string; dataset: string; reason: DeadLetterReason; events: number }
  'worker.duplicates.dropped': { tenant: string; dataset: string; events: number }
  'worker.dead_letters.relayed': { tenant: string; events: number }
  'worker.dead_letters.unrelayed': { tenant: string; events: number; detail: string }
  /** `others_turn`: another worker does it for all. `away`: a place did not answer, which whoever watches it says. */
  'upkeep.task.finished': {
    task: MaintenanceTask
    outcome: 'ok' | 'failed' | 'others_turn' | 'away'
    tookMs: number
  }
  /** Whole files taken out of a table by a delete snapshot. */
  'upkeep.rows.removed': {
    flushId: string
    tenant: string
    dataset: string
    table: string
    snapshotId: string
    rows: number
    files: number
    tookMs: number
  }
  'upkeep.swept': { flushId: string; files: number }
  'upkeep.files.expired': { files: number }
  'upkeep.records.deleted': { topic: string; partition: number; beforeOffset: number }
  'upkeep.ledger.rotated': { dropped: string | undefined; added: string }
  'dependency.away': { dependency: Dependency; detail: string }
  'dependency.back': { dependency: Dependency }
  'dependency.checked': { dependency: Dependency; isUp: boolean; tookMs: number }
  /** One transaction, the wait for its connection included. `span` where somebody's sampled trace asked for it. */
  'store.transaction.finished': {
    query: QueryName
    outcome: 'ok' | 'failed'
    startedAtMs: number
    tookMs: number
    within?: TracePoint | undefined
  }
  /** One call to the object store. */
  'lake.call.finished': {
    operation: 'put' | 'get' | 'list' | 'delete'
    outcome: 'ok' | 'error'
    startedAtMs: number
    tookMs: number
    bytes: number
    within?: TracePoint | undefined
  }
  'canary.started': { dataset: string; everySeconds: number; events: number }
  /** A round went to the API: `accepted` of its `events` are now for the canary to find, the rest is refused. */
  'canary.sent': { round: number; events: number; accepted: number; tookMs: number; traceId: string }
  /** A round was read back whole for the first time: each event once, as it was sent. `span` is the position it was sent from. */
  'canary.returned': {
    round: number
    events: number
    acceptedMs: number
    /** By the snapshot that first showed the whole round. */
    committedMs: number
    previewedMs: number
    snapshotId: string
    startedAtMs: number
    span: TracePoint
  }
  /** What became of accepted events, told once of each when it can change no more. */
  'canary.verified': {
    round: number
    outcomes: Readonly<Record<CanaryOutcome, number>>
    traceId: string
    /** The first event that is not right, and what is wrong with it. */
    detail?: string | undefined
  }
  /** Events that were told as missing before were read back after all. */
  'canary.strayed': { round: number; events: number; afterMs: number; traceId: string }
  'canary.hindered': { code: string; detail: string }
  /** Spans that nobody will see: the queue was full, or the receiver did not take them. */
  'telemetry.spans.lost': { reason: 'dropped_queue' | 'failed'; spans: number; detail: string }
  /** Standard output was not read fast enough: so many lines are lost. */
  'log.lines.dropped': { lines: number }
  /** Something that nobody foresaw; whose request it broke, where it broke one. */
  'process.defect': {
    where: string
    detail: string
    stack?: string | undefined
    tenant?: string | undefined
    traceId?: string | undefined
    spanId?: string | undefined
  }
}

export type AnnouncementName = keyof Announcements
type Listener<N extends AnnouncementName> = (said: Announcements[N]) => void

const listeners = new Map<AnnouncementName, Set<Listener<never>>>()

/** Says that something happened. Synchronous, never throws, free when nobody listens. */
export function announce<N extends AnnouncementName>(name: N, said: Announcements[N]): void {
  const heard = listeners.get(name)
  if (heard === undefined) return
  for (const listener of heard) {
    try {
      ;(listener as Listener<N>)(said)
    } catch {
      // A listener's defect must never reach the stage that announced.
    }
  }
}

/** Hears an announcement until the returned function is called. */
export function listen<N extends AnnouncementName>(name: N, listener: Listener<N>): () => void {
  const heard = listeners.get(name) ?? new Set()
  heard.add(listener as Listener<never>)
  listeners.set(name, heard)
  return () => heard.delete(listener as Listener<never>)
}
