import type { DeadLetterReason } from '../event/index.ts'

/**
 * What the stages say about themselves. A stage announces once; the listeners in this room turn it
 * into metrics, log lines and (later) spans, so that these cannot disagree. `tenant` and `dataset`
 * are slugs (`_unknown` where a record cannot be resolved). Durations in milliseconds.
 */
export interface Announcements {
  'api.started': { host: string; port: number }
  'api.stopped': Record<never, never>
  'api.request.finished': {
    method: string
    route: string
    status: number
    tookMs: number
    tenant?: string | undefined
    requestId: string
    traceId: string
    code?: string | undefined
  }
  /** One per request and dataset: what became of the events. */
  'collect.settled': {
    tenant: string
    dataset: string
    accepted: number
    rejected: number
    failed: number
    bytes: number
    traceId: string
  }
  'bus.topics.remade': { tenantId: string; topic: string; partitions: number }
  'worker.started': { worker: string; metricsPort: number; healthPort: number }
  'worker.stopped': { worker: string; drained: boolean }
  'worker.share.changed': {
    worker: string
    owned: number
    claimed: readonly string[]
    released: readonly string[]
    members: number
  }
  'worker.source.lost': {
    topic: string
    partition: number
    reason: 'recreated' | 'records_missing' | 'deleted'
    detail: string
    missing: number
  }
  'worker.records.consumed': { tenant: string; dataset: string; records: number; bytes: number }
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
  }
  'worker.flush.failed': {
    flushId: string
    tenant: string
    dataset: string
    code: string
    detail: string
    retryInMs: number
  }
  'worker.flush.fenced': { flushId: string; tenant: string; partitions: readonly string[] }
  'worker.dataset.parked': { tenant: string; dataset: string; detail: string; retryInMs: number }
  'worker.events.dead_lettered': { tenant: string; dataset: string; reason: DeadLetterReason; events: number }
  'worker.duplicates.dropped': { tenant: string; dataset: string; events: number }
  'worker.dead_letters.relayed': { tenant: string; events: number }
  'upkeep.swept': { flushId: string; files: number }
  'upkeep.files.expired': { files: number }
  'upkeep.records.deleted': { topic: string; partition: number; beforeOffset: number }
  'upkeep.ledger.rotated': { dropped: string | undefined; added: string }
  'dependency.away': { dependency: 'postgres' | 'kafka' | 'minio'; detail: string }
  'dependency.back': { dependency: 'postgres' | 'kafka' | 'minio' }
  'process.defect': { where: string; detail: string; stack?: string | undefined }
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
