import { openBus } from '../bus/index.ts'
import { recordSettings } from '../audit/index.ts'
import { isLoopback, redact, windowSettings, type Settings } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import { openObjectStore, timedObjectStore } from '../lake/index.ts'
import { busSettings, neededPlaces, objectStoreOptions, openRecord, tellLakeCall } from '../places/index.ts'
import { Problem } from '../problems/index.ts'
import { openTelemetry } from '../telemetry/index.ts'
import { ROUTE_TEMPLATES } from './route-table.ts'
import { startApi } from './start.ts'

export interface RunningProcess {
  readonly ports: { readonly api: number }
  /** Drains as `startApi` does, then closes the places. Safe to repeat. */
  stop(): Promise<void>
}

/** Throws one sentence where everybody in reach of this machine would be let in. */
function refuseOpenDoor({ auth, host }: Settings): void {
  if (auth === 'keys' || isLoopback(host)) return
  throw new Problem(
    'invalid',
    `PULSE_AUTH is open and PULSE_HOST is ${host}, so that whoever reaches this machine could act as any tenant: set PULSE_AUTH=keys (pulse migrate makes the first keys), or PULSE_HOST=127.0.0.1.`,
  )
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
  refuseOpenDoor(settings)
  neededPlaces(settings)
  await using opened = new AsyncDisposableStack()
  const telemetry = opened.use(openTelemetry({ plane: 'api', ...windowSettings(settings), routes: ROUTE_TEMPLATES }))
  const store = opened.use(
    await openRecord(settings, { applicationName: 'pulse-api', acquireMs: ACQUIRE_MS, timeoutMs: STORE_TIMEOUT_MS }),
  )
  const recording = new AbortController()
  opened.defer(() => recording.abort())
  void recordSettings(store, 'api', redact(settings), recording.signal)
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
