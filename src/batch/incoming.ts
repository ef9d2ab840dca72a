import type { Readable } from 'node:stream'
import { Problem } from '../problems/index.ts'

/** So many bytes must come in so long a wait, or somebody else gets the place. The time that we take does not count. */
const LEAST_BYTES = 65_536
const LONGEST_WAIT_MS = 60_000

/**
 * A request's body chunk by chunk, which leaves the connection whole when it is not read to its end: an answer can still be sent.
 * Throws what `signal` aborts with, `request_timeout`, and what the stream meets.
 */
export async function* incoming(
  body: Readable,
  signal: AbortSignal,
  longestWaitMs = LONGEST_WAIT_MS,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted()
  const source = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  let refuse: (reason: unknown) => void = () => undefined
  const onAbort = (): void => refuse(signal.reason)
  signal.addEventListener('abort', onAbort)
  let waitedMs = 0
  let bytes = 0
  try {
    for (;;) {
      const fromMs = performance.now()
      const next = await new Promise<IteratorResult<Buffer>>((resolve, reject) => {
        const timer = setTimeout(() => reject(tooSlow(longestWaitMs)), Math.max(1, longestWaitMs - waitedMs))
        const end =
          <A>(settle: (value: A) => void) =>
          (value: A): void => {
            clearTimeout(timer)
            settle(value)
          }
        refuse = end(reject)
        source.next().then(end(resolve), end(reject))
      })
      if (next.done === true) return
      waitedMs += performance.now() - fromMs
      bytes += next.value.length
      if (bytes >= LEAST_BYTES) waitedMs = bytes = 0
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // What is lost later, when nobody reads any more, must not end the process.
    body.on('error', () => undefined)
  }
}

const tooSlow = (ms: number): Problem =>
  new Problem(
    'request_timeout',
    `Less than ${LEAST_BYTES} bytes of the file came in ${Math.round(ms / 1000)} s. Go on with the same upload-id, faster.`,
  )
