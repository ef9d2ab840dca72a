import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import { engine } from './engines.ts'
import { run } from './kafka.ts'
import { keeping, type RealPlace } from './keeping.ts'
import type { Owner } from './postgres.ts'
import { startProgram } from './program.ts'

/** Real servers that speak the S3 API, built once from their Go modules. A missing `go` is an error that says so. */
export type S3Server = 'versitygw' | 'minio'

interface TestS3 {
  readonly server: S3Server
  readonly endpoint: string
  /** For `pulse`: a bucket `pulse` is there. */
  readonly env: Readonly<Record<string, string>>
  readonly place: RealPlace
}

const BUILDS: Readonly<Record<S3Server, { readonly version: string; readonly module: string; readonly tag: string }>> =
  {
    versitygw: { version: '1.8.0', module: 'github.com/versity/versitygw/cmd/versitygw', tag: 'v1.8.0' },
    // The second opinion: a tool of the tests, never linked.
    minio: {
      version: '20260212',
      module: 'github.com/minio/minio',
      tag: 'v0.0.0-20260212201848-7aac2a2c5b7c',
    },
  }
export const ACCESS_KEY = 'pulse-key'
export const SECRET_KEY = 'secret-of-the-lake'

async function builtServer(server: S3Server): Promise<string> {
  const { version, module, tag } = BUILDS[server]
  const folder = await engine(server, version, async (dir) => {
    const { code, stderr } = await run('env', [`GOBIN=${dir}`, 'go', 'install', `${module}@${tag}`], {
      timeoutMs: 1_500_000,
    })
    if (code !== 0) throw new Error(`${server} could not be built: ${stderr.slice(-2_000)}`)
  })
  return join(folder, server)
}

/** Starts one on a free port and a folder of its own; it ends with the owner. */
export async function withS3(owner: Owner, server: S3Server = 'versitygw'): Promise<TestS3> {
  const program = await builtServer(server)
  const folder = await mkdtemp(join(tmpdir(), 'pulse-s3-'))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'pulse')) // a folder at the top is a bucket, for both
  const port = await freePort()
  const console = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const launch =
    server === 'versitygw'
      ? {
          args: ['--port', `127.0.0.1:${port}`, 'posix', folder],
          env: { ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
        }
      : {
          args: [
            'server',
            '--quiet',
            '--address',
            `127.0.0.1:${port}`,
            '--console-address',
            `127.0.0.1:${console}`,
            folder,
          ],
          env: { MINIO_ROOT_USER: ACCESS_KEY, MINIO_ROOT_PASSWORD: SECRET_KEY },
        }
  const place = await keeping(
    owner,
    () => startProgram(program, launch.args, { env: launch.env, cwd: folder }),
    async () => (await fetch(endpoint, { signal: AbortSignal.timeout(1_000) })).status !== 503,
  )
  return {
    server,
    endpoint,
    place,
    env: {
      PULSE_WAREHOUSE: 's3://pulse/iceberg/',
      PULSE_S3_ENDPOINT: endpoint,
      PULSE_S3_ACCESS_KEY: ACCESS_KEY,
      PULSE_S3_SECRET_KEY: SECRET_KEY,
    },
  }
}
