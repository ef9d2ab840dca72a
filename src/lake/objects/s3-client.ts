import { setTimeout as delay } from 'node:timers/promises'
import type * as Sdk from '@aws-sdk/client-s3'
import { LakeFault } from '../faults.ts'

export interface S3Options {
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  readonly accessKey?: string | undefined
  readonly secretKey?: string | undefined
  readonly pathStyle?: boolean | undefined
}

/** Tries of one request, the first included; the SDK waits between them with backoff and jitter. */
export const TRIES = 4
/** All tries of a request together, its body included. */
const REQUEST_MS = 30_000
/** A try whose connection is not made, or on which nothing moves, is given up and tried again within the above. */
const CONNECT_MS = 3_000
const SILENCE_MS = 8_000

export interface S3 {
  readonly sdk: typeof Sdk
  readonly client: Sdk.S3Client
}

/** The SDK is loaded at the first request: a local lake does not pay its 20 MB. */
export function s3Client(options: S3Options): () => Promise<S3> {
  let loading: Promise<S3> | undefined
  return () =>
    (loading ??= import('@aws-sdk/client-s3').then((sdk) => ({ sdk, client: new sdk.S3Client(settingsOf(options)) })))
}

function settingsOf({ accessKey, secretKey, ...options }: S3Options): Sdk.S3ClientConfig {
  return {
    region: options.region ?? 'us-east-1',
    forcePathStyle: options.pathStyle ?? true,
    maxAttempts: TRIES,
    requestHandler: { connectionTimeout: CONNECT_MS, socketTimeout: SILENCE_MS },
    ...(options.endpoint ? { endpoint: options.endpoint } : {}),
    ...(accessKey && secretKey ? { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } } : {}),
  }
}

/** What a request is bounded by. */
export const bounded = (ms = REQUEST_MS): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(ms) })

/** The pause before try `again` (1 is the second): 100, 300, 900 ms. */
export const pause = (again: number): Promise<void> => delay(100 * 3 ** (again - 1))

export function keyOf(location: string): { Bucket: string; Key: string } {
  const [, Bucket, Key] = /^s3:\/\/([^/]+)\/(.*)$/s.exec(location) ?? []
  if (Bucket === undefined || Key === undefined)
    throw new LakeFault('object_missing', `not an S3 location: ${location}`)
  return { Bucket, Key }
}
