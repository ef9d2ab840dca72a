import { Problem } from '../problems/index.ts'

/** How many previews run at once, how many may wait, and how long one may take from its arrival. */
interface QueueSettings {
  readonly running: number
  readonly waiting: number
  readonly timeoutMs: number
}

interface Queue {
  /**
   * Runs `act` when there is room. Throws `overloaded` at once where too many wait already, and when
   * the time is over, whether waiting or running: `act` gets a signal that then aborts.
   */
  run<T>(act: (signal: AbortSignal) => Promise<T>, caller?: AbortSignal): Promise<T>
}

export function openQueue({ running, waiting, timeoutMs }: QueueSettings): Queue {
  let busy = 0
  const line: (() => void)[] = []

  const enter = async (signal: AbortSignal): Promise<void> => {
    if (busy < running) {
      busy += 1
      return
    }
    if (line.length >= waiting) {
      throw new Problem('overloaded', 'Too many previews are asked for at once; ask again in a second.', {
        retryAfterSeconds: 1,
        shed: 'inflight',
      })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = (): void => {
      line.splice(line.indexOf(resolve), 1)
      reject(signal.reason)
    }
    line.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    await promise.finally(() => signal.removeEventListener('abort', leave))
  }

  /** A place passes straight to whoever waits longest, so that a newcomer cannot overtake. */
  const exit = (): void => {
    const next = line.shift()
    if (next === undefined) busy -= 1
    else next()
  }

  return {
    async run(act, caller) {
      const clock = AbortSignal.timeout(timeoutMs)
      const signal = caller === undefined ? clock : AbortSignal.any([clock, caller])
      try {
        await enter(signal)
        try {
          return await act(signal)
        } finally {
          exit()
        }
      } catch (error) {
        if (!clock.aborted || error instanceof Problem) throw error
        throw new Problem(
          'overloaded',
          `The preview took longer than ${timeoutMs / 1000} s; ask for fewer rows or columns.`,
          {
            retryAfterSeconds: 1,
            cause: error,
          },
        )
      }
    },
  }
}
