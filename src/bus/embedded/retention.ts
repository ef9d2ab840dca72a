import type { Engine } from './engine.ts'
import type { Partition } from './topics.ts'

const EVERY_MS = 60_000

/**
 * Applies `retention.ms` of the topics that have one: a minute after the other, whole batches whose youngest record is
 * older go. Topics without it (the raw ones) keep everything until DeleteRecords.
 */
export function startRetention(engine: Engine, now: () => number): () => void {
  const timer = setInterval(() => void retain(engine, now()), EVERY_MS).unref()
  return () => clearInterval(timer)
}

/** One pass; answers how many partitions were cut. */
export async function retain(engine: Engine, nowMs: number): Promise<number> {
  const cuts: { partition: Partition; beforeOffset: number }[] = []
  for (const topic of engine.state.topics.values()) {
    const keepMs = Number(topic.configs['retention.ms'] ?? -1)
    if (keepMs < 0) continue
    for (const partition of topic.partitions) {
      const { batches } = partition
      let at = 0
      while (at < batches.length && batches.maxTimestamp(at) < nowMs - keepMs) at += 1
      if (at > 0) cuts.push({ partition, beforeOffset: batches.lastOffset(at - 1) + 1 })
    }
  }
  if (cuts.length > 0) await engine.deleteRecords(cuts)
  return cuts.length
}
