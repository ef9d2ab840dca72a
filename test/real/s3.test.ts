import { randomUUID } from 'node:crypto'
import { after, before } from 'node:test'
import { openObjectStore } from '../../src/lake/index.ts'
import { ownFolder } from '../kit/folder.ts'
import { ACCESS_KEY, SECRET_KEY, withS3, type S3Server } from '../kit/s3.ts'
import { objectStoreContract } from '../lake/objects/contract.ts'

/** The contract on two servers that have nothing in common, multipart included: parts are small here. */
for (const server of ['versitygw', 'minio'] as const satisfies readonly S3Server[]) {
  let endpoint = ''
  const ends: (() => void | Promise<void>)[] = []
  before(
    async () => {
      endpoint = (await withS3({ after: (end) => void ends.unshift(end) }, server)).endpoint
    },
    { timeout: 1_800_000 }, // where it has to be built first
  )
  after(async () => {
    for (const end of ends) await end()
  })
  objectStoreContract(server, async (owner) => ({
    store: openObjectStore({
      warehouse: 's3://pulse/iceberg',
      cacheDir: await ownFolder(owner),
      s3: { endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY, partBytes: 5 * 1024 * 1024 },
    }),
    at: `s3://pulse/iceberg/${randomUUID()}`,
  }))
}
