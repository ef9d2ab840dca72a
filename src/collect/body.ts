import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'

import { Problem } from '../problems/index.ts'

interface BodyLimits {
  readonly maxBodyBytes: number
  /** From the first look to the last byte. */
  readonly bodyTimeoutMs: number
  /** What all bodies that are read under this very object may hold together before another is refused. */
  readonly maxPendingBytes?: number
}

/** Bytes of unfinished bodies, per limits: many slow clients must not fill the memory. */
const unfinished = new WeakMap<BodyLimits, { bytes: number }>()

const NOTHING = Buffer.alloc(0)

/**
 * Reads a request's body as it was sent (still packed), bounded in bytes and time. Rejects with `Problem`:
 * `too_large`, `request_timeout`, `overloaded`, or `malformed` where the client went away half-way. What
 * was not read is left in the stream: the caller answers and lets the connection go.
 */
export function readBody(stream: Readable, limits: BodyLimits, signal?: AbortSignal): Promise<Buffer> {
  const announced = Number((stream as Partial<IncomingMessage>).headers?.['content-length'] ?? 0)
  if (announced > limits.maxBodyBytes) return Promise.reject(tooLarge(limits))
  let shared = unfinished.get(limits)
  if (shared === undefined) unfinished.set(limits, (shared = { bytes: 0 }))
  return collectChunks(stream, limits, shared, signal)
}

function collectChunks(
  stream: Readable,
  limits: BodyLimits,
  shared: { bytes: number },
  signal: AbortSignal | undefined,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0

    const settle = (problem: Problem | undefined): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      stream.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken)
      shared.bytes -= bytes
      if (problem === undefined)
        return resolve(
          chunks.length === 1 ? (chunks[0] as Buffer) : chunks.length === 0 ? NOTHING : Buffer.concat(chunks, bytes),
        )
      // A late fault of a stream that nobody reads must not end the process.
      stream.on('error', () => undefined)
      stream.pause()
      reject(problem)
    }
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length
      shared.bytes += chunk.length
      if (bytes > limits.maxBodyBytes) settle(tooLarge(limits))
      else if (shared.bytes > (limits.maxPendingBytes ?? Number.POSITIVE_INFINITY)) {
        settle(
          new Problem('overloaded', 'Too many bodies are being read at once. Send it again a little later.', {
            retryAfterSeconds: 1,
            shed: 'memory',
          }),
        )
      } else chunks.push(chunk)
    }
    const onEnd = (): void => settle(undefined)
    const onBroken = (): void =>
      settle(new Problem('malformed', `The body ended early, after ${bytes} bytes. Nothing of it was accepted.`))
    const onAbort = (): void =>
      settle(new Problem('draining', 'The server is stopping. Send it again.', { retryAfterSeconds: 1 }))
    const timer = setTimeout(
      () =>
        settle(
          new Problem(
            'request_timeout',
            `The body did not arrive within ${limits.bodyTimeoutMs} ms (${bytes} bytes did). Nothing of it was accepted.`,
          ),
        ),
      limits.bodyTimeoutMs,
    )
    timer.unref()
    stream.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken)
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    else if (stream.readableEnded) onEnd()
    else if (stream.destroyed) onBroken()
  })
}

const tooLarge = (limits: BodyLimits): Problem =>
  new Problem('too_large', `A body may have ${limits.maxBodyBytes} bytes. Send the events in several requests.`)
