import { announce } from '../telemetry/index.ts'
import { named } from './announce-flush.ts'
import type { OwnedPartition, Share } from './claims.ts'
import { dropQueue, forgetShed } from './forget.ts'
import type { IngestBuffer, Lane } from './lane.ts'
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
  nowMs: number,
): readonly OwnedPartition[] {
  const lost: Source[] = []
  for (const one of share.lost) {
    const source = sources.byKey.get(sourceKey(one))
    if (source?.generation === one.generation && forgetSource(sources, buffer, source)) lost.push(source)
  }
  for (const one of share.claimed) {
    const before = sources.byKey.get(sourceKey(one))
    if (before !== undefined && forgetSource(sources, buffer, before)) lost.push(before)
    sources.byKey.set(sourceKey(one), openSource(one))
  }
  // What is released may become ours again before it was given back: then it simply stays.
  const leaving = new Set(share.released.map(sourceKey))
  for (const [key, source] of sources.byKey) {
    if (leaving.has(key) && !source.leaving) source.leavingSinceMs = nowMs
    source.leaving = leaving.has(key)
  }
  const strays = share.owned.filter((one) => sources.byKey.get(sourceKey(one))?.generation !== one.generation)
  tellMoves(sources, { worker, members: share.members, claimed: share.claimed, lost })
  return strays
}

const label = (one: OwnedPartition | Source): string => `${one.topic}/${one.partition}`

/** Says which partitions came and went: those claimed less those released and lost are those that are read. */
export function tellMoves(
  sources: Sources,
  of: {
    readonly worker: string
    readonly members: number
    readonly claimed?: readonly OwnedPartition[]
    readonly released?: readonly Source[]
    readonly lost?: readonly Source[]
  },
): void {
  const { worker, members, claimed = [], released = [], lost = [] } = of
  if (claimed.length + released.length + lost.length === 0) return
  announce('worker.share.changed', {
    worker,
    owned: sources.byKey.size,
    claimed: claimed.map(label),
    released: released.map(label),
    lost: lost.map(label),
    members,
  })
}

/** Forgets everything; answers what it was. */
export function forgetAll(sources: Sources, buffer: IngestBuffer): Source[] {
  return [...sources.byKey.values()].filter((source) => forgetSource(sources, buffer, source))
}

/**
 * Another worker's, or ours only under a later claim: what is buffered of it is dropped (its owner
 * reads it again), what is in flight will be refused. Answers whether it was being read.
 */
export function forgetSource(sources: Sources, buffer: IngestBuffer, source: Source): boolean {
  const isKnown = sources.byKey.get(sourceKey(source)) === source
  if (isKnown) sources.byKey.delete(sourceKey(source))
  source.gone = true
  for (const lane of buffer.tenants.get(source.tenantId)?.lanes.values() ?? []) {
    forgetShed(lane, source)
    const records = dropQueue(buffer, lane, source)
    if (records === 0) continue
    announce('worker.records.released', { ...named(lane), records })
    announce('worker.buffer.changed', { ...named(lane), rows: lane.records })
  }
  return isKnown
}

/**
 * Sources that leave and have nothing pending any more: to be given back. What a parked dataset holds
 * of them is not waited for, because nobody knows when it could be flushed; the next owner reads it again.
 * It stays buffered until they are given back: forgotten any sooner, the next commit of another dataset
 * would take the partition's offset past it.
 */
export function readyToLeave(
  sources: Sources,
  buffer: IngestBuffer,
  isInFlight: (source: Source) => boolean,
): Source[] {
  const ready: Source[] = []
  for (const source of sources.byKey.values()) {
    if ((!source.leaving && !source.retiring) || isInFlight(source)) continue
    const lanes = [...(buffer.tenants.get(source.tenantId)?.lanes.values() ?? [])]
    // Of a topic that is gone nobody can read anything again: it is kept until it is settled.
    const isAwaited = (lane: Lane): boolean => lane.parked === undefined || source.retiring
    if (!lanes.some((lane) => lane.queues.has(source) && isAwaited(lane))) ready.push(source)
  }
  return ready
}

/** The sources were given back in Postgres, having been flushed first. */
export function gaveBack(
  sources: Sources,
  buffer: IngestBuffer,
  given: readonly Source[],
  of: { readonly worker: string; readonly members: number; readonly nowMs: number },
): void {
  const { worker, members, nowMs } = of
  const moved = given.filter(({ leaving }) => leaving)
  const released = given.filter((source) => forgetSource(sources, buffer, source))
  tellMoves(sources, { worker, members, released })
  if (moved.length === 0) return
  const tookMs = nowMs - Math.min(...moved.map(({ leavingSinceMs }) => leavingSinceMs))
  announce('worker.share.drained', { cause: 'share_moved', partitions: moved.length, tookMs })
}
