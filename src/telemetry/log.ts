import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import { listen, type AnnouncementName } from './announce.ts'
import type { Plane } from './catalog/catalog.ts'
import { openCollapsing } from './collapse.ts'
import { LOG, snakeCased, type LogEntry, type LogLevel } from './log-table.ts'
import { redact, scrub } from './redact.ts'
import { openSink } from './sink.ts'
import { currentContext } from '../tenancy/index.ts'

export interface LogSettings {
  /** `silent` writes nothing. */
  readonly level: LogLevel | 'silent' | 'trace' | 'fatal'
  readonly plane: Plane | 'bus'
  readonly service: string
  /** Where lines go: standard output where absent. */
  readonly to?: DestinationStream
  readonly repeatMs?: number
}

interface Log extends AsyncDisposable {
  /** Writes what is still in memory. For exits, where nothing may be awaited. */
  flush(): void
}

/**
 * Writes one JSON object per line for every announcement (`event` is its name), from now until
 * disposed: ISO time, level as text, plane, service, and the tenant, request and trace from the
 * announcement or else from the context that it was made in. Errors that repeat are collapsed to one
 * line per ten seconds with a `repeat` count; secrets are cut.
 */
export function openLog(settings: LogSettings): Log {
  const stream = settings.to ?? openSink({ fd: 1 })
  const write = pino(
    {
      level: settings.level,
      base: { plane: settings.plane, service: settings.service, pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  const collapsing = openCollapsing(settings.repeatMs === undefined ? {} : { intervalMs: settings.repeatMs })

  const hear = <N extends AnnouncementName>(event: N): (() => void) => {
    const entry = LOG[event] as LogEntry<N>
    if (typeof entry.level === 'string' && !write.isLevelEnabled(entry.level)) return () => undefined
    return listen(event, (said) => {
      const level = typeof entry.level === 'string' ? entry.level : entry.level(said)
      if (!write.isLevelEnabled(level)) return
      const fields = { event, ...context(), ...redact(entry.fields?.(said) ?? snakeCased(said)) }
      const message = scrub(entry.say(said))
      const line = (repeat: number | undefined): void =>
        write[level](repeat === undefined ? fields : { ...fields, repeat }, message)
      const same = entry.sameAs?.(said)
      if (same === undefined) line(undefined)
      else collapsing.say(`${event} ${same}`, line)
    })
  }
  const stops = (Object.keys(LOG) as AnnouncementName[]).map((event) => hear(event))

  const flush = (): void => {
    if ('flushSync' in stream && typeof stream.flushSync === 'function') stream.flushSync()
  }
  return {
    flush,
    async [Symbol.asyncDispose]() {
      for (const stop of stops) stop()
      collapsing[Symbol.dispose]()
      flush()
    },
  }
}

/** Who is asking, from the request or flush that is underway; an announcement's own members win. */
function context(): Record<string, unknown> {
  const underway = currentContext()
  if (underway === undefined) return {}
  return redact({ tenant: underway.tenantSlug, request_id: underway.requestId, trace_id: underway.traceId })
}
