import { imbalance, type Ingest } from '../ingest/index.ts'
import type { Dependencies } from '../places/index.ts'
import type { Announcements, Telemetry } from '../telemetry/index.ts'
import type { PoolFacts } from '../store/index.ts'
import type { LedgerFacts } from '../upkeep/index.ts'

/** What the worker's gauges are read from. All answer at once, from what somebody else has found out. */
export interface GaugeFacts {
  /** Undefined before it has started. */
  readonly ingest: () => Pick<Ingest, 'facts' | 'tally' | 'buffer' | 'window'> | undefined
  readonly bufferCapacityBytes: number
  readonly partitions: () => number | undefined
  readonly ledger: () => LedgerFacts | undefined
  readonly dependencies: Dependencies['facts']
  /** Undefined before Postgres was reached once. */
  readonly pool: () => PoolFacts | undefined
  readonly lastSuccess: () => Iterable<readonly [Announcements['upkeep.task.finished']['task'], number]>
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/**
 * Has every gauge of the worker read at each scrape, from what is so at that moment: nothing is set and later forgotten,
 * so that a partition which left, a dataset which is flushed or a fact which nobody knows yet is in no scrape.
 */
export function readGauges({ read }: Pick<Telemetry['metrics'], 'read'>, facts: GaugeFacts): void {
  const window = () => facts.ingest()?.window
  const tally = () => facts.ingest()?.tally
  const ingest = () => facts.ingest()?.facts()
  const seconds = (ms: number): number => ms / 1000
  const agoMs = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : facts.clock() - ms)

  read('pulse_worker_buffer_rows', () => window()?.rows() ?? [])
  read('pulse_worker_buffer_bytes', () => one(facts.ingest()?.buffer.bytes))
  read('pulse_worker_buffer_capacity_bytes', () => one(facts.bufferCapacityBytes))
  read('pulse_worker_inflight_rows', () => one(tally()?.inFlight))
  read('pulse_worker_ledger_imbalance', () => {
    const now = tally()
    return one(now === undefined ? undefined : imbalance(now))
  })

  read('pulse_worker_partitions_owned', () => one(ingest()?.owned))
  read('pulse_bus_partitions', () => one(facts.partitions()))
  read('pulse_worker_topic_discovery_timestamp_seconds', () => one(agoMs(ingest()?.sinceSharedMs), seconds))
  read('pulse_worker_lag_records', () =>
    each(window()?.lag(facts.clock()), ([tenant, lag]) => [{ tenant }, lag.records] as const),
  )
  read('pulse_worker_lag_seconds', () =>
    each(window()?.lag(facts.clock()), ([tenant, lag]) => [{ tenant }, lag.seconds] as const),
  )
  read('pulse_worker_committed_watermark_timestamp_seconds', () =>
    each(window()?.watermarks(), ([pair, ms]) => [pair, seconds(ms)] as const),
  )
  read('pulse_worker_oldest_unflushed_timestamp_seconds', () =>
    each(window()?.oldestUnflushed(), ([pair, ms]) => [pair, seconds(ms)] as const),
  )
  read('pulse_worker_loop_tick_timestamp_seconds', () => {
    const now = ingest()
    const { answered, agoMs: checkedAgoMs } = facts.dependencies().postgres
    const ticks = [
      ['consume', agoMs(now?.sinceTickMs)],
      ['flush', agoMs(now?.sinceFlushTickMs)],
      ['health', answered === undefined ? undefined : agoMs(checkedAgoMs)],
    ] as const
    return ticks.flatMap(([loop, ms]) => (ms === undefined ? [] : [[{ loop }, seconds(ms)] as const]))
  })

  read('pulse_worker_maintenance_last_success_timestamp_seconds', () =>
    each(facts.lastSuccess(), ([task, ms]) => [{ task }, seconds(ms)] as const),
  )
  read('pulse_worker_dedup_ledger_rows', () => one(facts.ledger()?.rows))
  read('pulse_worker_dedup_ledger_oldest_timestamp_seconds', () => one(facts.ledger()?.oldestMs, seconds))
  read('pulse_db_pool_connections', () => {
    const pool = facts.pool()
    return pool === undefined ? [] : (['idle', 'busy', 'waiting'] as const).map((state) => [{ state }, pool[state]])
  })
  read('pulse_db_pool_max_connections', () => one(facts.pool()?.max))
  read('pulse_dependency_up', () =>
    Object.entries(facts.dependencies()).flatMap(([name, { answered }]) =>
      answered === undefined
        ? []
        : [[{ dependency: name as keyof ReturnType<Dependencies['facts']> }, answered ? 1 : 0] as const],
    ),
  )
}

const as = (value: number): number => value
/** A gauge without labels; what is not known is not there. */
const one = (value: number | undefined, of: (value: number) => number = as) =>
  value === undefined ? [] : [[{}, of(value)] as const]

function* each<T, R>(items: Iterable<T> | undefined, of: (item: T) => R): Generator<R> {
  for (const item of items ?? []) yield of(item)
}
