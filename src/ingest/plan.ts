import type { Announcements } from '../telemetry/index.ts'

/** Decisions about flushing, apart from every effect: what is due, how long to wait, whom to read. */

/** What made a flush due. */
export type Trigger = Announcements['worker.flush.committed']['trigger']

export interface FlushTiming {
  readonly flushSeconds: number
  readonly flushRows: number
  readonly commitsPerSecond: number
}

/**
 * How long a dataset's first buffered record waits for its flush. Every tenant with something
 * pending costs one commit per interval, so that many idle tenants widen it evenly: with a budget
 * of 20 commits a second, up to 600 tenants keep 30 s, 2,000 tenants wait 100 s.
 */
export function flushIntervalMs(timing: FlushTiming, pendingTenants: number): number {
  return Math.max(timing.flushSeconds * 1000, (pendingTenants / timing.commitsPerSecond) * 1000)
}

export interface LaneState {
  readonly tenantId: string
  readonly datasetId: string
  readonly records: number
  /** When its oldest buffered record arrived. */
  readonly firstAtMs: number
  /** Not before, because its table could not be used. */
  readonly parkedUntilMs: number
  /** Flushed whatever its age: its partition is given back, or the worker stops. */
  readonly urgent: 'release' | 'shutdown' | undefined
}

interface PlannedFlush {
  readonly tenantId: string
  /** Oldest first. */
  readonly datasets: readonly { readonly datasetId: string; readonly trigger: Trigger }[]
}

export interface PlanInput {
  readonly nowMs: number
  readonly lanes: Iterable<LaneState>
  readonly timing: FlushTiming
  /** Tenants whose flush is under way: one at a time, so that a tenant's commits never wait for each other. */
  readonly busy: ReadonlySet<string>
  /** Tenants that have used up their part of the buffer: they are flushed now, or nothing would ever free it. */
  readonly pressed: ReadonlySet<string>
  /** How many flushes may start. */
  readonly slots: number
  /** The most datasets of one commit. */
  readonly maxDatasets: number
}

/** Which flushes start now: tenants by their oldest due record, each with its due datasets. */
export function planFlushes(input: PlanInput): readonly PlannedFlush[] {
  if (input.slots <= 0) return []
  const lanes: LaneState[] = []
  const tenants = new Set<string>(input.busy)
  for (const lane of input.lanes) {
    if (lane.records === 0) continue
    tenants.add(lane.tenantId)
    if (lane.parkedUntilMs <= input.nowMs && !input.busy.has(lane.tenantId)) lanes.push(lane)
  }
  const intervalMs = flushIntervalMs(input.timing, tenants.size)
  const due: { readonly lane: LaneState; readonly trigger: Trigger }[] = []
  for (const lane of lanes) {
    const trigger = triggerOf(lane, input, intervalMs)
    if (trigger !== undefined) due.push({ lane, trigger })
  }
  due.sort((a, b) => a.lane.firstAtMs - b.lane.firstAtMs)
  const planned = new Map<string, { datasetId: string; trigger: Trigger }[]>()
  for (const { lane, trigger } of due) {
    const datasets = planned.get(lane.tenantId)
    const one = { datasetId: lane.datasetId, trigger }
    if (datasets !== undefined) {
      if (datasets.length < input.maxDatasets) datasets.push(one)
    } else if (planned.size < input.slots) {
      planned.set(lane.tenantId, [one])
    }
  }
  return [...planned].map(([tenantId, datasets]) => ({ tenantId, datasets }))
}

/** Why the dataset is due, the most pressing reason first; undefined: it is not. */
function triggerOf(lane: LaneState, input: PlanInput, intervalMs: number): Trigger | undefined {
  if (lane.urgent !== undefined) return lane.urgent
  if (lane.records >= input.timing.flushRows) return 'rows'
  if (input.pressed.has(lane.tenantId)) return 'bytes'
  return input.nowMs - lane.firstAtMs >= intervalMs ? 'age' : undefined
}
