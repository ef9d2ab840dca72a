import type { PartitionFacts } from '../ingest/index.ts'

/** Per partition what no metric may carry a label for: where reading is, what is not committed, and how much lies ahead. */
export function partitionsPage(partitions: readonly PartitionFacts[]): unknown {
  return partitions.map((one) => ({
    topic: one.topic,
    topic_id: one.topicId,
    partition: one.partition,
    generation: one.generation,
    position: one.position,
    committed: one.committed,
    high_watermark: one.logEnd ?? null,
    lag: one.lag ?? null,
    oldest_buffered_offset: one.oldestBufferedOffset ?? null,
    oldest_buffered_received_at:
      one.oldestReceivedMs === undefined ? null : new Date(one.oldestReceivedMs).toISOString(),
    parked: one.parked,
    leaving: one.leaving,
    lost: one.lost,
  }))
}
