import type { PublishCall } from './calls.ts'
import { noRows, type Rows } from './outbox.ts'
import type { OutgoingRecord, PublishFailure } from './port.ts'
import type { Topology } from './topology.ts'

/** Records whose topic is not known yet. */
interface Unrouted {
  push(record: OutgoingRecord, call: PublishCall, slot: number, size: number): void
  /** Why a call's records still wait here, if any do. */
  whyOf(call: PublishCall): PublishFailure | undefined
  close(): void
}

const PAUSE_MS = 50
/** A topic just made may be unknown to a broker for up to a second; what stays unknown longer is refused. */
const UNKNOWN_AFTER_MS = 1500

interface Waiting extends Rows {
  missingSinceMs: number | undefined
  why: PublishFailure | undefined
}

/** Looks topics up, all that are missing in one question, and hands their records on: `found` or `refused`. */
export function openUnrouted(
  topology: Topology,
  timeoutMs: number,
  nowMs: () => number,
  hand: { found(topic: string, rows: Rows): void; refused(rows: Rows, why: PublishFailure): void },
): Unrouted {
  const topics = new Map<string, Waiting>()
  let looking = false
  let closed = false

  async function look(): Promise<void> {
    if (looking) return
    looking = true
    while (topics.size > 0 && !closed) {
      let away: PublishFailure | undefined
      const wanted = [...topics.keys()]
      try {
        await topology.refresh(wanted)
      } catch (error) {
        away = { code: 'unreachable', detail: error instanceof Error ? error.message : String(error) }
      }
      for (const topic of wanted) settle(topic, topics.get(topic) as Waiting, away)
      if (topics.size > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref())
    }
    looking = false
  }

  function settle(topic: string, waiting: Waiting, away: PublishFailure | undefined): void {
    if (topology.known(topic) !== undefined) {
      topics.delete(topic)
      hand.found(topic, waiting)
      return
    }
    waiting.why = away ?? { code: 'unknown_topic', detail: `The bus has no topic ${topic}.` }
    if (waiting.calls.every((call) => call.done)) topics.delete(topic)
    if (away !== undefined) return
    waiting.missingSinceMs ??= nowMs()
    if (nowMs() - waiting.missingSinceMs < Math.min(UNKNOWN_AFTER_MS, timeoutMs / 2)) return
    topics.delete(topic)
    hand.refused(waiting, waiting.why)
  }

  return {
    push(record, call, slot, size) {
      let waiting = topics.get(record.topic)
      if (waiting === undefined) {
        topics.set(record.topic, (waiting = { ...noRows(), missingSinceMs: undefined, why: undefined }))
      }
      waiting.records.push(record)
      waiting.calls.push(call)
      waiting.slots.push(slot)
      waiting.sizes.push(size)
      void look()
    },
    whyOf(call) {
      for (const waiting of topics.values()) if (waiting.calls.includes(call)) return waiting.why
      return undefined
    },
    close() {
      closed = true
    },
  }
}
