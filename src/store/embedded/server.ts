import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client } from 'pg'
import { EmbeddedRefused, findBinaries } from './binaries.ts'
import { ensureCluster } from './cluster.ts'
import { keep, type Kept } from './keeper.ts'
import { endLeftover, postmasterOf } from './leftover.ts'
import { freePort } from './port.ts'
import { serverUser } from './user.ts'

const READY_WAIT_MS = 60_000 // recovery after a crash replays the log first
const PORT_TRIES = 5

interface EmbeddedOptions {
  /** The data folder; the cluster is `postgres/` in it. */
  readonly dataDir: string
  /** 0 = any free port, `wanted` if that is free. */
  readonly port: number
  readonly wanted?: number | undefined
  readonly passwords: { readonly admin: string; readonly app: string }
  /** False switches every sync off: for tests only. Default true. */
  readonly durable?: boolean
  /** Deletes the data folder when the server ends: for tests only. */
  readonly removeAfter?: boolean
  /** One line of the server's log at a time. */
  readonly onLog?: (line: string) => void
}

export interface EmbeddedPostgres extends AsyncDisposable {
  /** The server's own process id. */
  readonly pid: number
  /** The keeper's, which leads the server's process group. */
  readonly keeperPid: number
  readonly port: number
  readonly adminUrl: string
  readonly appUrl: string
  /** Whether the cluster was made by this call. */
  readonly created: boolean
  /** Resolves when the server ended, whoever ended it. */
  readonly ended: Promise<void>
  /** Fast shutdown: sessions are cut, everything committed is kept. Bounded; safe to repeat. */
  stop(): Promise<void>
  /** Lets the event loop end while the server runs; it stops when this process does. */
  unref(): void
}

/**
 * Starts the PostgreSQL of the data folder on 127.0.0.1, making the cluster at the first start, and
 * answers when it takes connections and the database `pulse` exists. It ends with this process,
 * even after kill -9. Throws `EmbeddedRefused` with a sentence that says what to do.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  await mkdir(options.dataDir, { recursive: true })
  const dataDir = await realpath(options.dataDir)
  const cluster = join(dataDir, 'postgres')
  const user = serverUser()
  const durable = options.durable ?? true
  const binaries = await findBinaries(user, dataDir)
  const created = await ensureCluster(cluster, { binaries, user, durable, adminPassword: options.passwords.admin })
  await endLeftover(cluster)
  for (let attempt = 1; ; attempt++) {
    const port =
      options.port === 0 ? await freePort('127.0.0.1', attempt === 1 ? options.wanted : undefined) : options.port
    const command = [binaries.postgres, '-D', cluster, ...serverSettings(port, durable)]
    const child = keep(command, { user, cwd: '/', ...(options.removeAfter === true ? { removes: dataDir } : {}) })
    const outcome = await untilReady(child, options.onLog ?? (() => {}))
    if (outcome === 'ready') return await running(child, cluster, port, created, options)
    if (outcome.includes('could not bind') || outcome.includes('could not create any TCP/IP')) {
      if (options.port === 0 && attempt < PORT_TRIES) continue
      throw new EmbeddedRefused(
        `Port ${port} is taken, PostgreSQL cannot listen on it: set PULSE_POSTGRES_PORT to a free one (0 = any).`,
      )
    }
    throw new EmbeddedRefused(`PostgreSQL did not start on ${cluster}: ${outcome}`)
  }
}

function serverSettings(port: number, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '', // TCP only: a socket's path is limited to 107 bytes, data folders are not
    max_connections: 100,
    wal_level: 'minimal',
    max_wal_senders: 0,
    max_logical_replication_workers: 0,
    max_wal_size: '512MB',
    io_method: 'sync', // PostgreSQL 18's three I/O workers buy nothing at this size
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
    log_checkpoints: 'off',
    ...(durable
      ? {}
      : {
          fsync: 'off',
          synchronous_commit: 'off',
          full_page_writes: 'off',
          autovacuum: 'off',
          shared_buffers: '32MB',
        }),
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** 'ready', or the last telling lines of a server that ended instead. */
function untilReady(child: Kept, onLog: (line: string) => void): Promise<string> {
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.stdin.destroy()
      reject(
        new EmbeddedRefused(
          `PostgreSQL was not ready after ${READY_WAIT_MS / 1000} s: ${lines.at(-1) ?? 'it said nothing'}`,
        ),
      )
    }, READY_WAIT_MS)
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      resolve(
        lines.filter((line) => /FATAL|ERROR|WARNING|could not|HINT/.test(line)).join(' ') || lines.slice(-3).join(' '),
      )
    })
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line)
      if (lines.length > 50) lines.shift()
      onLog(line)
      if (line.includes('database system is ready to accept connections')) {
        clearTimeout(timer)
        resolve('ready')
      }
    })
  })
}

async function running(
  child: Kept,
  cluster: string,
  port: number,
  created: boolean,
  options: EmbeddedOptions,
): Promise<EmbeddedPostgres> {
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.stdin.on('error', () => {}) // the keeper is gone: `ended` tells
  child.once('exit', () => child.stdin.destroy()) // a keeper that was killed has left its watcher reading
  const keeperPid = child.pid as number
  const url = (role: string, password: string, database: string): string =>
    `postgres://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`
  const stop = async (): Promise<void> => {
    child.stdin.destroy()
    const timers = [
      setTimeout(() => signalGroup(keeperPid, 'SIGQUIT'), 10_000),
      setTimeout(() => signalGroup(keeperPid, 'SIGKILL'), 15_000),
    ]
    await ended
    for (const timer of timers) clearTimeout(timer)
  }
  try {
    await ensureDatabase(url('pulse', options.passwords.admin, 'postgres'))
  } catch (error) {
    await stop()
    if ((error as { code?: string }).code !== '28P01') throw error
    throw new EmbeddedRefused(
      `The passwords in ${options.dataDir} are not those of the PostgreSQL in it: put the folder's own secrets.json back, or set PULSE_DATA_DIR to an empty folder.`,
    )
  }
  return {
    pid: (await postmasterOf(cluster)) ?? keeperPid,
    keeperPid,
    port,
    created,
    adminUrl: url('pulse', options.passwords.admin, 'pulse'),
    appUrl: url('pulse_app', options.passwords.app, 'pulse'),
    ended,
    stop,
    unref() {
      child.unref()
      for (const pipe of [child.stdin, child.stderr]) (pipe as unknown as { unref(): void }).unref()
    },
    [Symbol.asyncDispose]: stop,
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // it ended in between
  }
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, application_name: 'pulse start', connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    const { rowCount } = await client.query(`SELECT FROM pg_database WHERE datname = 'pulse'`)
    if (rowCount === 0) await client.query('CREATE DATABASE pulse')
  } finally {
    await client.end()
  }
}
