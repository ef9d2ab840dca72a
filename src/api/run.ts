import { openBus } from '../bus/index.ts'
import { secretValues, settingsHash, type Settings } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import { openObjectStore, timedObjectStore } from '../lake/index.ts'
import { busSettings, neededPlaces, objectStoreOptions, tellLakeCall, tellTransaction } from '../places/index.ts'
import { openStore, openWaitingStore } from '../store/index.ts'
import { announce, openTelemetry } from '../telemetry/index.ts'
import { ROUTE_TEMPLATES } from './route-table.ts'
import { startApi } from './start.ts'

export interface RunningProcess {
  readonly ports: { readonly api: number }
  /** Drains as `startApi` does, then closes the places. Safe to repeat. */
  stop(): Promise<void>
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
  const { databaseUrl } = neededPlaces(settings)
  await using opened = new AsyncDisposableStack()
  const telemetry = opened.use(
    openTelemetry({
      plane: 'api',
      logLevel: settings.logLevel,
      enabled: settings.telemetry !== 'off',
      secrets: secretValues(settings),
      otlpEndpoint: settings.otlpEndpoint,
      limits: { tenants: settings.metricsTenants, datasets: settings.metricsDatasets, pinned: settings.metricsPinned },
      about: { commit: settings.buildCommit, configHash: settingsHash(settings) },
      routes: ROUTE_TEMPLATES,
    }),
  )
  const store = opened.use(
    await openWaitingStore(
      () =>
        openStore({
          url: databaseUrl,
          poolSize: settings.databasePoolSize,
          applicationName: 'pulse-api',
          leaseSeconds: settings.leaseSeconds,
          acquireMs: ACQUIRE_MS,
          timeoutMs: STORE_TIMEOUT_MS,
          openMs: 0,
          onFinished: tellTransaction,
        }),
      { onRefused: ({ message }) => announce('process.defect', { where: 'store', detail: message }) },
    ),
  )
  const bus = opened.use(await openBus(busSettings(settings, 'pulse-api')))
  const objects = timedObjectStore(openObjectStore(objectStoreOptions(settings, 'api')), systemClock.now, tellLakeCall)
  const { port, close } = await startApi({ settings, store, bus, objects, metrics: telemetry.metrics })

  const places = opened.move()
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> =>
    (stopping ??= close().finally(() => {
      telemetry.flush()
      return places.disposeAsync()
    }))
  return { ports: { api: port }, stop }
}
