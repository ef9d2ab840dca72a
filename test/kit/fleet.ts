import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/store/index.ts'
import { startNginx } from './nginx.ts'
import { withPostgres, type Owner } from './postgres.ts'
import { startProgram, type Program } from './program.ts'
import { until } from './until.ts'

/** One process of a fleet: it keeps its ports through every restart, as a service behind a proxy does. */
export interface FleetMember {
  readonly name: string
  readonly plane: 'api' | 'worker'
  /** Of the API; of a worker's probes. */
  readonly port: number
  readonly metricsUrl: string
  readonly pid: number
  /** SIGTERM, as an orchestrator stops it; resolves with the exit code. */
  stop(): Promise<number | null>
  kill(): Promise<void>
  /** Resolves when it is ready: an API answers `/ready`, a worker `/startupz`. */
  start(): Promise<void>
  said(): string
}

interface Fleet {
  /** nginx before all APIs. */
  readonly url: string
  readonly env: Readonly<Record<string, string>>
  readonly apis: readonly FleetMember[]
  readonly workers: readonly FleetMember[]
  /** One more worker, which then ends with the test. */
  addWorker(): Promise<FleetMember>
  proxied: Awaited<ReturnType<typeof startNginx>>['answered']
}

const LAUNCHER = join(import.meta.dirname, '../../bin/pulse.mjs')
const PROBE = { api: 'ready', worker: 'startupz' } as const

/**
 * Processes of Pulse as somebody runs them on machines of their own: each with its ports and its data folder, the APIs behind
 * nginx. `places` are settings; what they leave out is a bus of `pulse bus`, a Postgres of the test's and a folder.
 */
export async function openFleet(
  test: Owner,
  wanted: { readonly apis: number; readonly workers: number; readonly places?: Readonly<Record<string, string>> },
): Promise<Fleet> {
  const owner = lastInFirstOut(test)
  const folder = mkdtempSync(join(tmpdir(), 'pulse-fleet-'))
  chmodSync(folder, 0o755)
  owner.after(() => rmSync(folder, { recursive: true, force: true }))
  const env = await placesOf(owner, folder, wanted.places ?? {})

  async function member(plane: 'api' | 'worker', number: number): Promise<FleetMember> {
    const name = `${plane}-${number}`
    const [port, metricsPort] = [await freePort(), await freePort()]
    const own: Record<string, string> = {
      ...env,
      PULSE_DATA_DIR: join(folder, name),
      ...(plane === 'api'
        ? { PULSE_API_PORT: String(port) }
        : { PULSE_WORKER_HEALTH_PORT: String(port), PULSE_WORKER_METRICS_PORT: String(metricsPort) }),
    }
    let program: Program | undefined
    owner.after(() => program?.kill())
    const start = async (): Promise<void> => {
      const started = await startProgram(process.execPath, [LAUNCHER, plane], { env: own, cwd: folder })
      program = started
      const probe = `http://127.0.0.1:${port}/${PROBE[plane]}`
      await until(
        `${name} to be ready`,
        async () => {
          if (!started.isRunning) return 'ended'
          return (await fetch(probe, { signal: AbortSignal.timeout(2_000) })).status === 200
        },
        60_000,
        25,
      ).then((how) => {
        if (how === 'ended') throw new Error(`${name} ended: ${started.said()}`)
      })
    }
    await start()
    return {
      name,
      plane,
      port,
      metricsUrl: plane === 'api' ? `http://127.0.0.1:${port}/metrics/` : `http://127.0.0.1:${metricsPort}/metrics`,
      get pid() {
        return program?.pid ?? 0
      },
      stop: async () => (await program?.end()) ?? null,
      kill: async () => program?.kill(),
      start,
      said: () => program?.said() ?? '',
    }
  }

  const all = (plane: 'api' | 'worker', count: number): Promise<FleetMember[]> =>
    Promise.all(Array.from({ length: count }, (_, at) => member(plane, at + 1)))
  const [apis, workers] = [await all('api', wanted.apis), await all('worker', wanted.workers)]
  const nginx = await startNginx(
    owner,
    apis.map(({ port }) => port),
  )
  return {
    url: nginx.url,
    env,
    apis,
    workers,
    proxied: nginx.answered,
    async addWorker() {
      const added = await member('worker', workers.length + 1)
      workers.push(added)
      return added
    },
  }
}

/** What was opened last is closed first: a process before the folder that it writes to. */
function lastInFirstOut(owner: Owner): Owner {
  const acts: (() => void | Promise<void>)[] = []
  owner.after(async () => {
    for (const act of acts) await act()
  })
  return { after: (act) => void acts.unshift(act) }
}

async function placesOf(
  owner: Owner,
  folder: string,
  given: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {
    PULSE_CANARY_SECONDS: '0',
    PULSE_WAREHOUSE: `file://${join(folder, 'warehouse')}/`,
    ...given,
  }
  if (found['PULSE_DATABASE_URL'] === undefined) {
    const postgres = await withPostgres(owner)
    found['PULSE_DATABASE_URL'] = postgres.appUrl
  } else if (found['PULSE_ADMIN_DATABASE_URL'] !== undefined) {
    const migrate = await startProgram(process.execPath, [LAUNCHER, 'migrate'], { env: found, cwd: folder })
    const code = await migrate.ended(60_000)
    if (code !== 0) throw new Error(`pulse migrate ended with ${code}: ${migrate.said()}`)
  }
  if (found['PULSE_KAFKA_BROKERS'] === undefined) {
    const port = await freePort()
    const bus = await startProgram(process.execPath, [LAUNCHER, 'bus'], {
      env: { ...found, PULSE_DATA_DIR: join(folder, 'bus'), PULSE_BUS_PORT: String(port) },
      cwd: folder,
    })
    owner.after(() => bus.kill())
    found['PULSE_KAFKA_BROKERS'] = `127.0.0.1:${port}`
  }
  const { PULSE_ADMIN_DATABASE_URL: _, ...env } = found
  return env
}
