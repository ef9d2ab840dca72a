import type { Plane } from './catalog/catalog.ts'
import { listenApi } from './listen-api.ts'
import { listenCanary } from './listen-canary.ts'
import { listenWorker } from './listen-worker.ts'
import { openLog, type LogSettings } from './log.ts'
import { openMetrics, type Metrics } from './metrics.ts'
import { resourceOf } from './resource.ts'

export interface Telemetry extends AsyncDisposable {
  readonly metrics: Metrics
  /** Writes log lines still in memory, synchronously, for an exit that cannot wait. */
  flush(): void
}

/**
 * The whole window of one plane: metrics and log, listening until disposed. With `enabled: false`
 * (`PULSE_TELEMETRY=off`, for benchmarks) nobody listens: the endpoint answers, its series stay at zero.
 */
export function openTelemetry(options: {
  plane: Plane
  logLevel: LogSettings['level']
  enabled?: boolean
  /** Route templates to be born at zero (API only). */
  routes?: readonly string[]
  logTo?: LogSettings['to']
  /** Secrets that this process holds: no line shows them. */
  secrets?: readonly string[]
}): Telemetry {
  const metrics = openMetrics({ plane: options.plane })
  if (options.enabled === false) {
    return { metrics, flush: () => undefined, [Symbol.asyncDispose]: async () => undefined }
  }
  const stop =
    options.plane === 'api'
      ? listenApi(metrics, options.routes)
      : options.plane === 'canary'
        ? listenCanary(metrics)
        : listenWorker(metrics)
  const log = openLog({
    level: options.logLevel,
    resource: resourceOf(options.plane),
    secrets: options.secrets ?? [],
    ...(options.logTo === undefined ? {} : { to: options.logTo }),
  })
  return {
    metrics,
    flush: () => log.flush(),
    async [Symbol.asyncDispose]() {
      stop()
      await log[Symbol.asyncDispose]()
    },
  }
}
