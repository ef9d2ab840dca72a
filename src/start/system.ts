import { join } from 'node:path'
import { embeddedDefaults, reachable, type Environment, type Loaded } from '../config/index.ts'
import { freePort, openStore } from '../store/index.ts'
import { startChild, type Child } from './child.ts'
import { openDataDir } from './data-dir.ts'
import { endLeftovers } from './leftovers.ts'
import { lockDataDir } from './lock.ts'
import { keepPostgres, type PostgresPlace } from './postgres.ts'
import { issueKeys, migrateOwn } from './migrate.ts'
import { refuseTakenPorts } from './ports.ts'
import { allOrFirstFault, notReadySentence, untilOk } from './readiness.ts'
import { StartRefused } from './refused.ts'
import { openRunRecord, readRunFile, type RunningProcess } from './run-file.ts'
import { errorLine, type SystemView } from './screen.ts'

export interface System {
  readonly view: SystemView
  /** In order: canary, API, worker after its drain, bus, Postgres. Bounded. */
  stop(): Promise<void>
}

/**
 * Brings up everything that is not already somewhere else: the embedded Postgres and bus beside
 * each other, while API, worker and canary load their code; then these. `say` hears one line
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

    const record = openRunRecord(dataDir, say)
    undo.push(record.close)
    const child = (name: 'api' | 'worker' | 'bus' | 'canary', graceMs: number): Child => {
      const made = startChild({
        name,
        logPath: join(dataDir, 'logs', `${name}.log`),
        onLine: (line) => {
          const told = errorLine(name, line)
          if (told !== undefined) say(told)
        },
        onEnd: (how, pauseMs) => say(`${name} ended (${how}); it starts again in ${pauseMs / 1000} s`),
        onReady: (pid, ports) => {
          if (record.of(name) !== undefined) say(`${name} is back`)
          record.note(name, pid, ports['health'] ?? ports[name] ?? ports['metrics'] ?? 0, ports)
        },
      })
      undo.push(() => made.stop(graceMs))
      return made
    }
    const graceMs = settings.drainSeconds * 1000 + 4_000
    const wantedPort = (name: RunningProcess['name']): number | undefined =>
      before?.processes.find((left) => left.name === name)?.port

    // Stopping goes the other way round: canary, API, worker, bus, Postgres.
    let postgresUp: Promise<PostgresPlace | undefined> = Promise.resolve(undefined)
    undo.push(async () => (await postgresUp.catch(() => undefined))?.stop())
    const bus = embedded.bus ? child('bus', 6_000) : undefined
    const worker = child('worker', graceMs)
    const api = child('api', graceMs)
    const canary = settings.canarySeconds === 0 ? undefined : child('canary', 3_000)

    const busPort = settings.busPort === 0 ? await freePort(settings.host, wantedPort('bus')) : settings.busPort
    postgresUp =
      settings.databaseUrl === undefined
        ? keepPostgres({
            dataDir,
            port: settings.postgresPort,
            wanted: wantedPort('postgres'),
            leaseSeconds: settings.leaseSeconds,
            onEnd: (how, pauseMs) => say(`Postgres ended (${how}); it starts again in ${pauseMs / 1000} s`),
            onReady: (pid, port, isBack) => {
              if (isBack) say('Postgres is back')
              record.note('postgres', pid, port, { postgres: port })
            },
          })
        : proveOwn(settings, settings.databaseUrl)
    const busUp = bus?.go({ PULSE_DATA_DIR: dataDir, PULSE_BUS_PORT: String(busPort) }) ?? Promise.resolve({})
    const places = allOrFirstFault([postgresUp, busUp] as const)
    // A plane whose code does not even load says so while Postgres is still being made.
    await Promise.race([places, api.ready, worker.ready])
    const [postgres, busPorts] = await places

    const adminUrl = postgres?.adminUrl ?? settings.adminDatabaseUrl
    const keys = adminUrl === undefined ? undefined : await issueKeys(settings, adminUrl)
    if (keys !== undefined) say(keys)

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
    const host = reachable(settings.host)
    const apiUp = api.go(env)
    const canaryUp = apiUp.then((ports) =>
      canary?.go({ PULSE_CANARY_API_URL: settings.canaryApiUrl ?? `http://${host}:${ports['api']}` }),
    )
    await allOrFirstFault([apiUp, worker.go(env), canaryUp] as const)
    const notReady = await untilOk(`http://${host}:${record.of('api')?.port}/ready`, 30_000)
    if (notReady !== undefined) throw new StartRefused(notReadySentence(notReady, join(dataDir, 'logs')))
    // The canary's partition is claimed within moments; a worker that owns none yet is no reason not to start.
    const noShare = await untilOk(`http://${host}:${record.of('worker')?.port}/healthz`, 5_000)
    if (noShare !== undefined) say(`worker: ${noShare}`)
    await record.written()
    return {
      view: { settings, processes: record.all(), embedded, tookMs: performance.now() - startedMs },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Whoever runs that database may also migrate it. Then it must be one that this Pulse can use: throws a sentence if not. */
async function proveOwn(settings: Loaded['settings'], url: string): Promise<undefined> {
  if (settings.adminDatabaseUrl !== undefined) await migrateOwn(settings)
  await using _ = await openStore({ url, poolSize: 1, applicationName: 'pulse start', openMs: 10_000 })
}
