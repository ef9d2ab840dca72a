/**
 * Repeated trouble in the log: the first line at once, then one line per interval with how often it
 * came again (`repeat`). A dependency that is away for an hour is 360 lines, not a million.
 */
interface Collapsing extends Disposable {
  /** Passes a line on, or counts it. Lines with equal keys are the same trouble. */
  say(key: string, line: Line): void
}
type Line = (repeat: number | undefined) => void

interface Held {
  count: number
  latest: Line
  timer: NodeJS.Timeout
}

/** `limit` bounds the kinds of trouble remembered at once: beyond it lines pass uncollapsed, none is lost. */
export function openCollapsing(options: { intervalMs?: number; limit?: number } = {}): Collapsing {
  const { intervalMs = 10_000, limit = 1_000 } = options
  const held = new Map<string, Held>()

  const settle = (key: string, trouble: Held): void => {
    if (trouble.count === 0) {
      held.delete(key)
      return
    }
    trouble.latest(trouble.count)
    trouble.count = 0
    trouble.timer = setTimeout(settle, intervalMs, key, trouble).unref()
  }

  return {
    say(key, line) {
      const trouble = held.get(key)
      if (trouble !== undefined) {
        trouble.count += 1
        trouble.latest = line
        return
      }
      line(undefined)
      if (held.size >= limit) return
      const fresh: Held = { count: 0, latest: line, timer: undefined as unknown as NodeJS.Timeout }
      fresh.timer = setTimeout(settle, intervalMs, key, fresh).unref()
      held.set(key, fresh)
    },
    [Symbol.dispose]() {
      for (const trouble of held.values()) {
        clearTimeout(trouble.timer)
        if (trouble.count > 0) trouble.latest(trouble.count)
      }
      held.clear()
    },
  }
}
