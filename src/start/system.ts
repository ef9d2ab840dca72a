import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SETTINGS, type Environment, type Loaded, type SettingName } from '../config/index.ts'
import { freePort, identify, migrate, probePort } from '../store/index.ts'
import { startChild, type Child } from './child.ts'
import { openDataDir } from './data-dir.ts'
import { endLeftovers } from './leftovers.ts'
import { lockDataDir } from './lock.ts'
import { keepPostgres, type PostgresPlace } from './postgres.ts'
import { StartRefused, takenPort } from './refused.ts'
import { describe, readRunFile, writeRunFile, type RunningProcess } from './run-file.ts'
import { errorLine, reachable, type SystemView } from './screen.ts'

export interface System {
  readonly view: SystemView
  /** In order: API, worker after its drain, bus, Postgres. Bounded. */
  stop(): Promise<void>
}

/**
 * Brings up everything that is not already somewhere else: the embedded Postgres and bus beside
 * each other, while the API and the worker load their code; then these two. `say` hears one line
 * at a time. Throws with a sentence when it cannot, with nothing left running.
 */
export async function startSystem({ settings, given }: Loaded, say: (line: string) => void): Promise<System> {
  const startedMs = performance.now()
  const { dataDir } = settings
  const embedded = {
    postgres: settings.databaseUrl === undefined,
    bus: settings.kafkaBrokers.length === 0,
    lake: !given.has('PULSE_WAREHOUSE'),
  }
  await openDataDir(dataDir)
  const unlock = await lockDataDir(dataDir)
  const undo: (() => Promise<void>)[] = [unlock] // last in, first out
  const stop = async (): Promise<void> => {
    for (let act = undo.pop(); act !== undefined; act = undo.pop())
      await act().catch((error: unknown) => say(`while stopping: ${(error as Error).message}`))
  }
  try {
    const before = await readRunFile(dataDir)
    const ended = await endLeftovers(before)
    if (ended.length > 0) say(`Ended what an earlier start had left: ${ended.join(', ')}.`)
    await refuseTakenPorts(settings)

    const processes = new Map<RunningProcess['name'], RunningProcess>()
    const supervisor = identify(process.pid)
    let writing = Promise.resolve()
    const note = (
      name: RunningProcess['name'],
      pid: number,
      port: number,
      ports: Readonly<Record<string, number>>,
    ): void => {
      const running = describe(name, pid, port, ports)
      if (running === undefined) return
      processes.set(name, running)
      const run = {
        pid: process.pid,
        began: supervisor?.began ?? '',
        startedAt: new Date().toISOString(),
        processes: [...processes.values()],
      }
      writing = writing
        .then(() => writeRunFile(dataDir, run))
        .catch((error: unknown) => say(`run.json: ${(error as Error).message}`))
    }
    undo.push(async () => {
      await writing
      await rm(join(dataDir, 'run.json'), { force: true })
    })

    const child = (name: 'api' | 'worker' | 'bus', graceMs: number): Child => {
      const made = startChild({
        name,
        logPath: join(dataDir, 'logs', `${name}.log`),
        onLine: (line) => {
          const told = errorLine(name, line)
          if (told !== undefined) say(told)
        },
        onEnd: (how, pauseMs) => say(`${name} ended (${how}); it starts again in ${pauseMs / 1000} s`),
        onReady: (pid, ports) => {
          if (processes.has(name)) say(`${name} is back`)
          note(name, pid, ports['health'] ?? ports[name] ?? 0, ports)
        },
      })
      undo.push(() => made.stop(graceMs))
      return made
    }
    const graceMs = settings.drainSeconds * 1000 + 4_000
    const wantedPort = (name: RunningProcess['name']): number | undefined =>
      before?.processes.find((left) => left.name === name)?.port

    // Stopping goes the other way round: API, worker, bus, Postgres.
    let postgresUp: Promise<PostgresPlace | undefined> = Promise.resolve(undefined)
    undo.push(async () => (await postgresUp.catch(() => undefined))?.stop())
    const bus = embedded.bus ? child('bus', 6_000) : undefined
    const worker = child('worker', graceMs)
    const api = child('api', graceMs)

    const busPort = settings.busPort === 0 ? await freePort(settings.host, wantedPort('bus')) : settings.busPort
    postgresUp = embedded.postgres
      ? keepPostgres({
          dataDir,
          port: settings.postgresPort,
          wanted: wantedPort('postgres'),
          leaseSeconds: settings.leaseSeconds,
          onEnd: (how, pauseMs) => say(`Postgres ended (${how}); it starts again in ${pauseMs / 1000} s`),
          onReady: (pid, port, isBack) => {
            if (isBack) say('Postgres is back')
            note('postgres', pid, port, { postgres: port })
          },
        })
      : migrateOwn(settings.adminDatabaseUrl, settings.databaseUrl, settings.leaseSeconds)
    const busUp = bus?.go({ PULSE_DATA_DIR: dataDir, PULSE_BUS_PORT: String(busPort) }) ?? Promise.resolve({})
    const [postgres, busPorts] = await allOrFirstFault([postgresUp, busUp] as const)

    const env: Environment = {
      PULSE_DATA_DIR: dataDir,
      ...(postgres === undefined ? {} : { PULSE_DATABASE_URL: postgres.url }),
      ...(embedded.bus
        ? {
            PULSE_KAFKA_BROKERS: `${reachable(settings.host)}:${(busPorts as Record<string, number>)['bus'] ?? busPort}`,
            ...embeddedDefaults(given),
          }
        : {}),
    }
    await allOrFirstFault([api.go(env), worker.go(env)] as const)
    await untilReady(`http://${reachable(settings.host)}:${processes.get('api')?.port}/ready`)
    await writing
    return {
      view: { settings, processes: [...processes.values()], embedded, tookMs: performance.now() - startedMs },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What the embedded bus changes, unless somebody said otherwise. */
function embeddedDefaults(given: ReadonlySet<SettingName>): Environment {
  const names = Object.keys(SETTINGS) as SettingName[]
  return Object.fromEntries(
    names.flatMap((name) => {
      const setting = SETTINGS[name]
      return 'embedded' in setting && setting.embedded !== undefined && !given.has(name)
        ? [[name, setting.embedded]]
        : []
    }),
  )
}

async function migrateOwn(
  adminUrl: string | undefined,
  appUrl: string | undefined,
  leaseSeconds: number,
): Promise<undefined> {
  if (adminUrl === undefined) return undefined // whoever runs that database migrates it; the API and the worker say so if not
  const app = URL.parse(appUrl ?? '')
  const password =
    app?.username === 'pulse_app' && app.password !== '' ? { appPassword: decodeURIComponent(app.password) } : {}
  await migrate(adminUrl, { ...password, leaseSeconds })
  return undefined
}

async function refuseTakenPorts(settings: Loaded['settings']): Promise<void> {
  const fixed: [SettingName, number][] = [
    ['PULSE_API_PORT', settings.apiPort],
    ['PULSE_WORKER_METRICS_PORT', settings.workerMetricsPort],
    ['PULSE_WORKER_HEALTH_PORT', settings.workerHealthPort],
    ['PULSE_BUS_PORT', settings.busPort],
  ]
  for (const [name, port] of fixed) {
    if (port === 0) continue
    const state = await probePort(port, settings.host)
    if (state === 'free') continue
    if (state === 'EADDRINUSE') throw new StartRefused(takenPort(port, name))
    if (state === 'EACCES')
      throw new StartRefused(`Port ${port} may not be used by this user: set ${name} to one above 1023.`)
    throw new StartRefused(
      `${settings.host} cannot be listened on (${state}): set PULSE_HOST to an address of this machine, for example 127.0.0.1.`,
    )
  }
}

/** Like Promise.all, but nothing goes on unseen: the others are waited for as well before the first fault is thrown. */
async function allOrFirstFault<const T extends readonly unknown[]>(
  waits: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  let first: { readonly error: unknown } | undefined
  const faulted = new Promise<void>((resolve) => {
    for (const wait of waits)
      Promise.resolve(wait).catch((error: unknown) => {
        first ??= { error }
        resolve()
      })
  })
  await Promise.race([Promise.allSettled(waits), faulted])
  if (first !== undefined) throw first.error
  return (await Promise.all(waits)) as { -readonly [K in keyof T]: Awaited<T[K]> }
}

async function untilReady(url: string): Promise<void> {
  let said = 'no answer'
  for (const until = Date.now() + 30_000; Date.now() < until; await delay(50)) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      said = await answer.text()
      if (answer.ok) return
    } catch (error) {
      said = (error as Error).message
    }
  }
  throw new StartRefused(`The API is up but not ready after 30 s (${url}: ${said}): look into the logs folder.`)
}
