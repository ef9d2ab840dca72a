import type { AnnouncementName, Announcements } from './announce.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** How one announcement becomes a line: level, a sentence, fields in the log's own names. */
export interface LogEntry<N extends AnnouncementName> {
  readonly level: LogLevel | ((said: Announcements[N]) => LogLevel)
  readonly say: (said: Announcements[N]) => string
  readonly fields?: (said: Announcements[N]) => Record<string, unknown>
  /** Lines with an equal key within ten seconds are one trouble. Absent: never collapsed. */
  readonly sameAs?: (said: Announcements[N]) => string | undefined
}

const COLLECT = '/v1/collect'
/** Probes and scrapes come every few seconds and say nothing while they succeed. */
const PROBES = new Set(['/health', '/ready', '/metrics', '/metrics/'])

function requestLevel({ route, status }: Announcements['api.request.finished']): LogLevel {
  if (status >= 500) return route === '/ready' ? 'warn' : 'error'
  if (route === COLLECT) return status >= 400 ? 'warn' : 'debug'
  return PROBES.has(route) ? 'debug' : 'info'
}

function sameRequest(said: Announcements['api.request.finished']): string | undefined {
  const level = requestLevel(said)
  return level === 'warn' || level === 'error' ? `${said.route} ${said.status} ${said.code} ${said.tenant}` : undefined
}

/** Partitions that one line names. */
const MOST_NAMES = 20

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000
const events = (count: number): string => (count === 1 ? '1 event' : `${count} events`)
const records = (count: number): string => (count === 1 ? '1 record' : `${count} records`)
const rows = (count: number): string => (count === 1 ? '1 row' : `${count} rows`)

