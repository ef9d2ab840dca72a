import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LakeFault } from '../faults.ts'
import type { ObjectStore } from '../port.ts'
import { fileCache } from './cache.ts'
import { bounded, keyOf, pause, s3Client, TRIES, type S3Options } from './s3-client.ts'
import { s3Fault, statusOf } from './s3-faults.ts'
import { s3Puts } from './s3-put.ts'

const CACHE_BYTES = 1_073_741_824

/**
 * Objects in a store that speaks the S3 API. S3 answers a put when the object is durable, so there is nothing to sync. Every
 * call ends: the SDK tries again what may pass, and all tries together are bounded.
 */
export function s3Store(
  options: S3Options & {
    readonly warehouse: string
    readonly cacheDir?: string | undefined
    readonly cacheBytes?: number | undefined
    /** Files from this size on are sent in parts. */
    readonly partBytes?: number | undefined
  },
): ObjectStore {
  const cache = fileCache(options.cacheDir ?? join(tmpdir(), 'lake-objects'), options.cacheBytes ?? CACHE_BYTES)
  const load = s3Client(options)

  /**
   * The SDK tries again until an answer begins; whose body breaks off is tried again here. So is what is not there: nobody asks for
   * what was not put, and a store may know of it late.
   */
  async function get(
    location: string,
    range?: { readonly start: number; readonly length: number },
  ): Promise<Uint8Array> {
    const limit = bounded()
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await getOnce(location, range, limit)
      } catch (error) {
        const mayPass = statusOf(error) === 404 ? !isBucket(error) : statusOf(error) === undefined && isTorn(error)
        if (!mayPass || attempt >= TRIES || limit.abortSignal.aborted) throw s3Fault(error, `cannot read ${location}`)
      }
      await pause(attempt)
    }
  }
  async function getOnce(
    location: string,
    range: { readonly start: number; readonly length: number } | undefined,
    limit: { abortSignal: AbortSignal },
  ): Promise<Uint8Array> {
    const { sdk, client } = await load()
    const bytes = range && { Range: `bytes=${range.start}-${range.start + range.length - 1}` }
    const answer = await client.send(new sdk.GetObjectCommand({ ...keyOf(location), ...bytes }), limit)
    const body = await answer.Body?.transformToByteArray().catch((error: Error) => {
      throw new TornBody(error.message || String(error))
    })
    const length = body?.byteLength ?? 0
    if (answer.ContentLength !== undefined && answer.ContentLength !== length)
      throw new TornBody(`${length} bytes came of ${answer.ContentLength}`)
    return body ?? new Uint8Array()
  }

  return {
    get,
    ...s3Puts(load, get, options.partBytes),
    async remove(location) {
      const { sdk, client } = await load()
      try {
        await client.send(new sdk.DeleteObjectCommand(keyOf(location)), bounded())
      } catch (error) {
        if (statusOf(error) !== 404 || isBucket(error)) throw s3Fault(error, `cannot remove ${location}`)
      }
    },
    async *list(prefix) {
      const { sdk, client } = await load()
      const { Bucket, Key } = keyOf(prefix)
      for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
        const command = new sdk.ListObjectsV2Command({ Bucket, Prefix: Key, ContinuationToken: token })
        const page = await client.send(command, bounded()).catch((error: unknown) => {
          throw s3Fault(error, `cannot list ${prefix}`)
        })
        for (const { Key: key, Size, LastModified } of page.Contents ?? []) {
          if (key === undefined) continue
          yield { location: `s3://${Bucket}/${key}`, bytes: Size ?? 0, modifiedAtMs: LastModified?.getTime() ?? 0 }
        }
        token = page.NextContinuationToken
      }
    },
    localCopy: (location) => cache.path(location, () => get(location)),
    async ping(timeoutMs) {
      const { sdk, client } = await load()
      const { Bucket } = keyOf(`${options.warehouse}/`)
      try {
        await client.send(new sdk.HeadBucketCommand({ Bucket }), bounded(timeoutMs))
      } catch (error) {
        // The answer to a HEAD has no body, and so no name.
        if (statusOf(error) === 404)
          throw new LakeFault('store_refused', `there is no bucket ${Bucket}: Pulse makes none, so make it`, error)
        throw s3Fault(error, `the warehouse ${options.warehouse} is not usable`)
      }
    },
  }
}

/** An answer that began and broke off. */
class TornBody extends Error {
  override readonly name = 'TornBody'
}
const isTorn = (error: unknown): boolean => error instanceof TornBody
const isBucket = (error: unknown): boolean => (error as Error)?.name === 'NoSuchBucket'
