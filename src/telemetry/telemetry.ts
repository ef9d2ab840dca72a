import type { Plane } from './catalog/catalog.ts'
import { DEFAULT_LIMITS, type Limits } from './bounds.ts'
import { listenApi } from './listen-api.ts'
import { listenCanary } from './listen-canary.ts'
import { listenProcess, type About } from './listen-process.ts'
import { listenWorker } from './listen-worker.ts'
import { openLog, type LogSettings } from './log.ts'
import { openMetrics, type Metrics } from './metrics.ts'
import { resourceOf } from './resource.ts'
import { openTraces, type Traces } from './traces/traces.ts'

export interface Telemetry extends AsyncDisposable {
  readonly metrics: Metrics
  readonly traces: Pick<Traces, 'find'>
  /** Writes log lines still in memory, synchronously, for an exit that cannot wait. */
  flush(): void
}

const UNKNOWN_BUILD: About = { commit: 'unknown', configHash: 'unknown' }

/**
 * The whole window of one plane: metrics, log and traces, listening until disposed. With `enabled: false`
 * (`PULSE_TELEMETRY=off`, for benchmarks) nobody listens: the endpoint answers, its series stay at zero.
 */
export function openTelemetry(options: {
  plane: Plane
  logLevel: LogSettings['level']
  enabled?: boolean
  /** Route templates to be born at zero (API only). */
  routes?: readonly string[]
  logTo?: LogSettings['to']
  /** How many tenants and datasets have series of their own. */
  limits?: Limits
  about?: About
  /** Where spans are sent; not set: nowhere. */
  otlpEndpoint?: string | undefined
  /** Secrets that this process holds: no line and no span shows them. */
  secrets?: readonly string[]
}): Telemetry {
  const { plane, limits = DEFAULT_LIMITS, about = UNKNOWN_BUILD } = options
  const metrics = openMetrics({ plane, limits })
  const resource = resourceOf(plane)
  if (options.enabled === false) {
    return { metrics, traces: { find: () => [] }, flush: () => undefined, [Symbol.asyncDispose]: async () => undefined }
  }
  const stop =
    plane === 'api'
      ? listenApi(metrics, options.routes)
      : plane === 'canary'
        ? listenCanary(metrics)
        : listenWorker(metrics)
  const ours = listenProcess(metrics, resource, about)
  const log = openLog({
    level: options.logLevel,
    resource,
    onLine: (level) => ours.line(level),
    secrets: options.secrets ?? [],
    ...(options.logTo === undefined ? {} : { to: options.logTo }),
  })
  const traces = openTraces({
    resource,
    endpoint: options.otlpEndpoint,
    onExported: (spans) => ours.exported(spans),
    secrets: options.secrets ?? [],
  })
  return {
    metrics,
    traces,
    flush: () => log.flush(),
    async [Symbol.asyncDispose]() {
      // First, so that what it loses is still told.
      await traces[Symbol.asyncDispose]()
      stop()
      ours.stop()
      await log[Symbol.asyncDispose]()
    },
  }
}