/** Every announcement has its line; the compiler asks for a new one's. `msg` is prose, `event` the search key. */
export const LOG: { readonly [N in AnnouncementName]: LogEntry<N> } = {
  'api.started': { level: 'info', say: ({ host, port }) => `The API answers on http://${host}:${port}` },
  'api.stopped': { level: 'info', say: () => 'The API has stopped' },
  'api.request.finished': {
    level: requestLevel,
    say: ({ method, route, status }) => `${method} ${route} answered ${status}`,
    fields: ({ method, route, status, tookMs, tenant, requestId, traceId, spanId, code }) => ({
      method,
      route,
      status,
      duration_ms: rounded(tookMs),
      tenant,
      request_id: requestId,
      trace_id: traceId,
      span_id: spanId,
      ...(code === undefined ? {} : { error: { code } }),
    }),
    sameAs: sameRequest,
  },
  'api.request.shed': {
    level: 'warn',
    say: ({ reason }) => `A request was answered 503 to protect the others: ${reason}`,
    sameAs: ({ reason }) => reason,
  },
  'api.auth.failed': { level: 'debug', say: ({ reason }) => `The tenant was not established: ${reason}` },
  'collect.refused': { level: 'debug', say: ({ code }) => `A collect request was refused: ${code}` },
  'collect.settled': {
    level: 'debug',
    say: ({ accepted, rejected, failed }) => `${events(accepted)} accepted, ${rejected} rejected, ${failed} failed`,
  },
  'collect.published': {
    level: 'debug',
    say: ({ records: count, outcome }) => `${records(count)} sent to the bus: ${outcome}`,
    fields: ({ tenant, topic, records: count, bytes, outcome, tookMs, span, detail }) => ({
      tenant,
      topic,
      records: count,
      bytes,
      outcome,
      duration_ms: rounded(tookMs),
      trace_id: span.traceId,
      span_id: span.spanId,
      detail,
    }),
  },
  'collect.clock.compared': { level: 'debug', say: ({ skewMs }) => `The first event is ${skewMs} ms from the clock` },
  'preview.finished': {
    level: 'debug',
    say: ({ rows: count, filesRead }) => `${rows(count)} previewed from ${filesRead} files`,
  },
  'registry.changed': { level: 'info', say: ({ entity, action, id }) => `${entity} ${id} ${action}` },
  'bus.topics.remade': {
    level: 'warn',
    say: ({ topic }) => `The bus did not know ${topic}: it was made anew, and what the bus had before is not in it`,
  },
  'worker.started': { level: 'info', say: ({ worker }) => `Worker ${worker} has started` },
  'worker.stopped': {
    level: 'info',
    say: ({ worker, drained }) =>
      `Worker ${worker} has stopped${drained ? '' : ' before it could drain; its records are read again'}`,
  },
  'worker.share.changed': {
    level: 'info',
    say: ({ owned, claimed, released, members }) =>
      `Owns ${owned} partitions of ${members} workers' (${claimed.length} claimed, ${released.length} released)`,
    // A worker that starts claims thousands: the line stays one that a log store takes.
    fields: ({ claimed, released, lost, ...rest }) => ({
      ...rest,
      claimed: claimed.slice(0, MOST_NAMES),
      released: released.slice(0, MOST_NAMES),
      lost: lost.slice(0, MOST_NAMES),
    }),
  },
  'worker.source.lost': {
    level: 'error',
    say: ({ topic, partition, reason, missing }) => `${topic}/${partition}: ${reason}, ${records(missing)} missing`,
  },
  'worker.records.consumed': {
    level: 'debug',
    say: ({ records: count }) => `${records(count)} consumed`,
    fields: ({ tenant, dataset, records: count, bytes }) => ({ tenant, dataset, records: count, bytes }),
  },
  'worker.records.future': {
    level: 'warn',
    say: ({ records: count, aheadMs }) =>
      `${records(count)} received up to ${Math.round(aheadMs)} ms ahead of this clock`,
    sameAs: ({ tenant }) => tenant,
  },
  'worker.fetch.paused': {
    level: 'debug',
    say: ({ reason, tookMs }) => `Reading was held back ${tookMs} ms: ${reason}`,
  },
  'worker.share.drained': {
    level: 'info',
    say: ({ partitions, tookMs }) =>
      `Flushed ${partitions} partitions within ${Math.round(tookMs)} ms before giving them back`,
  },
  'worker.records.replayed': {
    level: 'debug',
    say: ({ records: count }) => `${records(count)} read again, already settled`,
  },
  'worker.records.released': { level: 'info', say: ({ records: count }) => `${records(count)} given back unflushed` },
  'worker.buffer.changed': { level: 'debug', say: ({ rows: count }) => `${rows(count)} wait in memory` },
  'worker.flush.committed': {
    level: 'info',
    say: (said) => `${rows(said.rows)} committed to ${said.table}`,
    fields: (said) => ({
      tenant: said.tenant,
      dataset: said.dataset,
      flush_id: said.flushId,
      table: said.table,
      snapshot_id: said.snapshotId,
      records: said.records,
      rows: said.rows,
      duplicates: said.duplicates,
      dead_letters: said.deadLetters,
      files: said.files,
      bytes: said.bytes,
      duration_ms: rounded(said.tookMs),
      offsets: said.offsets,
      attempts: said.attempts,
      trigger: said.trigger,
      trace_id: said.span.traceId,
      span_id: said.span.spanId,
    }),
  },
  'worker.flush.failed': {
    level: 'error',
    say: ({ detail, retryInMs }) => `The flush failed and is tried again in ${retryInMs} ms: ${detail}`,
    fields: ({ tenant, dataset, flushId, code, retryInMs, trigger, outcome, span }) => ({
      tenant,
      dataset,
      flush_id: flushId,
      retry_in_ms: retryInMs,
      trigger,
      trace_id: span.traceId,
      span_id: span.spanId,
      error: { code, retryable: outcome === 'retried' },
    }),
    sameAs: ({ tenant, dataset, code }) => `${tenant} ${dataset} ${code}`,
  },
  'worker.commit.finished': {
    level: ({ outcome }) => (outcome === 'unknown' ? 'warn' : 'debug'),
    say: ({ outcome, attempt }) => `Attempt ${attempt} to commit: ${outcome}`,
  },
  'worker.ledger.asked': { level: 'debug', say: ({ ids, known }) => `${known} of ${ids} ids were known` },
  'worker.flush.fenced': {
    level: 'warn',
    say: ({ partitions }) => `The flush was refused: ${partitions.join(', ')} belong to another worker now`,
  },
  'worker.dataset.parked': {
    level: 'error',
    say: ({ detail, retryInMs }) => `The dataset waits ${retryInMs} ms for its table: ${detail}`,
    sameAs: ({ tenant, dataset }) => `${tenant} ${dataset}`,
  },
  'worker.events.dead_lettered': {
    level: 'warn',
    say: ({ events: count, reason }) => `${events(count)} became dead letters: ${reason}`,
    sameAs: ({ tenant, dataset, reason }) => `${tenant} ${dataset} ${reason}`,
  },
  'worker.duplicates.dropped': { level: 'debug', say: ({ events: count }) => `${events(count)} were rows already` },
  'worker.dead_letters.relayed': {
    level: 'info',
    say: ({ events: count }) => `${events(count)} relayed to the dead-letter topic`,
  },
  'worker.dead_letters.unrelayed': {
    level: 'error',
    say: ({ events: count, detail }) => `${events(count)} could not be relayed to the dead-letter topic: ${detail}`,
    sameAs: ({ tenant }) => tenant,
  },
  'upkeep.task.finished': { level: 'debug', say: ({ task, outcome }) => `Upkeep ${task}: ${outcome}` },
  'upkeep.rows.removed': {
    level: 'info',
    say: ({ rows: count, files, table }) => `${rows(count)} in ${files} files taken out of ${table}`,
  },
  'upkeep.swept': { level: 'info', say: ({ files }) => `Swept ${files} files of a flush that never committed` },
  'upkeep.files.expired': {
    level: 'info',
    say: ({ files }) => `Removed ${files} files that no retained snapshot reaches`,
  },
  'upkeep.records.deleted': {
    level: 'debug',
    say: ({ topic, partition, beforeOffset }) =>
      `Removed settled records of ${topic}/${partition} below ${beforeOffset}`,
  },
  'upkeep.ledger.rotated': {
    level: 'info',
    say: ({ dropped, added }) => `The ledger writes to ${added}${dropped === undefined ? '' : `; ${dropped} is gone`}`,
  },
  'dependency.away': {
    level: 'error',
    say: ({ dependency, detail }) => `${dependency} is away: ${detail}`,
    sameAs: ({ dependency }) => dependency,
  },
  'dependency.back': { level: 'info', say: ({ dependency }) => `${dependency} is back` },
  'dependency.checked': {
    level: 'debug',
    say: ({ dependency, isUp }) => `${dependency} ${isUp ? 'answers' : 'is away'}`,
  },
  'store.transaction.finished': {
    level: 'debug',
    say: ({ query, outcome }) => `Transaction ${query}: ${outcome}`,
    fields: ({ query, outcome, tookMs }) => ({ query, outcome, duration_ms: rounded(tookMs) }),
  },
  'lake.call.finished': {
    level: 'debug',
    say: ({ operation, outcome }) => `Object store ${operation}: ${outcome}`,
    fields: ({ operation, outcome, tookMs, bytes }) => ({ operation, outcome, duration_ms: rounded(tookMs), bytes }),
  },
  'canary.started': {
    level: 'info',
    say: ({ events: count, everySeconds }) => `The canary sends ${events(count)} every ${everySeconds} s`,
  },
  'canary.sent': { level: 'debug', say: ({ accepted, events: count }) => `${accepted} of ${events(count)} accepted` },
  'canary.verified': {
    level: ({ outcomes }) =>
      outcomes.missing + outcomes.duplicated + outcomes.corrupted > 0 ? 'error' : outcomes.late > 0 ? 'warn' : 'info',
    say: ({ outcomes, detail }) =>
      detail ??
      (outcomes.late > 0
        ? `${events(outcomes.late)} came late`
        : `${events(outcomes.exactly_once)} came back exactly once`),
  },
  'canary.hindered': {
    level: 'warn',
    say: ({ detail }) => `The canary cannot do its round: ${detail}`,
    sameAs: ({ code }) => code,
  },
  'telemetry.spans.lost': {
    level: 'warn',
    say: ({ spans, detail }) => `${spans} spans were lost: ${detail}`,
    sameAs: ({ reason }) => reason,
  },
  'process.defect': {
    level: 'error',
    say: ({ where, detail }) => `A defect in ${where}: ${detail}`,
    fields: ({ where, detail, stack }) => ({ where, error: { code: 'internal', detail, stack } }),
    sameAs: ({ where, detail }) => `${where} ${detail}`,
  },
}

/** An announcement's members in the log's spelling: `traceId` is `trace_id`. The default where an entry names no fields. */
export function snakeCased(said: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(said).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  )
}
