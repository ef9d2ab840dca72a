import { announce, type Announcements } from '../telemetry/index.ts'

type Reason = Announcements['worker.fetch.paused']['reason']

/** Told while it lasts, too, so that a rate over it is one over time and not over endings. */
const TELL_MS = 1_000

interface Pauses {
  /** Whether something is held back for this reason now. Called at every turn of the reading. */
  mark(reason: Reason, isHeld: boolean): void
  end(): void
}

/** Time during which reading was held back, by reason: partitions that are held back at once count as one. */
export function openPauses(now: () => number): Pauses {
  const since = new Map<Reason, number>()
  const tell = (reason: Reason, fromMs: number, untilMs: number): void => {
    if (untilMs > fromMs) announce('worker.fetch.paused', { reason, tookMs: untilMs - fromMs })
  }
  return {
    mark(reason, isHeld) {
      const fromMs = since.get(reason)
      if (!isHeld && fromMs === undefined) return
      const nowMs = now()
      if (fromMs === undefined) return void since.set(reason, nowMs)
      if (isHeld && nowMs - fromMs < TELL_MS) return
      tell(reason, fromMs, nowMs)
      if (isHeld) since.set(reason, nowMs)
      else since.delete(reason)
    },
    end() {
      for (const [reason, fromMs] of since) tell(reason, fromMs, now())
      since.clear()
    },
  }
}
