import { pino, stdTimeFunctions, type DestinationStream } from 'pino'
import { announce, listen, type AnnouncementName } from './announce.ts'
import { openCollapsing } from './collapse.ts'
import { fieldsOf, type LogEntry, type LogLevel } from './log-entry.ts'
import { LOG } from './log-table.ts'
import { redact, scrubberOf } from './redact.ts'
import type { Resource } from './resource.ts'
import { openSink } from './sink.ts'
import { currentContext } from '../tenancy/index.ts'

export interface LogSettings {
  /** `silent` writes nothing. */
  readonly level: LogLevel | 'silent' | 'trace' | 'fatal'
  readonly resource: Resource
  /** Where lines go: standard output where absent. */
  readonly to?: DestinationStream
  /** Lines of one trouble are at least this far apart; 10 s. */
  readonly repeatMs?: number
  /** Secrets that this process holds: cut from every line wherever they stand. */
  readonly secrets?: readonly string[]
  /** Hears of every line that is written. */
  readonly onLine?: (level: LogLevel) => void
}

interface Log extends AsyncDisposable {
  /** Writes what is still in memory. For exits, where nothing may be awaited. */
  flush(): void
}

/**
 * Writes one JSON object per line for every announcement (`event` is its name), from now until
 * disposed: ISO time, level as text, plane, service, version, instance, and the tenant, request and trace from
 * the announcement or else from the context that it was made in. Errors that repeat are collapsed to one
 * line per ten seconds with a `repeat` count; secrets and payloads are cut. docs/operate/logs.md has the fields.
 */
export function openLog(settings: LogSettings): Log {
  const { level: least, resource, repeatMs, onLine } = settings
  const stream = settings.to ?? openSink({ fd: 1, onDropped: (lines) => announce('log.lines.dropped', { lines }) })
  const scrubbed = scrubberOf(settings.secrets)
  const { plane, service, version, instance } = resource
  const write = pino(
    {
      level: least,
      base: { plane, service, version, instance },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  )
  const collapsing = openCollapsing(repeatMs === undefined ? {} : { intervalMs: repeatMs })

  const hear = <N extends AnnouncementName>(event: N): (() => void) => {
    const entry = LOG[event] as LogEntry<N>
    if (typeof entry.level === 'string' && !write.isLevelEnabled(entry.level)) return () => undefined
    return listen(event, (said) => {
      const level = typeof entry.level === 'string' ? entry.level : entry.level(said)
      if (!write.isLevelEnabled(level)) return
      const error = 'error' in entry ? entry.error(said) : undefined
      const own = redact({ ...(entry.fields ?? fieldsOf)(said), error }, scrubbed)
      const fields = { event, ...context(scrubbed, own), ...own }
      const message = scrubbed(entry.say(said))
      const line = (repeat: number | undefined): void => {
        write[level](repeat === undefined ? fields : { ...fields, repeat }, message)
        onLine?.(level)
      }
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

/**
 * Who is asking, from the request or flush that is underway. What the announcement itself names wins,
 * and a span goes with its own trace only.
 */
function context(scrubbed: (text: string) => string, own: Record<string, unknown>): Record<string, unknown> {
  const underway = currentContext()
  if (underway === undefined) return {}
  const { trace } = underway
  const place = own['trace_id'] === undefined ? { trace_id: trace?.traceId, span_id: trace?.spanId } : {}
  return redact({ tenant: underway.tenantSlug, request_id: underway.requestId, ...place }, scrubbed)
}
