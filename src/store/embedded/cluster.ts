import { spawn } from 'node:child_process'
import { chown, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EmbeddedRefused, type Binaries } from './binaries.ts'
import { identify } from './process.ts'
import { canEnter, type ServerUser } from './user.ts'

interface ClusterOptions {
  readonly binaries: Binaries
  readonly user: ServerUser | undefined
  readonly adminPassword: string
  /** False: nothing is synced. For tests. */
  readonly durable: boolean
}

/** The folder `cluster` as a PostgreSQL cluster with superuser `pulse`; true when it was made now. An interrupted making leaves nothing that counts. */
export async function ensureCluster(cluster: string, options: ClusterOptions): Promise<boolean> {
  if (
    await stat(join(cluster, 'PG_VERSION')).then(
      () => true,
      () => false,
    )
  )
    return false
  const parent = dirname(cluster)
  if (!canEnter(parent, options.user)) {
    throw new EmbeddedRefused(
      options.user === undefined
        ? `The folder ${parent} cannot be entered: set PULSE_DATA_DIR to a folder of yours.`
        : `PostgreSQL does not run as root, and the user "${options.user.name}" cannot reach ${parent}: ` +
            'set PULSE_DATA_DIR to a folder whose parents everybody may enter (for example /var/lib/pulse), or do not run as root.',
    )
  }
  await removeHalfMade(cluster)
  const half = `${cluster}.${process.pid}`
  const passwordFile = `${half}.password`
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { mode: 0o700 })
  await writeFile(passwordFile, options.adminPassword, { mode: 0o600 })
  if (options.user !== undefined) {
    await chown(half, options.user.uid, options.user.gid)
    await chown(passwordFile, options.user.uid, options.user.gid)
  }
  try {
    await initdb(half, passwordFile, options)
    await rename(half, cluster)
  } catch (error) {
    await rm(half, { recursive: true, force: true })
    throw error
  } finally {
    await rm(passwordFile, { force: true })
  }
  return true
}

/** What a making that was killed has left; one that is still under way is somebody else's. */
async function removeHalfMade(cluster: string): Promise<void> {
  for (const name of await readdir(dirname(cluster))) {
    const pid = /^postgres\.(\d+)(\.password)?$/.exec(name)?.[1]
    if (pid !== undefined && identify(Number(pid)) === undefined) {
      // An initdb whose starter was killed may write for a moment yet: removing is tried again for some seconds.
      await rm(join(dirname(cluster), name), { recursive: true, force: true, maxRetries: 40, retryDelay: 10 })
    }
  }
}

function initdb(folder: string, passwordFile: string, { binaries, user, durable }: ClusterOptions): Promise<void> {
  const child = spawn(
    binaries.initdb,
    [
      `--pgdata=${folder}`,
      '--username=pulse',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      ...(durable ? [] : ['--no-sync']),
    ],
    {
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: '/usr/bin:/bin', TZ: 'UTC' },
    },
  )
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve()
      else
        reject(
          new EmbeddedRefused(
            `PostgreSQL could not make its folder ${folder} (initdb ended with ${signal ?? code}): ${said.trim().split('\n').at(-1) ?? ''}`,
          ),
        )
    })
  })
}
