import { DEAD_LETTER_REASONS } from '../../src/event/index.ts'
import { announce, listenWorker, type Telemetry } from '../../src/telemetry/index.ts'
import { said } from './announcements.ts'

/** How many announcements of each kind a tenant of the crowd makes for each of its datasets. */
export const EACH = { consumed: 3, rows: 2, deadLetters: 1 } as const

/**
 * A worker that many tenants write to: every announcement that counts by tenant, for each tenant and dataset, and gauges read from
 * as many. Listens until the owner ends.
 */
export function crowd(
  owner: { after(act: () => void): void },
  metrics: Telemetry['metrics'],
  { tenants, datasets }: { tenants: number; datasets: number },
): void {
  owner.after(listenWorker(metrics))
  const pairs = Array.from({ length: tenants * datasets }, (_, at) => ({
    tenant: `tenant-${Math.floor(at / datasets)}`,
    dataset: `dataset-${at % datasets}`,
  }))
  for (const [at, pair] of pairs.entries()) {
    announce('worker.records.consumed', said('worker.records.consumed', { ...pair, records: EACH.consumed }))
    announce(
      'worker.flush.committed',
      said('worker.flush.committed', { ...pair, rows: EACH.rows, tookMs: at % 9000, snapshots: 3, metadataBytes: 9 }),
    )
    const reason = DEAD_LETTER_REASONS[at % DEAD_LETTER_REASONS.length] ?? 'malformed'
    announce('worker.events.dead_lettered', { ...pair, reason, events: EACH.deadLetters })
  }
  const rowsOf = (value: number) => () => pairs.map((pair) => [pair, value] as const)
  owner.after(metrics.read('pulse_worker_buffer_rows', rowsOf(1)))
  owner.after(metrics.read('pulse_worker_oldest_unflushed_timestamp_seconds', rowsOf(1.7e9)))
  owner.after(metrics.read('pulse_worker_committed_watermark_timestamp_seconds', rowsOf(1.7e9)))
  const lag = () => pairs.map(({ tenant }) => [{ tenant }, 2] as const)
  owner.after(metrics.read('pulse_worker_lag_records', lag))
  owner.after(metrics.read('pulse_worker_lag_seconds', lag))
}
