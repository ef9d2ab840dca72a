import { NIL_DATASET } from './flush-commit.ts'
import { lagOf, type Lag } from './lag.ts'
import type { IngestBuffer, Lane } from './lane.ts'
import type { Fault } from './park.ts'
import type { Source } from './sources.ts'
import { heldBy, oldestHeldMs, unsettledFrom, watermarkOf } from './watermark.ts'

/** One dataset's part of the ingest. */
interface Pair {
  readonly tenant: string
  readonly dataset: string
}

/** One partition as it is read now, for somebody who looks for a record. */
export interface PartitionFacts {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly generation: number
  /** The next offset to be read; what lies below is read, and below `committed` settled. */
  readonly position: number
  readonly committed: number
  /** Undefined while the bus has not said. */
  readonly logEnd: number | undefined
  readonly lag: number | undefined
  readonly oldestBufferedOffset: number | undefined
  readonly oldestReceivedMs: number | undefined
  /** Datasets of its tenant that could not be flushed and wait to be tried again, each with whose fault it is. */
  readonly parked: readonly { readonly dataset: string; readonly fault: Fault }[]
  readonly leaving: boolean
  readonly lost: boolean
}

/**
 * What can be seen of an ingest from outside, computed when it is asked for and kept nowhere: a partition that was given
 * back or lost a moment ago is in no answer any more. All times are milliseconds since 1970.
 */
export interface Window {
  /** Rows that wait for their flush. */
  rows(): Iterable<readonly [Pair, number]>
  /** Per tenant: records summed, seconds of the worst partition. Tenants of whom nobody knows a name and nothing is behind are left out. */
  lag(nowMs: number): Iterable<readonly [string, Lag]>
  /** When the oldest record that is not settled was received; a dataset without any is left out. */
  oldestUnflushed(): Iterable<readonly [Pair, number]>
  watermarks(): Iterable<readonly [Pair, number]>
  watermarkOf(lane: Lane): number | undefined
  partitions(): PartitionFacts[]
}

interface WindowParts {
  readonly buffer: IngestBuffer
  readonly sources: () => Iterable<Source>
  /** `_unknown` while it is not known. */
  readonly tenantSlug: (tenantId: string) => string
}

export function openWindow({ buffer, sources, tenantSlug }: WindowParts): Window {
  const lanesOf = (tenantId: string): Iterable<Lane> => buffer.tenants.get(tenantId)?.lanes.values() ?? []
  function* lanes(): Generator<readonly [Pair, Lane]> {
    for (const tenant of buffer.tenants.values())
      for (const lane of tenant.lanes.values()) yield [{ tenant: lane.tenantSlug, dataset: lane.datasetSlug }, lane]
  }
  const lagOfSource = (source: Source, nowMs: number): Lag | undefined => {
    let oldest: number | undefined
    for (const lane of lanesOf(source.tenantId)) oldest = earlier(oldest, unsettledSince(lane, source))
    return lagOf(source, unsettledFrom(lanesOf(source.tenantId), source), oldest, nowMs)
  }

  return {
    *rows() {
      for (const [pair, lane] of lanes()) yield [pair, lane.records]
    },
    *lag(nowMs) {
      const byTenant = new Map<string, Lag>()
      for (const source of sources()) {
        const lag = lagOfSource(source, nowMs)
        if (lag === undefined) continue
        const { records = 0, seconds = 0 } = byTenant.get(source.tenantId) ?? {}
        byTenant.set(source.tenantId, {
          records: records + lag.records,
          seconds: Math.max(seconds, lag.seconds),
        })
      }
      for (const [tenantId, lag] of byTenant) {
        const slug = tenantSlug(tenantId)
        if (slug !== UNKNOWN || lag.records > 0) yield [slug, lag]
      }
    },
    *oldestUnflushed() {
      for (const [pair, lane] of lanes()) {
        const oldest = unsettledSince(lane)
        if (oldest !== undefined) yield [pair, oldest]
      }
    },
    *watermarks() {
      const byTenant = new Map<string, Source[]>()
      for (const source of sources()) {
        const own = byTenant.get(source.tenantId)
        if (own === undefined) byTenant.set(source.tenantId, [source])
        else own.push(source)
      }
      for (const [pair, lane] of lanes()) {
        if (lane.datasetId === NIL_DATASET) continue
        const at = watermarkOf(lane, byTenant.get(lane.tenantId) ?? [])
        if (at !== undefined) yield [pair, at]
      }
    },
    watermarkOf: (lane) => watermarkOf(lane, ofTenant(sources(), lane.tenantId)),
    partitions: () =>
      [...sources()].map((source) => {
        const own = [...lanesOf(source.tenantId)]
        const held = own.flatMap((lane) => [...heldBy(lane, source)])
        const lag = lagOfSource(source, 0)
        return {
          topic: source.topic,
          topicId: source.topicId,
          partition: source.partition,
          generation: source.generation,
          position: source.position,
          committed: unsettledFrom(own, source),
          logEnd: source.logEnd,
          lag: lag?.records,
          oldestBufferedOffset: held.length === 0 ? undefined : Math.min(...held.map((one) => one.firstOffset)),
          oldestReceivedMs: own
            .map((lane) => oldestHeldMs(lane, source))
            .reduce((oldest, one) => earlier(oldest, one), undefined),
          parked: own.flatMap(({ parked, datasetSlug }) =>
            parked === undefined ? [] : [{ dataset: datasetSlug, fault: parked.fault }],
          ),
          leaving: source.leaving,
          lost: source.lost,
        }
      }),
  }
}

const UNKNOWN = '_unknown'

function* ofTenant(sources: Iterable<Source>, tenantId: string): Generator<Source> {
  for (const source of sources) if (source.tenantId === tenantId) yield source
}

/** Held, or forgotten while the dataset is parked: either way it is not in the table. */
function unsettledSince(lane: Lane, source?: Source): number | undefined {
  const isShed = source === undefined ? lane.shed.size > 0 : lane.shed.has(source)
  return earlier(oldestHeldMs(lane, source), isShed ? lane.shedSinceMs : undefined)
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || (other !== undefined && other < one) ? other : one
}
