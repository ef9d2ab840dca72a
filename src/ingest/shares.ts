import { announce } from '../telemetry/index.ts'
import { named } from './announce-flush.ts'
import { dropQueue, type IngestBuffer } from './buffer.ts'
import type { OwnedPartition, Share } from './claims.ts'
import { openSource, sourceKey, type Source } from './sources.ts'

/** The partitions that this worker reads, by topic id and partition. */
export interface Sources {
  readonly byKey: Map<string, Source>
}

export const openSources = (): Sources => ({ byKey: new Map() })

/**
 * Takes up a share: what was claimed is read from now on, what was lost is forgotten, what is released
 * leaves. Answers partitions that are ours in Postgres and that nobody here reads (any more): to be
 * given back, so that they are claimed anew.
 */
export function takeShare(
  sources: Sources,
  buffer: IngestBuffer,
  worker: string,
  share: Share,
): readonly OwnedPartition[] {
  for (const one of share.lost) {
    const source = sources.byKey.get(sourceKey(one))
    if (source?.generation === one.generation) forgetSource(sources, buffer, source)
  }
  for (const one of share.claimed) {
    const before = sources.byKey.get(sourceKey(one))
    if (before !== undefined) forgetSource(sources, buffer, before)
    sources.byKey.set(sourceKey(one), openSource(one))
  }
  // What is released may become ours again before it was given back: then it simply stays.
  const leaving = new Set(share.released.map(sourceKey))
  for (const [key, source] of sources.byKey) source.leaving = leaving.has(key)
  const strays = share.owned.filter((one) => sources.byKey.get(sourceKey(one))?.generation !== one.generation)
  if (share.claimed.length === 0 && share.lost.length === 0) return strays
  announce('worker.share.changed', {
    lost: [],
    worker,
    owned: sources.byKey.size,
    claimed: share.claimed.map(label),
    released: share.lost.map(label),
    members: share.members,
  })
  return strays
}

const label = (one: OwnedPartition | Source): string => `${one.topic}/${one.partition}`

export function forgetAll(sources: Sources, buffer: IngestBuffer): void {
  for (const source of [...sources.byKey.values()]) forgetSource(sources, buffer, source)
}

/**
 * Another worker's, or ours only under a later claim: what is buffered of it is dropped (its owner
 * reads it again), what is in flight will be refused.
 */
export function forgetSource(sources: Sources, buffer: IngestBuffer, source: Source): void {
  if (sources.byKey.get(sourceKey(source)) === source) sources.byKey.delete(sourceKey(source))
  source.gone = true
  for (const lane of buffer.tenants.get(source.tenantId)?.lanes.values() ?? []) {
    lane.shed.delete(source)
    const records = dropQueue(buffer, lane, source)
    if (records === 0) continue
    announce('worker.records.released', { ...named(lane), records })
    announce('worker.buffer.changed', { ...named(lane), rows: lane.records })
  }
}

/**
 * Sources that leave and have nothing pending any more: to be given back. What a parked dataset holds
 * of them is dropped, because nobody knows when it could be flushed; the next owner reads it again.
 */
export function readyToLeave(
  sources: Sources,
  buffer: IngestBuffer,
  isInFlight: (source: Source) => boolean,
): Source[] {
  const ready: Source[] = []
  for (const source of sources.byKey.values()) {
    if ((!source.leaving && !source.retiring) || isInFlight(source)) continue
    let pending = false
    for (const lane of buffer.tenants.get(source.tenantId)?.lanes.values() ?? []) {
      // Of a topic that is gone nobody can read anything again: it is kept until it is settled.
      if (lane.parked !== undefined && !source.retiring) {
        lane.shed.delete(source)
        const records = dropQueue(buffer, lane, source)
        if (records > 0) announce('worker.records.released', { ...named(lane), records })
      }
      if (lane.queues.has(source)) pending = true
    }
    if (!pending) ready.push(source)
  }
  return ready
}

/** The sources were given back in Postgres. */
export function gaveBack(
  sources: Sources,
  buffer: IngestBuffer,
  worker: string,
  given: readonly Source[],
  members: number,
): void {
  for (const source of given) forgetSource(sources, buffer, source)
  announce('worker.share.changed', {
    lost: [],
    worker,
    owned: sources.byKey.size,
    claimed: [],
    released: given.map(label),
    members,
  })
}
