import { setTimeout as delay } from 'node:timers/promises'
import type { Bus } from '../bus/index.ts'
import { openUploads } from '../batch/index.ts'
import { openCollect } from '../collect/index.ts'
import type { Settings } from '../config/index.ts'
import { systemClock } from '../event/index.ts'
import { openKeyBook } from '../keys/index.ts'
import type { ObjectStore } from '../lake/index.ts'
import { openLimiter } from '../limits/index.ts'
import { openWatermarks } from '../outcomes/index.ts'
import { openPreview } from '../preview/index.ts'
import { ensureCanaryTenant, openBindings, openTopicKeeper } from '../registry/index.ts'
import type { Store } from '../store/index.ts'
import { NO_SAMPLING, announce, openSampler, type Telemetry } from '../telemetry/index.ts'
import { watchDependencies } from '../places/index.ts'
import { readGauges } from './gauges.ts'
import { watchPartitions } from './partitions.ts'
import { openServer } from './server.ts'

/** The settings that the API needs, by name: tests give these few. */
export type ApiSettings = Pick<
  Settings,
  | 'host'
  | 'auth'
  | 'apiPort'
  | 'topicPartitions'
  | 'deadLetterDays'
  | 'readerGraceSeconds'
  | 'warehouse'
  | 'drainSeconds'
  | 'collectMaxBodyBytes'
  | 'collectMaxEventBytes'
  | 'collectMaxEvents'
  | 'collectMaxDepth'
  | 'collectMaxPendingBytes'
  | 'collectBodyTimeoutMs'
  | 'batchMaxBytes'
  | 'batchDir'
  | 'telemetry'
  | 'tracesPerSecond'
  | 'trustedTraces'
>

export interface ApiPlaces {
  readonly settings: ApiSettings
  readonly store: Store
  readonly bus: Bus
  readonly objects: ObjectStore
  readonly metrics: Telemetry['metrics']
  /** How long nobody must have sent anything until a stopping process no longer listens; `QUIET_MS`. */
  readonly quietMs?: number
}

export interface RunningApi {
  readonly port: number
  /** Answers new requests 503, lets those under way finish (bounded), then closes. Safe to call again. */
  close(): Promise<void>
}

/** A change made through any API process is effective in this one after at most this long (api.md). */
const BINDING_AGE_MS = 2_000
/**
 * Whoever still sends while a port closes is cut off unheard: behind a proxy his answer is a 502. A proxy learns from the first
 * 503 to send elsewhere (test/real/fleet.test.ts: 17 such answers in three restarts at 180 requests/s without this wait).
 */
const QUIET_MS = 250

/**
 * Starts the API on places that are open already, and leaves them open when it closes. It listens when
 * it resolves, whatever is away: /health answers, /ready says what is missing. Rejects where the port is taken.
 */
export async function startApi(given: ApiPlaces): Promise<RunningApi> {
  const { settings, store, bus, objects, metrics } = given
  const stop = new AbortController()
  await using opened = new AsyncDisposableStack()
  const bindings = openBindings(store, { maxAgeMs: BINDING_AGE_MS })
  const publisher = opened.use(bus.publisher())
  const preview = opened.use(openPreview({ store, objects, bindings }))
  const watermarks = opened.use(openWatermarks(bus, systemClock))
  const readiness = opened.use(
    watchDependencies({
      postgres: (timeoutMs) => store.ping(timeoutMs),
      kafka: (timeoutMs) => bus.ping(timeoutMs),
      minio: (timeoutMs) => objects.ping(timeoutMs),
    }),
  )
  const book =
    settings.auth === 'keys'
      ? opened.use(openKeyBook(store, { clock: systemClock, now: () => performance.now() }))
      : undefined
  const limiter = opened.use(openLimiter(store, () => performance.now()))
  const census = opened.use(watchPartitions(store))
  const limits = {
    maxBodyBytes: settings.collectMaxBodyBytes,
    maxEventBytes: settings.collectMaxEventBytes,
    maxEvents: settings.collectMaxEvents,
    maxDepth: settings.collectMaxDepth,
    maxPendingBytes: settings.collectMaxPendingBytes,
    bodyTimeoutMs: settings.collectBodyTimeoutMs,
  }
  const tenantPlaces = {
    store,
    admin: bus.admin,
    topicPartitions: settings.topicPartitions,
    deadLetterDays: settings.deadLetterDays,
    warehouse: settings.warehouse,
  }
  const topics = openTopicKeeper(tenantPlaces, () => performance.now())
  const collect = openCollect({ bindings, publisher, limits, clock: systemClock, onTopicMissing: topics.remake })
  const uploads = opened.use(
    openUploads({
      store,
      collect,
      bindings,
      limits: { ...limits, maxFileBytes: settings.batchMaxBytes },
      spoolDir: settings.batchDir,
      onDefect: (error) =>
        announce('process.defect', { where: 'batch', detail: (error as Error).message, stack: (error as Error).stack }),
    }),
  )
  const { app, drain, quietMs, inflight } = await openServer({
    ...tenantPlaces,
    objects,
    bindings,
    book,
    limiter,
    preview,
    watermarks,
    readiness,
    metrics,
    sampler:
      settings.telemetry === 'off'
        ? NO_SAMPLING
        : openSampler({ perSecond: settings.tracesPerSecond, trusted: settings.trustedTraces }),
    limits,
    collect,
    uploads,
    owner: `api-${process.pid}`,
    readerGraceSeconds: settings.readerGraceSeconds,
    clock: systemClock,
  })
  await app.listen({ host: settings.host, port: settings.apiPort, backlog: 4096 })
  opened.defer(
    readGauges(metrics, {
      inflight,
      pending: publisher.pending,
      pendingCapacityBytes: limits.maxPendingBytes,
      partitions: census.partitions,
      dependencies: readiness.facts,
      pool: () => store.pool(),
      clock: systemClock.now,
    }),
  )
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : settings.apiPort
  announce('api.started', { host: settings.host, port, auth: settings.auth })

  // Nobody waits for it: with the bus away one attempt takes its time, and it ends with the places.
  void ensureCanaryTenant(tenantPlaces, {
    signal: stop.signal,
    wait: (ms, signal) => delay(ms, undefined, { signal, ref: false }).catch(() => undefined),
  })
  const places = opened.move()
  let closing: Promise<void> | undefined

  async function shut(): Promise<void> {
    drain()
    stop.abort()
    // Files that are under way end where they are: whoever sends them goes on elsewhere.
    uploads.stop()
    const untilMs = performance.now() + settings.drainSeconds * 1000
    // It goes on listening: whoever probes hears that it lives and is not ready, and whoever sends is told to send again.
    const leastQuietMs = given.quietMs ?? QUIET_MS
    while ((inflight.total > 0 || quietMs() < leastQuietMs) && performance.now() < untilMs) await delay(20)
    const closed = app.close()
    // An answer that was under way leaves its connection open for the next request; nobody takes one any more.
    const idle = setInterval(() => app.server.closeIdleConnections(), 50)
    await within(closed, Math.max(0, untilMs - performance.now()))
    app.server.closeAllConnections()
    await closed
    clearInterval(idle)
    await places.disposeAsync()
    announce('api.stopped', {})
  }
  return { port, close: () => (closing ??= shut()) }
}

async function within(work: Promise<unknown>, ms: number): Promise<void> {
  const done = new AbortController()
  await Promise.race([
    work.then(() => done.abort()),
    delay(ms, undefined, { signal: done.signal }).catch(() => undefined),
  ])
}
