/** Work that is under way, and who is told of what takes long. */
interface Watch<T> {
  begin(work: T): void
  end(work: T): void
  close(): void
}

/**
 * Tells `onSlow` of work that has been under way for `slowMs`, and again every `slowMs` until it ends; up to half as much late.
 * One timer for all, and none set or cleared per piece of work: requests begin and end by the thousand.
 */
export function openWatch<T>(slowMs: number, nowMs: () => number, onSlow: (work: T) => void): Watch<T> {
  const since = new Map<T, number>()
  let timer: NodeJS.Timeout | undefined

  function look(): void {
    timer = undefined
    if (since.size === 0) return
    const now = nowMs()
    for (const [work, atMs] of since) {
      if (now - atMs < slowMs) continue
      since.set(work, now)
      onSlow(work)
    }
    arm()
  }
  function arm(): void {
    timer ??= setTimeout(look, slowMs / 2).unref()
  }

  return {
    begin(work) {
      since.set(work, nowMs())
      arm()
    },
    end: (work) => void since.delete(work),
    close() {
      clearTimeout(timer)
      since.clear()
    },
  }
}
