import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort, serverUser } from '../../src/store/index.ts'
import type { Certificates } from './certificates.ts'
import { keeping, type RealPlace } from './keeping.ts'
import type { Owner } from './postgres.ts'
import { startProgram } from './program.ts'

const ROOT = '/usr/lib/postgresql'
const SECRETS: Readonly<Record<string, string>> = {
  postgres: 'super-secret',
  pulse: 'owner-secret',
  pulse_app: 'app-secret',
}

/** A PostgreSQL of Debian's that somebody else runs: passwords are asked for, and Pulse has made nothing in it yet. */
interface PostgresServer extends RealPlace {
  /** As `pulse`, which may make roles and owns the database `pulse`. */
  readonly adminUrl: string
  /** As `pulse_app`, which `pulse migrate` makes. */
  readonly appUrl: string
  readonly port: number
  urlOf(role: string): string
  /** As superuser. */
  ask<R = Record<string, unknown>>(statement: string): Promise<R[]>
  /** Ends it, and starts it again on another port: what a client sees of a failover. Answers the port. */
  moveElsewhere(): Promise<number>
}

interface ServerOptions {
  /** With it, only TLS comes in. */
  readonly tls?: Certificates
  /** More of `name=value` for its configuration. */
  readonly settings?: readonly string[]
  /** Where its data lies; a folder of its own, if none is given. */
  readonly folder?: string
}

export async function withServer(owner: Owner, options: ServerOptions = {}): Promise<PostgresServer> {
  const version = existsSync(ROOT) ? readdirSync(ROOT).toSorted((a, b) => Number(b) - Number(a))[0] : undefined
  if (version === undefined) throw new Error(`No PostgreSQL below ${ROOT}: install it, .ci/run says how`)
  const program = (name: string): string => join(ROOT, version, 'bin', name)
  const user = serverUser()
  const own = options.folder ?? (await mkdtemp(join(tmpdir(), 'pulse-server-')))
  if (options.folder === undefined) owner.after(() => rm(own, { recursive: true, force: true }))
  await chmod(own, 0o755)
  const data = join(own, 'data')
  const ours = async (path: string, mode: number): Promise<void> => {
    await chmod(path, mode)
    if (user !== undefined) await chown(path, user.uid, user.gid)
  }
  await mkdir(data)
  await ours(data, 0o700)
  const secret = join(own, 'secret')
  await writeFile(secret, SECRETS['postgres'] ?? '')
  await ours(secret, 0o600)
  const as = { cwd: own, ...(user === undefined ? {} : { user }) }
  const init = await startProgram(
    program('initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${secret}`, '-E', 'UTF8', '--locale=C'],
    as,
  )
  if ((await init.ended(60_000)) !== 0) throw new Error(`initdb: ${init.said()}`)
  const more = [...(options.settings ?? [])]
  if (options.tls !== undefined) {
    for (const [name, from] of [
      ['server.crt', options.tls.certFile],
      ['server.key', options.tls.keyFile],
    ] as const) {
      await copyFile(from, join(data, name))
      await ours(join(data, name), 0o600)
    }
    await writeFile(join(data, 'pg_hba.conf'), 'hostssl all all all scram-sha-256\n')
    more.push('ssl=on')
  }

  let port = await freePort()
  const urlOf = (role: string): string => {
    const url = `postgres://${role}:${SECRETS[role]}@127.0.0.1:${port}/${role === 'postgres' ? 'postgres' : 'pulse'}`
    return options.tls === undefined ? url : `${url}?sslmode=verify-full&sslrootcert=${options.tls.caFile}`
  }
  const ask = async <R>(statement: string): Promise<R[]> => {
    const client = new Client({ connectionString: urlOf('postgres'), connectionTimeoutMillis: 2_000 })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query(statement)).rows as R[]
    } finally {
      await client.end()
    }
  }
  const place = await keeping(
    owner,
    () =>
      startProgram(
        program('postgres'),
        [
          ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-c', 'max_connections=100'],
          ...more.flatMap((setting) => ['-c', setting]),
        ],
        as,
      ),
    () => ask('SELECT 1').then(() => true),
  )
  for (const statement of [
    `CREATE ROLE pulse LOGIN CREATEROLE BYPASSRLS PASSWORD '${SECRETS['pulse']}'`,
    'CREATE ROLE pulse_definer NOLOGIN BYPASSRLS',
    'CREATE DATABASE pulse OWNER pulse',
  ])
    await ask(statement)
  return {
    get adminUrl() {
      return urlOf('pulse')
    },
    get appUrl() {
      return urlOf('pulse_app')
    },
    get port() {
      return port
    },
    urlOf,
    ask,
    get pid() {
      return place.pid
    },
    kill: place.kill,
    start: place.start,
    async moveElsewhere() {
      await place.kill()
      port = await freePort()
      await place.start()
      return port
    },
  }
}

/** Debian's pgbouncer in transaction mode before a server; `sessions` connections to it for all clients together. */
export async function withBouncer(owner: Owner, server: PostgresServer, sessions: number): Promise<{ appUrl: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-bouncer-'))
  owner.after(() => rm(folder, { recursive: true, force: true }))
  const user = serverUser()
  const port = await freePort()
  const file = async (name: string, text: string): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, text)
    if (user !== undefined) await chown(path, user.uid, user.gid)
    return path
  }
  const users = await file('users', `"pulse_app" "${SECRETS['pulse_app']}"\n`)
  const config = await file(
    'pgbouncer.ini',
    [
      '[databases]',
      `pulse = host=127.0.0.1 port=${server.port} dbname=pulse`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = scram-sha-256',
      `auth_file = ${users}`,
      'pool_mode = transaction',
      `default_pool_size = ${sessions}`,
      'max_client_conn = 500',
      '',
    ].join('\n'),
  )
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const appUrl = `postgres://pulse_app:${SECRETS['pulse_app']}@127.0.0.1:${port}/pulse`
  await keeping(
    owner,
    () => startProgram('/usr/sbin/pgbouncer', [config], { cwd: folder, ...(user === undefined ? {} : { user }) }),
    async () => {
      const client = new Client({ connectionString: appUrl, connectionTimeoutMillis: 2_000 })
      client.on('error', () => undefined)
      await client.connect()
      await client.end()
      return true
    },
  )
  return { appUrl }
}
