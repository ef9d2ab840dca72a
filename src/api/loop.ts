/** Since the event loop came round. */
interface LoopWatch extends Disposable {
  readonly sinceTurnMs: () => number
}

const EVERY_MS = 1_000

/** Notes every second that timers still run: a process whose loop is stuck, or given to one request alone, is late here. */
export function watchLoop(now: () => number = () => performance.now()): LoopWatch {
  let turnedAtMs = now()
  const timer = setInterval(() => void (turnedAtMs = now()), EVERY_MS)
  timer.unref()
  return {
    sinceTurnMs: () => now() - turnedAtMs,
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
