import { promisify } from 'node:util'
import { constants, gunzip, zstdDecompress } from 'node:zlib'

import { Problem } from '../problems/index.ts'

const inflate = promisify(gunzip) as (packed: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>
const unzstd = promisify(zstdDecompress) as (
  packed: Buffer,
  options: { maxOutputLength: number; params: Record<number, number> },
) => Promise<Buffer>

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
    // The window is allocated before anything is unpacked, on the sender's word: no larger than the body may be, but
    // the 8 MiB that every decoder should take (RFC 8878, section 3.1.1.1.2).
    const windowLog = Math.min(27, Math.max(23, Math.ceil(Math.log2(maxBodyBytes))))
    const params = { [constants.ZSTD_d_windowLogMax]: windowLog }
    return unzstd(body, { maxOutputLength: maxBodyBytes, params }).catch((error: unknown) =>
      refuse(error, 'zstd', maxBodyBytes),
    )
  }
  throw new Problem(
    'unsupported_media_type',
    `The content encoding "${coding.slice(0, 40)}" is not known here. Send gzip, zstd, or none.`,
  )
}

function refuse(error: unknown, coding: string, maxBodyBytes: number): never {
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
