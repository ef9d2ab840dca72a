import { join } from 'node:path'
import { openBus } from '../bus/index.ts'
import type { Settings } from '../config/index.ts'
import { openObjectStore } from '../lake/index.ts'
import { Problem } from '../problems/index.ts'
import { openStore } from '../store/index.ts'
import { announce, openTelemetry } from '../telemetry/index.ts'
import { busSettings } from './places.ts'
import { ROUTE_TEMPLATES } from './route-table.ts'
import { startApi } from './start.ts'
import { openStoreWhenThere } from './store-when-there.ts'

export interface RunningProcess {
  readonly ports: { readonly api: number }
  readonly port: number
  stop(): Promise<void>
  close(): Promise<void>
}

/** A request is not kept waiting longer than this for Postgres. */
const STORE_TIMEOUT_MS = 5_000
const ACQUIRE_MS = 2_000

/**
 * The API as a process of its own: opens the places that the settings name and serves, also while they
 * are away. Rejects what waiting cannot mend: a database role that bypasses row level security
 * (`StoreRefused`), a missing setting, a taken port. Installs no signal handlers.
 */
export async function runApi(settings: Settings): Promise<RunningProcess> {
  const { databaseUrl } = settings
  if (databaseUrl === undefined)
    throw new Problem(
      'invalid',
      'PULSE_DATABASE_URL is not set: name the database, or use "pulse start", which brings one.',
    )
  if (settings.kafkaBrokers.length === 0)
    throw new Problem(
      'invalid',
      'PULSE_KAFKA_BROKERS is not set: name the brokers, or use "pulse start", which brings a bus.',
    )

  await using opened = new AsyncDisposableStack()
  const telemetry = opened.use(
    openTelemetry({
      plane: 'api',
      service: 'pulse-api',
      logLevel: settings.logLevel,
      enabled: settings.telemetry !== 'off',
      routes: ROUTE_TEMPLATES,
    }),
  )
  const store = opened.use(
    await openStoreWhenThere(
      () =>
        openStore({
          url: databaseUrl,
          poolSize: settings.databasePoolSize,
          applicationName: 'pulse-api',
          acquireMs: ACQUIRE_MS,
          timeoutMs: STORE_TIMEOUT_MS,
          openMs: 0,
        }),
      { refused: (error) => announce('process.defect', { where: 'api', detail: error.message }) },
    ),
  )
  const bus = opened.use(await openBus(busSettings(settings, 'pulse-api')))
  const objects = openObjectStore({
    warehouse: settings.warehouse,
    cacheDir: join(settings.dataDir, 'cache', 'api'),
    s3: {
      endpoint: settings.s3Endpoint,
      region: settings.s3Region,
      accessKey: settings.s3AccessKey,
      secretKey: settings.s3SecretKey,
      pathStyle: settings.s3PathStyle,
    },
  })
  const { port, close } = await startApi({ settings, store, bus, objects, metrics: telemetry.metrics })

  const places = opened.move()
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopping ??= close().finally(() => {
      telemetry.flush()
      return places.disposeAsync()
    }))
  return { ports: { api: port }, port, stop, close: stop }
}
