import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Sdk from '@aws-sdk/client-s3'
import { LakeFault } from '../faults.ts'
import type { ObjectStore } from '../port.ts'
import { fileCache } from './cache.ts'

export interface S3Options {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly accessKey?: string | undefined
  readonly secretKey?: string | undefined
  readonly pathStyle?: boolean | undefined
}

/** Tries of one request, the first included; the SDK waits between them with backoff and jitter. */
const TRIES = 4
const REQUEST_MS = 30_000
const CACHE_BYTES = 1_073_741_824

/**
 * Objects in a store that speaks the S3 API. A put is conditional (`If-None-Match: *`), so it never overwrites. S3
 * answers a put when the object is durable, so there is nothing to sync. The SDK is loaded at the first request: a local lake
 * does not pay its 20 MB.
 */
export function s3Store(
  options: S3Options & {
    readonly warehouse: string
    readonly cacheDir?: string | undefined
    readonly cacheBytes?: number | undefined
  },
): ObjectStore {
  const cache = fileCache(options.cacheDir ?? join(tmpdir(), 'lake-objects'), options.cacheBytes ?? CACHE_BYTES)
  let loading: Promise<{ sdk: typeof Sdk; client: Sdk.S3Client }> | undefined

  function load() {
    loading ??= import('@aws-sdk/client-s3').then((sdk) => ({ sdk, client: new sdk.S3Client(clientSettings(options)) }))
    return loading
  }
  async function get(
    location: string,
    range?: { readonly start: number; readonly length: number },
  ): Promise<Uint8Array> {
    const { sdk, client } = await load()
    const bytes = range && { Range: `bytes=${range.start}-${range.start + range.length - 1}` }
    try {
      const answer = await client.send(new sdk.GetObjectCommand({ ...keyOf(location), ...bytes }), timeout())
      return (await answer.Body?.transformToByteArray()) ?? new Uint8Array()
    } catch (error) {
      throw fault(error, `cannot read ${location}`)
    }
  }
  async function put(location: string, body: Uint8Array): Promise<void> {
    const { sdk, client } = await load()
    const command = new sdk.PutObjectCommand({
      ...keyOf(location),
      Body: body,
      ContentLength: body.byteLength,
      IfNoneMatch: '*',
    })
    try {
      await client.send(command, timeout())
    } catch (error) {
      // A put whose answer was lost is tried again by the SDK and then meets itself: same bytes, so it succeeded.
      if (statusOf(error) === 412 && attemptsOf(error) > 1 && (await isSame(location, body))) return
      throw fault(error, `cannot write ${location}`)
    }
  }
  async function isSame(location: string, body: Uint8Array): Promise<boolean> {
    const there = await get(location).catch(() => undefined)
    return there !== undefined && Buffer.compare(there, body) === 0
  }

  return {
    get,
    put,
    async putFile(location, localPath) {
      await put(location, await readFile(localPath))
      await rm(localPath, { force: true })
    },
    async remove(location) {
      const { sdk, client } = await load()
      try {
        await client.send(new sdk.DeleteObjectCommand(keyOf(location)), timeout())
      } catch (error) {
        if (statusOf(error) !== 404) throw fault(error, `cannot remove ${location}`)
      }
    },
    async *list(prefix) {
      const { sdk, client } = await load()
      const { Bucket, Key } = keyOf(prefix)
      for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
        const command = new sdk.ListObjectsV2Command({ Bucket, Prefix: Key, ContinuationToken: token })
        const page = await client.send(command, timeout()).catch((error: unknown) => {
          throw fault(error, `cannot list ${prefix}`)
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
      try {
        const command = new sdk.HeadBucketCommand({ Bucket: keyOf(`${options.warehouse}/`).Bucket })
        await client.send(command, { abortSignal: AbortSignal.timeout(timeoutMs) })
      } catch (error) {
        throw fault(error, `the warehouse ${options.warehouse} is not usable`)
      }
    },
  }
}

function clientSettings(options: S3Options): Sdk.S3ClientConfig {
  const { accessKey, secretKey } = options
  return {
    region: options.region ?? 'us-east-1',
    forcePathStyle: options.pathStyle ?? true,
    maxAttempts: TRIES,
    ...(options.endpoint ? { endpoint: options.endpoint } : {}),
    ...(accessKey && secretKey ? { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } } : {}),
  }
}

function timeout(): { abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(REQUEST_MS) }
}

function keyOf(location: string): { Bucket: string; Key: string } {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(location) ?? []
  if (Bucket === undefined || Key === undefined)
    throw new LakeFault('object_missing', `not an S3 location: ${location}`)
  return { Bucket, Key }
}

function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } })?.$metadata?.httpStatusCode
}

function attemptsOf(error: unknown): number {
  return (error as { $metadata?: { attempts?: number } })?.$metadata?.attempts ?? 1
}

/** S3's answers as this room's faults. Total: what is not known is `store_away`. */
function fault(error: unknown, what: string): LakeFault {
  if (error instanceof LakeFault) return error
  const status = statusOf(error)
  const code =
    status === 404
      ? 'object_missing'
      : status === 412 || status === 409
        ? 'object_exists'
        : status === 401 || status === 403 || status === 507
          ? 'store_refused'
          : 'store_away'
  return new LakeFault(code, `${what}: ${(error as Error)?.message || String(error)}`, error)
}
