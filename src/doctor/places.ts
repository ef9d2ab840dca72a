import { ownKey, reachable, type Settings } from '../config/index.ts'
import type { RunFile } from '../start/index.ts'

/** Where the doctor looks. */
export interface Places {
  /** `http://host:port`, without a slash at the end. */
  readonly apiUrl: string
  /** The worker's health port. */
  readonly workerUrl: string
  /** The worker's `/metrics`. */
  readonly metricsUrl: string
  /** The worker is one of this machine's: `run.json` says so. */
  readonly isLocal: boolean
  readonly databaseUrl: string | undefined
  readonly warehouse: string
  readonly dataDir: string
  readonly otlpEndpoint: string | undefined
  /** The key that is shown to the API; undefined: none. */
  readonly key: string | undefined
}

/** The addresses that were named on the command line win, then `run.json` of what runs on the data folder, then the settings. */
export function placesOf(
  settings: Settings,
  run: RunFile | undefined,
  named: { readonly api?: string | undefined; readonly worker?: string | undefined } = {},
): Places {
  const host = reachable(settings.host)
  const portOf = (name: string, which: string): number | undefined =>
    run?.processes.find((running) => running.name === name)?.ports[which]
  const apiUrl = named.api ?? settings.canaryApiUrl ?? `http://${host}:${portOf('api', 'api') ?? settings.apiPort}`
  const workerUrl = named.worker ?? `http://${host}:${portOf('worker', 'health') ?? settings.workerHealthPort}`
  const metrics = new URL(workerUrl)
  metrics.port = String(
    (named.worker === undefined ? portOf('worker', 'metrics') : undefined) ?? settings.workerMetricsPort,
  )
  metrics.pathname = '/metrics'
  return {
    apiUrl: apiUrl.replace(/\/$/, ''),
    workerUrl: workerUrl.replace(/\/$/, ''),
    metricsUrl: metrics.href,
    isLocal: named.worker === undefined && run !== undefined,
    databaseUrl: settings.databaseUrl,
    warehouse: settings.warehouse,
    dataDir: settings.dataDir,
    otlpEndpoint: settings.otlpEndpoint,
    key: ownKey(settings, 'doctor'),
  }
}
