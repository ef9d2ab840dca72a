import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'

import { Problem } from '../problems/index.ts'

const inflate = promisify(gunzip) as (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>
const unzstd = promisify(zstdDecompress) as unknown as (
  packed: Buffer,
  options: { maxOutputLength: number; params: Record<number, number>; info: true },
) => Promise<{ readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } }>

/** Each frame is a journey to the thread pool (some 40 us): a body made of empty ones must not take minutes. */
const MOST_FRAMES = 1_000

/**
 * The body without its `Content-Encoding`. The limit holds for the unpacked size and is enforced while
 * unpacking, off the event loop: a bomb costs at most the limit. Rejects with `too_large`, `malformed` or
 * `unsupported_media_type`.
 */
export function unpack(
  body: Buffer,
  contentEncoding: string | undefined,
  maxBodyBytes: number,
): Buffer | Promise<Buffer> {
  const coding = contentEncoding?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return body
  if (coding === 'gzip' || coding === 'x-gzip') {
    return inflate(body, { maxOutputLength: maxBodyBytes }).catch((error: unknown) =>
      refuse(error, 'gzip', maxBodyBytes),
    )
  }
  if (coding === 'zstd') {
    return unpackFrames(body, maxBodyBytes).catch((error: unknown) => refuse(error, 'zstd', maxBodyBytes))
  }
  throw new Problem(
    'unsupported_media_type',
    `The content encoding "${coding.slice(0, 40)}" is not known here. Send gzip, zstd, or none.`,
  )
}

/**
 * All frames of a zstd body (RFC 8878, section 3.1: frames may follow each other). Node's decoder stops after the first
 * and says nothing of the rest, which would be events that vanish; so the next one begins where the last one ended.
 */
async function unpackFrames(body: Buffer, maxBodyBytes: number): Promise<Buffer> {
  // The window is allocated before anything is unpacked, on the sender's word: no larger than the body may be, but
  // the 8 MiB that every decoder should take (RFC 8878, section 3.1.1.1.2).
  const windowLog = Math.min(27, Math.max(23, Math.ceil(Math.log2(maxBodyBytes))))
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog }
  const parts: Buffer[] = []
  let room = maxBodyBytes
  for (let rest = body, frames = 0; frames === 0 || rest.length > 0; frames++) {
    if (frames === MOST_FRAMES) {
      throw new Problem('too_large', `A zstd body may have ${MOST_FRAMES} frames. Pack it in fewer.`)
    }
    const { buffer, engine } = await unzstd(rest, { maxOutputLength: Math.max(1, room), params, info: true })
    room -= buffer.length
    if (room < 0) throw Object.assign(new Error('one byte too many'), { code: 'ERR_BUFFER_TOO_LARGE' })
    if (engine.bytesWritten === 0) throw new Error('a frame without end')
    parts.push(buffer)
    rest = rest.subarray(engine.bytesWritten)
  }
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
}

function refuse(error: unknown, coding: string, maxBodyBytes: number): never {
  if (error instanceof Problem) throw error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ERR_BUFFER_TOO_LARGE' || code === 'ZSTD_error_frameParameter_windowTooLarge') {
    throw new Problem(
      'too_large',
      `Unpacked, a body may have ${maxBodyBytes} bytes. Send the events in several requests.`,
      { cause: error },
    )
  }
  throw new Problem('malformed', `The body is not whole ${coding}: ${(error as Error).message}.`, { cause: error })
}
