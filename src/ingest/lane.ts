import type { Parked } from './park.ts'
import type { Trigger } from './plan.ts'
import type { Segment } from './segment.ts'
import type { Source } from './sources.ts'
import { openTally, type Tally } from './tally.ts'

/** What waits to be flushed for one dataset of one tenant (or for what cannot be resolved there). */
export interface Lane {
  readonly tenant: TenantBuffer
  readonly tenantId: string
  /** `NIL_DATASET` for what cannot be resolved. */
  readonly datasetId: string
  readonly tenantSlug: string
  readonly datasetSlug: string
  readonly datasetNumber: number
  /** Per partition in offset order, so that taking from the front takes a prefix. */
  readonly queues: Map<Source, Segment[]>
  records: number
  bytes: number
  /** Arrival of the oldest buffered record; meaningless while `records` is 0. */
  firstAtMs: number
  inFlight: number
  /** What `inFlight` counts. */
  readonly flights: Set<Take>
  parked: Parked | undefined
  /** Parked beyond the bound: what cannot be flushed becomes dead letters. */
  givenUp: boolean
  /** Where a parked dataset's records were forgotten: from here on they are read again when it comes back. */
  readonly shed: Map<Source, number>
  /** Everything that was forgotten was received no earlier (epoch milliseconds); undefined while nothing is. */
  shedSinceMs: number | undefined
  /** The last flush met ids that were known: the next one asks before it writes. */
  repeatsLikely: boolean
  /** Re-reads since the last commit, for its totals. */
  replayed: number
  /** The table's pointer after our own last commit; undefined = ask the catalog. */
  pointer: string | undefined
}

export interface TenantBuffer {
  readonly tenantId: string
  readonly lanes: Map<string, Lane>
  /** Buffered and in flight. */
  bytes: number
}

export interface IngestBuffer {
  readonly tenants: Map<string, TenantBuffer>
  readonly tally: Tally
  readonly segmentRecords: number
  /** Buffered and in flight, over all tenants. */
  bytes: number
}

/** `segmentRecords`: a flush takes whole segments, so that none may hold more than a flush may. */
export function openBuffer(segmentRecords: number): IngestBuffer {
  return { tenants: new Map(), tally: openTally(), segmentRecords: Math.min(segmentRecords, 8192), bytes: 0 }
}

export function tenantBuffer(buffer: IngestBuffer, tenantId: string): TenantBuffer {
  let tenant = buffer.tenants.get(tenantId)
  if (tenant === undefined) {
    tenant = { tenantId, lanes: new Map(), bytes: 0 }
    buffer.tenants.set(tenantId, tenant)
  }
  return tenant
}

interface LaneNames {
  readonly datasetId: string
  readonly tenantSlug: string
  readonly datasetSlug: string
  readonly datasetNumber: number
}

export function laneOf(buffer: IngestBuffer, tenantId: string, names: LaneNames): Lane {
  const tenant = tenantBuffer(buffer, tenantId)
  let lane = tenant.lanes.get(names.datasetId)
  if (lane === undefined) {
    lane = {
      tenant,
      tenantId,
      ...names,
      queues: new Map(),
      records: 0,
      bytes: 0,
      firstAtMs: 0,
      inFlight: 0,
      flights: new Set(),
      parked: undefined,
      givenUp: false,
      shed: new Map(),
      shedSinceMs: undefined,
      repeatsLikely: false,
      replayed: 0,
      pointer: undefined,
    }
    tenant.lanes.set(names.datasetId, lane)
  }
  return lane
}

/** A lane's records in flight: whole segments, a prefix per partition. */
export interface Take {
  readonly lane: Lane
  readonly segments: readonly Segment[]
  readonly records: number
  readonly bytes: number
  /** Of records that are dead letters, or become such should their table not be back. */
  readonly letterBytes: number
  /** What made it due. */
  readonly trigger: Trigger
}

/** When the oldest record that the lane has buffered arrived. */
export function oldestArrival(lane: Lane): number {
  let at = Number.POSITIVE_INFINITY
  for (const queue of lane.queues.values()) {
    const first = queue[0]
    if (first !== undefined && first.firstAtMs < at) at = first.firstAtMs
  }
  return at
}

/** So many bytes of the lane are not in memory any more. */
export function free(buffer: IngestBuffer, lane: Lane, bytes: number): void {
  buffer.bytes -= bytes
  lane.tenant.bytes -= bytes
}
