import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort, serverUser } from '../../src/store/index.ts'
import { withKafka, type TestKafka } from './kafka.ts'
import { keeping, type RealPlace } from './keeping.ts'
import type { Owner } from './postgres.ts'
import { startProgram } from './program.ts'
import { withS3 } from './s3.ts'

/**
 * The real engines that Pulse runs on, in any mix with its embedded places: what differs between two mixes is settings and nothing
 * else. Each engine is a process of the test's own; a missing program is an error that names it.
 */
interface Mix {
  readonly bus: 'embedded' | 'kafka'
  readonly postgres: 'embedded' | 'external'
  readonly lake: 'folder' | 's3'
}

/** Every mix, all embedded first and all real last. */
export const MIXES: readonly Mix[] = (['embedded', 'kafka'] as const).flatMap((bus) =>
  (['embedded', 'external'] as const).flatMap((postgres) =>
    (['folder', 's3'] as const).map((lake) => ({ bus, postgres, lake })),
  ),
)

interface Places {
  /** For `pulse start`, or for processes of their own (`openFleet`); nothing of what is embedded. */
  readonly env: Readonly<Record<string, string>>
  readonly kafka?: TestKafka
  readonly postgres?: RealPlace
  readonly s3?: RealPlace
}

export const nameOfMix = ({ bus, postgres, lake }: Mix): string =>
  [
    bus === 'kafka' ? 'Apache Kafka' : 'the embedded bus',
    postgres === 'external' ? "Debian's PostgreSQL" : 'the embedded PostgreSQL',
    lake === 's3' ? 'S3' : 'a folder',
  ].join(', ')

/** Starts what is real in the mix, all at once. */
export async function openPlaces(owner: Owner, mix: Mix): Promise<Places> {
  const [kafka, postgres, s3] = await Promise.all([
    mix.bus === 'kafka' ? withKafka(owner) : undefined,
    mix.postgres === 'external' ? withExternalPostgres(owner) : undefined,
    mix.lake === 's3' ? withS3(owner) : undefined,
  ])
  return {
    env: {
      ...(kafka === undefined ? {} : { PULSE_KAFKA_BROKERS: kafka.broker }),
      ...postgres?.env,
      ...s3?.env,
    },
    ...(kafka === undefined ? {} : { kafka }),
    ...(postgres === undefined ? {} : { postgres: postgres.place }),
    ...(s3 === undefined ? {} : { s3: s3.place }),
  }
}

interface Started {
  readonly env: Readonly<Record<string, string>>
  readonly place: RealPlace
}

const POSTGRES_ROOT = '/usr/lib/postgresql'

/** The newest PostgreSQL that Debian has installed, its roles made as docs/operate/running.md says; `pulse` migrates it. */
async function withExternalPostgres(owner: Owner): Promise<Started> {
  const versions = existsSync(POSTGRES_ROOT) ? await readdir(POSTGRES_ROOT) : []
  const version = versions.sort((a, b) => Number(b) - Number(a))[0]
  if (version === undefined) throw new Error(`No PostgreSQL below ${POSTGRES_ROOT}: install it, .ci/run says how`)
  const program = (name: string): string => join(POSTGRES_ROOT, version, 'bin', name)
  const user = serverUser()
  const folder = await mkdtemp(join(tmpdir(), 'pulse-external-'))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  await chmod(folder, 0o755)
  const data = join(folder, 'data')
  await mkdir(data, { mode: 0o700 })
  if (user !== undefined) await chown(data, user.uid, user.gid)
  const init = spawn(program('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    cwd: folder,
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  })
  let said = ''
  init.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  const [code] = (await once(init, 'close')) as [number | null]
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${said}`)

  const port = await freePort()
  const url = (role: string, password: string, database = 'pulse'): string =>
    `postgres://${role}:${password}@127.0.0.1:${port}/${database}`
  const ask = async (database: string, statements: readonly string[]): Promise<void> => {
    const client = new Client({ connectionString: url('postgres', 'none', database), connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    await client.connect()
    try {
      for (const statement of statements) await client.query(statement)
    } finally {
      await client.end()
    }
  }
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'max_connections=200']
  const place = await keeping(
    owner,
    () => startProgram(program('postgres'), args, { cwd: folder, ...(user === undefined ? {} : { user }) }),
    () => ask('postgres', ['SELECT 1']).then(() => true),
  )
  await ask('postgres', [
    `CREATE ROLE pulse LOGIN CREATEROLE BYPASSRLS PASSWORD 'owner-secret'`,
    'CREATE ROLE pulse_definer NOLOGIN BYPASSRLS',
    'CREATE DATABASE pulse OWNER pulse',
  ])
  return {
    place,
    env: {
      PULSE_ADMIN_DATABASE_URL: url('pulse', 'owner-secret'),
      PULSE_DATABASE_URL: url('pulse_app', 'app-secret'),
    },
  }
}
