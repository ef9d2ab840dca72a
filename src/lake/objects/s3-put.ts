import { open, readFile, rm, stat } from 'node:fs/promises'
import type * as Sdk from '@aws-sdk/client-s3'
import { bounded, keyOf, pause, TRIES, type S3 } from './s3-client.ts'
import { attemptsOf, nameOf, s3Fault, statusOf } from './s3-faults.ts'

/** Files from this size on are sent in parts, one after the other: that much of one is in memory at a time. */
const PART_BYTES = 16 * 1024 * 1024
/** S3 takes at most 10,000 parts. */
const MOST_PARTS = 10_000

interface Puts {
  put(location: string, body: Uint8Array): Promise<void>
  putFile(location: string, localPath: string): Promise<void>
}

/**
 * Writes that never overwrite: conditional (`If-None-Match: *`) where the server has that, after a look where it says that it has not.
 * That look can be overtaken; what keeps names apart then is that each has a writer's own id in it.
 */
export function s3Puts(
  load: () => Promise<S3>,
  get: (location: string) => Promise<Uint8Array>,
  partBytes: number = PART_BYTES,
): Puts {
  let isConditional = true

  /** Sends a command under the condition that nothing lies at the location. */
  async function unlessThere<T>(
    location: string,
    send: (condition: { IfNoneMatch?: string }) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      if (!isConditional) await refuseExisting(location)
      try {
        return await send(isConditional ? { IfNoneMatch: '*' } : {})
      } catch (error) {
        const hasNone = isConditional && statusOf(error) === 501
        // Two writers of one name met, and S3 decided for neither.
        const isTie = statusOf(error) === 409 && nameOf(error) === 'ConditionalRequestConflict'
        if (!(hasNone || isTie) || attempt >= TRIES) throw error
        if (hasNone) isConditional = false
        else await pause(attempt)
      }
    }
  }
  async function sizeOf(location: string): Promise<number | undefined> {
    const { sdk, client } = await load()
    return client.send(new sdk.HeadObjectCommand(keyOf(location)), bounded()).then(
      ({ ContentLength }) => ContentLength,
      (error: unknown) => {
        if (statusOf(error) === 404) return undefined
        throw s3Fault(error, `cannot look at ${location}`)
      },
    )
  }
  async function refuseExisting(location: string): Promise<void> {
    if ((await sizeOf(location)) === undefined) return
    throw Object.assign(new Error('it is there already'), { $metadata: { httpStatusCode: 412, attempts: 1 } })
  }

  async function put(location: string, body: Uint8Array): Promise<void> {
    const { sdk, client } = await load()
    try {
      await unlessThere(location, (condition) =>
        client.send(
          new sdk.PutObjectCommand({ ...keyOf(location), Body: body, ContentLength: body.byteLength, ...condition }),
          bounded(),
        ),
      )
    } catch (error) {
      // A put whose answer was lost is tried again by the SDK and then meets itself: same bytes, so it succeeded.
      if (statusOf(error) === 412 && attemptsOf(error) > 1 && (await isSame(location, body))) return
      throw s3Fault(error, `cannot write ${location}`)
    }
  }
  async function isSame(location: string, body: Uint8Array): Promise<boolean> {
    const there = await get(location).catch(() => undefined)
    return there !== undefined && Buffer.compare(there, body) === 0
  }

  async function putParts(location: string, localPath: string, size: number): Promise<void> {
    const { sdk, client } = await load()
    const key = keyOf(location)
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(key), bounded())
    try {
      const Parts = await sendParts({ ...key, UploadId }, localPath, Math.max(partBytes, Math.ceil(size / MOST_PARTS)))
      await unlessThere(location, (condition) =>
        client.send(
          new sdk.CompleteMultipartUploadCommand({ ...key, UploadId, MultipartUpload: { Parts }, ...condition }),
          bounded(),
        ),
      )
    } catch (error) {
      // Completed before, but the answer was lost: the second try finds no upload, or its own object.
      const met = statusOf(error) === 404 || statusOf(error) === 412
      if (met && attemptsOf(error) > 1 && (await sizeOf(location)) === size) return
      // What is not aborted is stored, and paid for, until somebody does.
      await client.send(new sdk.AbortMultipartUploadCommand({ ...key, UploadId }), bounded()).catch(() => undefined)
      throw error
    }
  }
  async function sendParts(
    upload: { Bucket: string; Key: string; UploadId: string | undefined },
    localPath: string,
    bytes: number,
  ): Promise<Sdk.CompletedPart[]> {
    const { sdk, client } = await load()
    const parts: Sdk.CompletedPart[] = []
    const file = await open(localPath)
    try {
      for (let PartNumber = 1; ; PartNumber += 1) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(bytes), 0, bytes, (PartNumber - 1) * bytes)
        if (bytesRead === 0) return parts
        const Body = buffer.subarray(0, bytesRead)
        const { ETag } = await client.send(
          new sdk.UploadPartCommand({ ...upload, PartNumber, Body, ContentLength: bytesRead }),
          bounded(),
        )
        // Nothing else: versitygw 1.8 refuses parts that repeat a checksum which the upload was not opened with.
        parts.push({ PartNumber, ...(ETag === undefined ? {} : { ETag }) })
      }
    } finally {
      await file.close()
    }
  }

  return {
    put,
    async putFile(location, localPath) {
      const { size } = await stat(localPath)
      if (size < partBytes) await put(location, await readFile(localPath))
      else
        await putParts(location, localPath, size).catch((error: unknown) => {
          throw s3Fault(error, `cannot write ${location}`)
        })
      await rm(localPath, { force: true })
    },
  }
}
