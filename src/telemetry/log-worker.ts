import { events, fieldsOf, records, rows, type LogEntries } from './log-entry.ts'

/** The lines of the worker and its upkeep. */
export const WORKER_LINES: LogEntries<'worker' | 'upkeep'> = {
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
  },
  'worker.source.lost': {
    level: 'error',
    say: ({ topic, partition, reason, missing }) => `${topic}/${partition}: ${reason}, ${records(missing)} missing`,
    error: ({ reason }) => ({ code: reason, retryable: false }),
  },
  'worker.records.consumed': { level: 'debug', say: ({ records: count }) => `${records(count)} consumed` },
  'worker.records.future': {
    level: 'warn',
    say: ({ records: count, aheadMs }) =>
      `${records(count)} received up to ${Math.round(aheadMs)} ms ahead of this clock`,
    error: () => ({ code: 'clock_ahead', retryable: true }),
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
    // Where any row's record is, whatever their number: from the row's `_source` to this line.
    fields: (said) => ({ ...fieldsOf(said), offsets: said.offsets }),
  },
  'worker.flush.failed': {
    level: 'error',
    say: ({ detail, retryInMs }) => `The flush failed and is tried again in ${retryInMs} ms: ${detail}`,
    error: ({ code, outcome }) => ({ code, retryable: outcome === 'retried' }),
    sameAs: ({ tenant, dataset, code }) => `${tenant} ${dataset} ${code}`,
  },
  'worker.commit.finished': {
    level: ({ outcome }) => (outcome === 'unknown' ? 'warn' : 'debug'),
    say: ({ outcome, attempt }) => `Attempt ${attempt} to commit: ${outcome}`,
    error: ({ outcome }) => (outcome === 'ok' ? undefined : { code: `commit_${outcome}`, retryable: true }),
  },
  'worker.ledger.asked': { level: 'debug', say: ({ ids, known }) => `${known} of ${ids} ids were known` },
  'worker.flush.fenced': {
    level: 'warn',
    say: ({ partitions }) => `The flush was refused: ${partitions.join(', ')} belong to another worker now`,
    error: () => ({ code: 'fenced', retryable: false }),
  },
  'worker.dataset.parked': {
    level: 'error',
    say: ({ detail, retryInMs }) => `The dataset waits ${retryInMs} ms for its table: ${detail}`,
    error: () => ({ code: 'table_unavailable', retryable: true }),
    sameAs: ({ tenant, dataset }) => `${tenant} ${dataset}`,
  },
  'worker.events.dead_lettered': {
    level: 'warn',
    say: ({ events: count, reason }) => `${events(count)} became dead letters: ${reason}`,
    error: ({ reason }) => ({ code: reason, retryable: false }),
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
    error: () => ({ code: 'unrelayed', retryable: true }),
    sameAs: ({ tenant }) => tenant,
  },
  'upkeep.task.finished': {
    level: ({ outcome }) => (outcome === 'failed' ? 'warn' : 'debug'),
    say: ({ task, outcome }) => `Upkeep ${task}: ${outcome}`,
    error: ({ task, outcome }) => (outcome === 'failed' ? { code: `${task}_failed`, retryable: true } : undefined),
    sameAs: ({ task, outcome }) => (outcome === 'failed' ? task : undefined),
  },
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
}
