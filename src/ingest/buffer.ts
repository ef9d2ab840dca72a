import type { Binding } from '../registry/index.ts'
import { oldestReceivedMs } from './freshness.ts'
import type { Parked } from './park.ts'
import type { Trigger } from './plan.ts'
import { addLetter, addRow, bytesOf, hasRoom, openSegment, recordsOf, type Row, type Segment } from './segment.ts'
import type { DeadLetter } from './settle.ts'
import type { Source } from './sources.ts'
import { enter, move, openTally, type Tally } from './tally.ts'

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

interface TenantBuffer {
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

/** The segment that the lane's next record of this partition and schema version goes to, with room for it. */
export function openFor(
  buffer: IngestBuffer,
  lane: Lane,
  source: Source,
  binding: Binding | undefined,
  offset: number,
  lineLength: number,
  nowMs: number,
): Segment {
  let queue = lane.queues.get(source)
  if (queue === undefined) {
    queue = []
    lane.queues.set(source, queue)
  }
  const last = queue[queue.length - 1]
  if (last !== undefined) {
    if (last.binding === binding && hasRoom(last, lineLength, buffer.segmentRecords)) return last
    last.sealed = true
  }
  const segment = openSegment(source, binding, offset, nowMs, last)
  queue.push(segment)
  if (lane.records === 0) lane.firstAtMs = nowMs
  return segment
}

/** Buffers one row in a segment that `openFor` gave for it. */
export function bufferRow(
  buffer: IngestBuffer,
  lane: Lane,
  segment: Segment,
  row: Row,
  offset: number,
  value: Buffer,
): void {
  grewBy(buffer, lane, addRow(segment, row, offset, value))
  segment.source.marks.set(lane.datasetId, offset + 1)
}

/** Buffers one record that will be a dead letter. */
export function bufferLetter(buffer: IngestBuffer, lane: Lane, segment: Segment, letter: DeadLetter): void {
  grewBy(buffer, lane, addLetter(segment, letter))
  segment.source.marks.set(lane.datasetId, letter.offset + 1)
}

function grewBy(buffer: IngestBuffer, lane: Lane, bytes: number): void {
  lane.records += 1
  lane.bytes += bytes
  buffer.bytes += bytes
  lane.tenant.bytes += bytes
  enter(buffer.tally, 'buffered', 1)
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

/**
 * Takes up to `maxRecords` from the lane, a prefix of what each partition has buffered, going round
 * the partitions so that none starves. At least one segment, if there is any. `maxLetterBytes` bounds what
 * the commit may have to carry whole: a flood of dead letters goes in several commits and not in one that is refused for ever.
 */
export function take(
  buffer: IngestBuffer,
  lane: Lane,
  maxRecords: number,
  maxLetterBytes = Infinity,
  trigger: Trigger = 'age',
): Take {
  const segments: Segment[] = []
  const isDoubtful = lane.parked?.fault === 'table'
  let records = 0
  let bytes = 0
  let letterBytes = 0
  let full = false
  while (!full && lane.queues.size > 0) {
    for (const [source, queue] of lane.queues) {
      const segment = queue[0]
      if (segment === undefined) {
        lane.queues.delete(source)
        continue
      }
      const more = recordsOf(segment)
      const moreLetters = isDoubtful ? bytesOf(segment) : segment.letterBytes
      if (segments.length > 0 && (records + more > maxRecords || letterBytes + moreLetters > maxLetterBytes)) {
        full = true
        break
      }
      queue.shift()
      segment.sealed = true
      segments.push(segment)
      records += more
      bytes += bytesOf(segment)
      letterBytes += moreLetters
    }
  }
  lane.records -= records
  lane.bytes -= bytes
  lane.inFlight += records
  lane.firstAtMs = oldest(lane)
  move(buffer.tally, 'buffered', 'inFlight', records)
  const taken = { lane, segments, records, bytes, letterBytes, trigger }
  lane.flights.add(taken)
  return taken
}

function oldest(lane: Lane): number {
  let at = Number.POSITIVE_INFINITY
  for (const queue of lane.queues.values()) {
    const first = queue[0]
    if (first !== undefined && first.firstAtMs < at) at = first.firstAtMs
  }
  return at
}

/** Nothing of the take moved: its segments go back to the front, those of lost partitions are dropped. */
export function putBack(buffer: IngestBuffer, taken: Take): number {
  let released = 0
  taken.lane.flights.delete(taken)
  for (let i = taken.segments.length - 1; i >= 0; i -= 1) {
    const segment = taken.segments[i] as Segment
    const records = recordsOf(segment)
    const bytes = bytesOf(segment)
    taken.lane.inFlight -= records
    if (segment.source.gone) {
      forget(buffer, taken.lane, bytes)
      move(buffer.tally, 'inFlight', 'released', records)
      released += records
      continue
    }
    const queue = taken.lane.queues.get(segment.source)
    if (queue === undefined) taken.lane.queues.set(segment.source, [segment])
    else queue.unshift(segment)
    taken.lane.records += records
    taken.lane.bytes += bytes
    move(buffer.tally, 'inFlight', 'buffered', records)
  }
  taken.lane.firstAtMs = oldest(taken.lane)
  readOnIfEmpty(taken.lane)
  return released
}

/** The take is committed: its memory is free. The caller moves the tally, knowing what became of each record. */
export function settle(buffer: IngestBuffer, taken: Take): void {
  taken.lane.flights.delete(taken)
  taken.lane.inFlight -= taken.records
  forget(buffer, taken.lane, taken.bytes)
}

/** Drops what the lane has buffered of a partition; answers how many records. In flight ones are not touched. */
export function dropQueue(buffer: IngestBuffer, lane: Lane, source: Source): number {
  const queue = lane.queues.get(source) ?? []
  lane.queues.delete(source)
  let records = 0
  let bytes = 0
  for (const segment of queue) {
    records += recordsOf(segment)
    bytes += bytesOf(segment)
  }
  lane.records -= records
  lane.bytes -= bytes
  lane.firstAtMs = oldest(lane)
  forget(buffer, lane, bytes)
  move(buffer.tally, 'buffered', 'released', records)
  readOnIfEmpty(lane)
  return records
}

/**
 * Forgets a parked lane's newest segments until it holds at most `maxBytes`, remembering from where on
 * each partition has to be read again. One segment stays, however large: a lane without records is
 * never flushed, so nothing would ever find out that its table is back. Answers how many records.
 */
export function shedTail(buffer: IngestBuffer, lane: Lane, maxBytes: number): number {
  let records = 0
  let segments = 0
  for (const queue of lane.queues.values()) segments += queue.length
  for (const [source, queue] of lane.queues) {
    while (lane.bytes > maxBytes && queue.length > 0 && segments > 1) {
      segments -= 1
      const segment = queue.pop() as Segment
      const [count, bytes] = [recordsOf(segment), bytesOf(segment)]
      lane.records -= count
      lane.bytes -= bytes
      records += count
      forget(buffer, lane, bytes)
      move(buffer.tally, 'buffered', 'released', count)
      shed(lane, source, segment.firstOffset, oldestReceivedMs(segment))
      source.marks.set(lane.datasetId, segment.firstOffset)
    }
    if (queue.length === 0) lane.queues.delete(source)
  }
  return records
}

/** The lane forgets a partition's records from the offset on, the first of which was received at `receivedAtMs` or later. */
export function shed(lane: Lane, source: Source, offset: number, receivedAtMs: number | undefined): void {
  lane.shed.set(source, offset)
  lane.shedSinceMs = Math.min(lane.shedSinceMs ?? Number.POSITIVE_INFINITY, receivedAtMs ?? 0)
}

/** Of a partition that somebody else reads again. */
export function forgetShed(lane: Lane, source: Source): void {
  lane.shed.delete(source)
  if (lane.shed.size === 0) lane.shedSinceMs = undefined
}

/** What the lane has forgotten is read again; everything else there is known by its marks. */
export function readAgain(lane: Lane): void {
  for (const [source, offset] of lane.shed) {
    if (offset >= source.position) continue
    source.position = offset
    source.atEndMs = undefined
    source.lastReceivedAt = lane.shedSinceMs === undefined ? '' : new Date(lane.shedSinceMs).toISOString()
  }
  lane.shed.clear()
  lane.shedSinceMs = undefined
}

/** With the last of its records gone, no flush would come after which what was forgotten is read again. */
function readOnIfEmpty(lane: Lane): void {
  if (lane.records === 0 && lane.inFlight === 0) readAgain(lane)
}

function forget(buffer: IngestBuffer, lane: Lane, bytes: number): void {
  buffer.bytes -= bytes
  lane.tenant.bytes -= bytes
}

/** The lowest offset of the partition that the tenant's lanes still have buffered or have forgotten while parked. */
export function pendingOffsets(tenant: TenantBuffer, source: Source): number[] {
  const pending: number[] = []
  for (const lane of tenant.lanes.values()) {
    const first = lane.queues.get(source)?.[0]
    if (first !== undefined) pending.push(first.firstOffset)
    const shed = lane.shed.get(source)
    if (shed !== undefined) pending.push(shed)
  }
  return pending
}
