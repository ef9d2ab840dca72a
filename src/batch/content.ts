import { createGunzip, createZstdDecompress } from 'node:zlib'
import { Problem } from '../problems/index.ts'

interface ContentLimits {
  readonly encoding: string | undefined
  /** Of the body, as the sender says it; 0 where it is not known. */
  readonly length: number
  /** Of the unpacked content, what lies before `offset` included. */
  readonly maxBytes: number
  /** Where the body's first byte lies in the content. */
  readonly offset: number
}

/**
 * An upload's content, unpacked as it arrives and no faster than it is taken. Throws `unsupported_media_type` at once, and
 * `too_large` where the sender says so much; later `too_large`, and `malformed` where what is packed is broken or ends early.
 */
export function openContent(body: AsyncIterable<Buffer>, limits: ContentLimits): AsyncIterable<Buffer> {
  const coding = limits.encoding?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') {
    // Said before a row is sent: else so much of it would have been taken first.
    if (limits.offset + limits.length > limits.maxBytes)
      throw tooLarge(`This one has ${limits.offset + limits.length}: send it in parts, each a file of its own`, limits)
    return bounded(body, limits)
  }
  const isGzip = coding === 'gzip' || coding === 'x-gzip'
  if (!isGzip && coding !== 'zstd')
    throw new Problem(
      'unsupported_media_type',
      `The content encoding "${coding.slice(0, 40)}" is not known here. Send gzip, zstd, or none.`,
    )
  return bounded(unpacked(body, isGzip ? 'gzip' : 'zstd'), limits)
}

async function* unpacked(body: AsyncIterable<Buffer>, coding: 'gzip' | 'zstd'): AsyncGenerator<Buffer> {
  const decoder = coding === 'gzip' ? createGunzip() : createZstdDecompress()
  let sent = 0
  // What the client's connection meets is not what the packing is: it is thrown as it is.
  let lost: { readonly error: unknown } | undefined
  const feeding = (async () => {
    try {
      for await (const chunk of body) {
        sent += chunk.length
        if (decoder.destroyed || decoder.readableEnded) return
        if (!decoder.write(chunk)) await new Promise<void>((resolve) => untilRoom(decoder, resolve))
      }
      decoder.end()
    } catch (error) {
      lost = { error }
      decoder.destroy()
    }
  })()
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) yield chunk
  } catch (error) {
    if (lost === undefined)
      throw new Problem('malformed', `The body is not whole ${coding}: ${(error as Error).message}.`, { cause: error })
  } finally {
    decoder.destroy()
  }
  if (lost !== undefined) throw lost.error
  await feeding
  // Node's decoder stops after the first zstd frame and says nothing of what follows: that would be rows that vanish.
  if (decoder.bytesWritten < sent)
    throw new Problem(
      'malformed',
      `Something follows the ${coding} content: send it in one ${coding === 'zstd' ? 'frame' : 'stream'}.`,
    )
}

function untilRoom(decoder: ReturnType<typeof createGunzip>, resolve: () => void): void {
  const done = (): void => {
    decoder.off('drain', done).off('close', done).off('end', done).off('error', done)
    resolve()
  }
  decoder.on('drain', done).on('close', done).on('end', done).on('error', done)
}

async function* bounded(content: AsyncIterable<Buffer>, { maxBytes, offset }: ContentLimits): AsyncGenerator<Buffer> {
  let bytes = offset
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes > maxBytes) throw tooLarge('Send the rest as another file', { maxBytes })
    yield chunk
  }
}

const tooLarge = (what: string, { maxBytes }: Pick<ContentLimits, 'maxBytes'>): Problem =>
  new Problem('too_large', `Unpacked, a file may have ${maxBytes} bytes. ${what}.`)
