import { announce } from '../telemetry/index.ts'
import { freshnessOfRun } from './freshness.ts'
import type { IngestBuffer } from './lane.ts'
import type { Source } from './sources.ts'

/** Counts of one run for one dataset, announced once. */
export interface Counted {
  readonly datasetId: string
  records: number
  bytes: number
  replayed: number
  released: number
  /** Received too far ahead of our clock, and by how much at most. */
  future: number
  aheadMs: number
  /** Some of the records' times of receipt, as text. */
  readonly samples: string[]
}

export function countedOf(counts: Map<string, Counted>, datasetId: string): Counted {
  let counted = counts.get(datasetId)
  if (counted === undefined) {
    counted = { datasetId, records: 0, bytes: 0, replayed: 0, released: 0, future: 0, aheadMs: 0, samples: [] }
    counts.set(datasetId, counted)
  }
  return counted
}

/**
 * Says once per dataset what was read since the last time, and empties the counts. Before every wait, so that at no
 * instant something is buffered that was not counted as consumed.
 */
export function announceRun(buffer: IngestBuffer, source: Source, counts: Map<string, Counted>): void {
  const lanes = buffer.tenants.get(source.tenantId)?.lanes
  for (const count of counts.values()) {
    const lane = lanes?.get(count.datasetId)
    if (lane === undefined) continue
    const named = { tenant: lane.tenantSlug, dataset: lane.datasetSlug }
    const { records, bytes, replayed, released, future, aheadMs } = count
    announce('worker.records.consumed', {
      ...named,
      records,
      bytes,
      freshness: freshnessOfRun(count.samples, records),
    })
    if (replayed > 0) announce('worker.records.replayed', { ...named, records: replayed })
    if (released > 0) announce('worker.records.released', { ...named, records: released })
    if (future > 0) announce('worker.records.future', { tenant: named.tenant, records: future, aheadMs })
    announce('worker.buffer.changed', { ...named, rows: lane.records })
  }
  counts.clear()
}
