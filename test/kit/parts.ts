import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { migrate, freePort, serverUser, startEmbedded, type EmbeddedPostgres } from '../../src/store/index.ts'
import { withBusProcess } from '../bus/process.ts'
import type { Owner } from './postgres.ts'
import { until } from './until.ts'

/**
 * Pulse by its parts, without a supervisor: what is ended stays ended until it is started again. Postgres, the bus, the API, the
 * worker and the canary are processes; the worker is no superuser, so that a folder can be read-only for it.
 */
export interface Parts {
  readonly baseUrl: string
  readonly broker: string
  readonly targets: Readonly<Record<'api' | 'worker' | 'canary', readonly string[]>>
  readonly health: string
  /** Each takes something away and answers with the way back. */
  readonly faults: {
    worker(): Promise<() => Promise<void>>
    bus(): Promise<() => Promise<void>>
    postgres(): Promise<() => Promise<void>>
    lake(): Promise<() => Promise<void>>
  }
  /** The last that each process wrote. */
  said(): string
}

const LAUNCHER = resolve(import.meta.dirname, '../../bin/pulse.mjs')
const PASSWORDS = { admin: 'admin', app: 'app' }

export async function openParts(owner: Owner, settings: Readonly<Record<string, string>>): Promise<Parts> {
  const folder = await mkdtemp(join(tmpdir(), 'pulse-parts-'))
  await chmod(folder, 0o755)
  owner.after(() => rm(folder, { recursive: true, force: true }))
  const user = serverUser()
  const own = async (path: string): Promise<string> => {
    await mkdir(path, { recursive: true })
    if (user !== undefined) await chown(path, user.uid, user.gid)
    return path
  }
  const warehouse = await own(join(folder, 'warehouse'))

  const cluster = await own(join(folder, 'cluster'))
  const begin = (port: number): Promise<EmbeddedPostgres> =>
    startEmbedded({ dataDir: cluster, port, passwords: PASSWORDS, durable: false })
  let postgres = await begin(0)
  const { port, adminUrl, appUrl } = postgres
  owner.after(() => postgres.stop())
  await migrate(adminUrl, { appPassword: PASSWORDS.app })

  const bus = await withBusProcess({ after: (act) => owner.after(act) })
  const [api, metrics, health, canary] = [await freePort(), await freePort(), await freePort(), await freePort()]
  const env = {
    PULSE_DATABASE_URL: appUrl,
    PULSE_ADMIN_DATABASE_URL: adminUrl,
    PULSE_KAFKA_BROKERS: bus.broker,
    PULSE_WAREHOUSE: `file://${warehouse}`,
    PULSE_API_PORT: String(api),
    PULSE_WORKER_METRICS_PORT: String(metrics),
    PULSE_WORKER_HEALTH_PORT: String(health),
    PULSE_CANARY_PORT: String(canary),
    ...settings,
  }
  const processes = new Map<string, ChildProcess>()
  let said = ''
  const start = async (command: string, ready: string): Promise<void> => {
    const child = spawn(process.execPath, [LAUNCHER, command], {
      env: { ...process.env, ...env, PULSE_DATA_DIR: await own(join(folder, command)) },
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: folder,
      // All alike, so that what one makes in the lake another may write to.
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    })
    processes.set(command, child)
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-40_000)))
    await until(
      `${command} to be ready`,
      async () => (await fetch(ready, { signal: AbortSignal.timeout(1_000) })).ok,
      60_000,
    ).catch((error: unknown) => Promise.reject(new Error(`${String(error)}\n${said}`)))
  }
  const end = async (command: string, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> => {
    const child = processes.get(command)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill(signal)
    const bound = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await gone
    clearTimeout(bound)
  }
  owner.after(async () => void (await Promise.all([...processes.keys()].map((command) => end(command, 'SIGTERM')))))
  const worker = (): Promise<void> => start('worker', `http://127.0.0.1:${health}/livez`)
  await start('api', `http://127.0.0.1:${api}/ready`)
  await Promise.all([worker(), start('canary', `http://127.0.0.1:${canary}/livez`)])

  return {
    baseUrl: `http://127.0.0.1:${api}`,
    broker: bus.broker,
    health: `http://127.0.0.1:${health}`,
    targets: { api: [`127.0.0.1:${api}`], worker: [`127.0.0.1:${metrics}`], canary: [`127.0.0.1:${canary}`] },
    said: () => said,
    faults: {
      async worker() {
        await end('worker', 'SIGKILL')
        return worker
      },
      async bus() {
        await bus.kill()
        return () => bus.start()
      },
      async postgres() {
        await postgres.stop()
        return async () => void (postgres = await begin(port))
      },
      async lake() {
        await modes(warehouse, 0o555)
        return () => modes(warehouse, 0o755)
      },
    },
  }
}

/** The mode of a folder and of all below it. */
async function modes(folder: string, mode: number): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))
  for (const path of [...folders, folder]) await chmod(path, mode)
}
