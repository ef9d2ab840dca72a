import { announce } from '../telemetry/index.ts'
import { named } from './announce-flush.ts'
import { roomFor } from './backpressure.ts'
import { take } from './buffer.ts'
import type { FlushParts } from './flush-parts.ts'
import { flush } from './flush.ts'
import type { Lane, Take } from './lane.ts'
import { planFlushes, type FlushTiming, type LaneState, type Trigger } from './plan.ts'
import type { Source } from './sources.ts'

export interface Flushing {
  /** Starts what is due. */
  tick(): void
  /** From now on everything is due: the worker stops. */
  hurry(): void
  isInFlight(source: Source): boolean
  /** Nothing buffered but what is parked, nothing in flight. */
  isDrained(): boolean
  /** Resolves when no flush is under way. */
  idle(): Promise<void>
}

interface FlushingOptions {
  readonly timing: FlushTiming
  readonly maxRows: number
  readonly capacityBytes: number
}

/** Different tenants' flushes at once: while one waits for the disk or for Postgres, another's rows are converted. */
const MAX_FLUSHES = 4
const MAX_DATASETS = 64
/** Dead letters of one commit: it carries their records whole, as one text of 4/3 the size. */
const MAX_LETTER_BYTES = 32 << 20

export function openFlushing(parts: FlushParts, options: FlushingOptions): Flushing {
  const running = new Map<string, { readonly takes: readonly Take[]; readonly done: Promise<void> }>()
  const { buffer } = parts
  let hurried = false

  const lanes = function* (): Generator<LaneState> {
    for (const tenant of buffer.tenants.values()) {
      for (const lane of tenant.lanes.values()) {
        if (lane.records === 0) continue
        yield {
          tenantId: lane.tenantId,
          datasetId: lane.datasetId,
          records: lane.records,
          firstAtMs: lane.firstAtMs,
          parkedUntilMs: lane.parked?.untilMs ?? 0,
          urgent: hurried ? 'shutdown' : holdsLeaving(lane) ? 'release' : undefined,
        }
      }
    }
  }

  const pressed = (): Set<string> => {
    const room = { capacityBytes: options.capacityBytes, usedBytes: buffer.bytes }
    const tenants = new Set<string>()
    for (const tenant of buffer.tenants.values()) {
      if (tenant.bytes > 0 && roomFor(tenant.bytes, room) <= 0) tenants.add(tenant.tenantId)
    }
    return tenants
  }

  function start(
    tenantId: string,
    datasets: readonly { readonly datasetId: string; readonly trigger: Trigger }[],
  ): void {
    const tenant = buffer.tenants.get(tenantId)
    const takes: Take[] = []
    let letterBytes = MAX_LETTER_BYTES
    for (const { datasetId, trigger } of datasets) {
      const lane = tenant?.lanes.get(datasetId)
      if (lane === undefined) continue
      const taken = take(buffer, lane, options.maxRows, letterBytes, trigger)
      letterBytes -= taken.letterBytes
      takes.push(taken)
    }
    for (const { lane } of takes) announce('worker.buffer.changed', { ...named(lane), rows: lane.records })
    const done = flush(parts, tenantId, takes).finally(() => {
      running.delete(tenantId)
      tick()
    })
    running.set(tenantId, { takes, done })
  }

  function tick(): void {
    parts.onTick()
    if (running.size >= MAX_FLUSHES || parts.signal.aborted) return
    const planned = planFlushes({
      nowMs: parts.now(),
      lanes: lanes(),
      timing: options.timing,
      busy: new Set(running.keys()),
      pressed: pressed(),
      slots: MAX_FLUSHES - running.size,
      maxDatasets: MAX_DATASETS,
    })
    for (const { tenantId, datasets } of planned) start(tenantId, datasets)
  }

  return {
    tick,
    hurry() {
      hurried = true
      tick()
    },
    isInFlight(source) {
      const flight = running.get(source.tenantId)
      return (
        flight !== undefined && flight.takes.some((one) => one.segments.some((segment) => segment.source === source))
      )
    },
    isDrained() {
      if (running.size > 0) return false
      for (const lane of lanes()) if (lane.parkedUntilMs <= parts.now()) return false
      return true
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled([...running.values()].map((one) => one.done))
    },
  }
}

function holdsLeaving(lane: Lane): boolean {
  for (const source of lane.queues.keys()) if (source.leaving || source.retiring) return true
  return false
}
