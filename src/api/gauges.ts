import type { Publisher } from '../bus/index.ts'
import type { Dependencies } from '../places/index.ts'
import type { Store } from '../store/index.ts'
import type { Telemetry } from '../telemetry/index.ts'
import type { Inflight } from './inflight.ts'

/** What the API's gauges are read from. All answer at once, from what somebody else has found out. */
interface GaugeFacts {
  readonly inflight: Inflight
  readonly pending: Publisher['pending']
  readonly pendingCapacityBytes: number
  readonly partitions: () => number | undefined
  readonly dependencies: Dependencies['facts']
  readonly pool: Store['pool']
  /** Milliseconds since 1970. */
  readonly clock: () => number
}

/**
 * Has every gauge of the API read at each scrape, from what is so at that moment; what nobody knows yet is in no scrape.
 * Answers a function that ends it.
 */
export function readGauges({ read }: Pick<Telemetry['metrics'], 'read'>, facts: GaugeFacts): () => void {
  const { inflight, pending } = facts
  const ends = [
    read('pulse_api_inflight_requests', () =>
      (['collect', 'preview', 'admin'] as const).map((name) => [{ class: name }, inflight.counts[name]]),
    ),
    read('pulse_api_producer_queue_records', () => [[{}, pending.records]]),
    read('pulse_api_producer_queue_bytes', () => [[{}, pending.bytes]]),
    read('pulse_api_producer_queue_capacity_bytes', () => [[{}, facts.pendingCapacityBytes]]),
    read('pulse_api_producer_oldest_record_timestamp_seconds', () => {
      const agoMs = pending.oldestAgoMs
      return agoMs === undefined ? [] : [[{}, (facts.clock() - agoMs) / 1000]]
    }),
    read('pulse_bus_partitions', () => {
      const partitions = facts.partitions()
      return partitions === undefined ? [] : [[{}, partitions]]
    }),
    read('pulse_dependency_up', () => {
      const { postgres, kafka, minio } = facts.dependencies()
      return Object.entries({ postgres, kafka, minio }).flatMap(([name, { answered }]) =>
        answered === undefined ? [] : [[{ dependency: name as 'postgres' }, answered ? 1 : 0] as const],
      )
    }),
    read('pulse_db_pool_connections', () => {
      const pool = facts.pool()
      if (pool === undefined) return []
      return (['idle', 'busy', 'waiting'] as const).map((state) => [{ state }, pool[state]])
    }),
    read('pulse_db_pool_max_connections', () => {
      const pool = facts.pool()
      return pool === undefined ? [] : [[{}, pool.max]]
    }),
  ]
  return () => {
    for (const end of ends) end()
  }
}
