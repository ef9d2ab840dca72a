import { channel } from 'node:diagnostics_channel'
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { openBus } from '../bus/index.ts'
import { recordSettings } from '../audit/index.ts'
import { redact, windowSettings, type Settings } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import {
  openAdoptTopic,
  openFlushLake,
  openFlushRecord,
  openMembership,
  startIngest,
  type Ingest,
  type IngestParts,
} from '../ingest/index.ts'
import { openDataFileWriter, openObjectStore, timedObjectStore } from '../lake/index.ts'
import {
  busSettings,
  neededPlaces,
  objectStoreOptions,
  openRecord,
  tellLakeCall,
  watchDependencies,
} from '../places/index.ts'
import { openBindings } from '../registry/index.ts'
import {
  announce,
  json,
  metricsPage,
  openServer,
  openTelemetry,
  text,
  tracePage,
  type Answer,
} from '../telemetry/index.ts'
import { startUpkeep } from '../upkeep/index.ts'
import { openCensus } from './census.ts'
import { readGauges } from './gauges.ts'
import { partitionsPage } from './partitions-page.ts'
import { ownTempDir } from './temp-dir.ts'
import { healthz, livez, PING_MS, startupz, type Verdict, type WorkerFacts } from './verdicts.ts'

export interface RunningWorker {
  readonly ports: { readonly metrics: number; readonly health: number }
  /** Resolves when `stop` is through. */
  readonly closed: Promise<void>
  /** Stops reading, flushes within PULSE_DRAIN_SECONDS, gives partitions back, leaves, closes. Safe to repeat. */
  stop(): Promise<void>
}

export interface WorkerOptions {
  /** Fault injection for tests. */
  readonly point?: IngestParts['point']
}

/** Each step of a flush, for whoever is loaded into the process to do harm there (`npm run chaos`); nobody else listens. */
const STEPS = channel('pulse.flush.step')
const tellStep = (name: string): void => {
  if (STEPS.hasSubscribers) STEPS.publish(name)
}

const BINDINGS_MAX_AGE_MS = 2_000
const EARLIER_FACTS = { owned: 0, members: 0, shared: false, sinceTickMs: 0 } as const

/**
 * The worker as a process of its own: carries events from the bus to the lake, relays dead letters,
 * keeps the house in order, and answers metrics and probes meanwhile. Starts while Postgres or the
 * bus are away. Rejects what waiting cannot mend: a role that bypasses row level security, a missing
 * setting, a taken port. Installs no signal handlers.
 */
export async function runWorker(settings: Settings, options: WorkerOptions = {}): Promise<RunningWorker> {
  neededPlaces(settings)
  await using opened = new AsyncDisposableStack()
  const name = `${hostname()}-${process.pid}`
  const now = (): number => performance.now()
  const telemetry = opened.use(openTelemetry({ plane: 'worker', ...windowSettings(settings) }))

  let stopping = false
  // The probes answer before there is an ingest to ask.
  const carriage: { ingest?: Ingest } = {}
  const store = opened.use(await openRecord(settings, { applicationName: 'pulse-worker' }))
  const recording = new AbortController()
  opened.defer(() => recording.abort())
  void recordSettings(store, 'worker', redact(settings), recording.signal)
  const metricsServer = opened.use(
    await openServer(settings.host, settings.workerMetricsPort, {
      '/metrics': metricsPage(telemetry.metrics),
    }),
  )
  // Before the probes' port is there, so that they have somebody to ask.
  const bus = opened.use(await openBus(busSettings(settings, `pulse-${name}`)))
  const objects = timedObjectStore(
    openObjectStore(objectStoreOptions(settings, 'worker')),
    systemClock.now,
    tellLakeCall,
  )
  const dependencies = opened.use(
    watchDependencies(
      {
        postgres: (timeoutMs) => store.ping(timeoutMs),
        kafka: (timeoutMs) => bus.ping(timeoutMs),
        minio: (timeoutMs) => objects.ping(timeoutMs),
      },
      // Whether the bus is away says who reads from it.
      { everyMs: 1_000, timeoutMs: PING_MS, silent: ['kafka'], now },
    ),
  )
  const census = opened.use(openCensus(store))
  const facts = (): WorkerFacts => ({
    ...(carriage.ingest?.facts() ?? EARLIER_FACTS),
    stopping,
    missingMigrations: census.missingMigrations(),
    postgres: dependencies.facts().postgres,
  })
  const answered = (verdict: Verdict): Answer => text(verdict.ok ? 200 : 503, verdict.text)
  const healthServer = opened.use(
    await openServer(settings.host, settings.workerHealthPort, {
      '/healthz': () => answered(healthz(facts())),
      '/livez': () => answered(livez(facts())),
      '/startupz': () => answered(startupz(facts())),
      '/traces/*': (_request, traceId) => tracePage(telemetry.traces, traceId),
      '/partitions': () => json(partitionsPage(carriage.ingest?.window.partitions() ?? [])),
    }),
  )
  const tempDir = await ownTempDir(join(settings.dataDir, 'tmp'))
  opened.defer(() => rm(tempDir, { recursive: true, force: true }))
  const writer = opened.use(await openDataFileWriter({ store: objects, tempDir, jobsAtOnce: 2 }))
  const bindings = openBindings(store, { maxAgeMs: BINDINGS_MAX_AGE_MS })
  const reader = opened.use(bus.reader())

  const carrying = startIngest({
    // A name is for one membership: whoever lost his gets another.
    join: () =>
      openMembership(store, { worker: `${name}-${randomUUID().slice(0, 8)}`, leaseSeconds: settings.leaseSeconds }),
    reader,
    admin: bus.admin,
    bindings,
    lake: openFlushLake(store, objects, writer, {
      keepSnapshots: settings.snapshotsKeep,
      keepMs: settings.snapshotSeconds * 1000,
      now: Date.now,
    }),
    record: openFlushRecord(store),
    adopt: openAdoptTopic(store),
    limits: settings,
    point: options.point ?? tellStep,
  })
  carriage.ingest = carrying
  const upkeep = startUpkeep({ store, bus, objects, settings, worker: () => carrying.facts().worker })
  readGauges(telemetry.metrics, {
    ingest: () => carriage.ingest,
    bufferCapacityBytes: settings.bufferBytes,
    partitions: census.partitions,
    ledger: census.ledger,
    dependencies: dependencies.facts,
    pool: () => store.pool(),
    lastSuccess: upkeep.lastSuccess,
    clock: systemClock.now,
  })
  announce('worker.started', { worker: name, metricsPort: metricsServer.port, healthPort: healthServer.port })

  const places = opened.move()
  const closed = Promise.withResolvers<void>()
  closed.promise.catch(() => {})
  async function end(): Promise<void> {
    stopping = true
    const drained = await carrying.stop(settings.drainSeconds * 1000)
    await upkeep[Symbol.asyncDispose]()
    announce('worker.stopped', { worker: name, drained })
    telemetry.flush()
    await places.disposeAsync()
  }
  let ending: Promise<void> | undefined
  const stop = (): Promise<void> => {
    if (ending === undefined) {
      ending = end()
      ending.then(closed.resolve, closed.reject)
    }
    return ending
  }
  return {
    ports: { metrics: metricsServer.port, health: healthServer.port },
    closed: closed.promise,
    stop,
  }
}
