import type { AnnouncementName, Announcements } from './announce.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What a line says of a failure, as `error` in it. */
interface LineError {
  /** A short, stable word: a problem's code, a fault's, a dead letter's reason. */
  readonly code: string
  /** The class of the exception, where there was one. */
  readonly type?: string | undefined
  /** Whether Pulse (or for a request: the client) may meet better luck later without anybody acting. */
  readonly retryable?: boolean | undefined
  readonly stack?: string | undefined
}

interface EveryLine<N extends AnnouncementName> {
  /** The sentence for people: `msg`. */
  readonly say: (said: Announcements[N]) => string
  /** Fields in the log's own names, where `fieldsOf` would not do. */
  readonly fields?: (said: Announcements[N]) => Record<string, unknown>
  /** Lines with an equal key within ten seconds are one trouble. Absent or undefined: never collapsed. */
  readonly sameAs?: (said: Announcements[N]) => string | undefined
}
interface QuietLine<N extends AnnouncementName> extends EveryLine<N> {
  readonly level: 'debug' | 'info'
}
/** What may be a failure says which: the compiler asks for its code. */
interface LoudLine<N extends AnnouncementName> extends EveryLine<N> {
  readonly level: 'warn' | 'error' | ((said: Announcements[N]) => LogLevel)
  readonly error: (said: Announcements[N]) => LineError | undefined
}

/** How one announcement becomes a line. */
export type LogEntry<N extends AnnouncementName> = QuietLine<N> | LoudLine<N>
export type LogEntries<P extends string> = {
  readonly [N in Extract<AnnouncementName, `${P}.${string}`>]: LogEntry<N>
}

const rounded = (ms: number): number => Math.round(ms * 1000) / 1000
const counted =
  (one: string, many: string) =>
  (count: number): string =>
    `${count} ${count === 1 ? one : many}`
export const events = counted('event', 'events')
export const records = counted('record', 'records')
export const rows = counted('row', 'rows')

/** Members that metrics and spans are made of and a line has no use for, or spells in another way. */
const UNTOLD: ReadonlySet<string> = new Set([
  'caller',
  'collected',
  'committedAtMs',
  'contexts',
  'flushId',
  'freshness',
  'parentSpanId',
  'span',
  'spanId',
  'startedAtMs',
  'steps',
  'tookMs',
  'traceId',
  'trusted',
  'validatedFromMs',
  'within',
])

/** Partitions that one line names: a worker that starts claims thousands, and a log store takes lines of a bounded length. */
const MOST_NAMES = 20

interface Placed {
  readonly traceId?: string
  readonly spanId?: string
  readonly span?: { readonly traceId: string; readonly spanId: string }
  readonly within?: { readonly traceId: string; readonly spanId: string } | undefined
  readonly flushId?: string
  readonly tookMs?: number
  readonly topic?: string
  readonly tenant?: string | undefined
}

/**
 * An announcement's members in the log's spelling: `snapshotId` is `snapshot_id`, `tookMs` is
 * `duration_ms`. Its place in a trace is `trace_id` and `span_id`, however it was given: a flush's trace
 * id is its own id without hyphens. A topic that stands without a tenant's slug gives the tenant's id.
 */
export function fieldsOf(said: object): Record<string, unknown> {
  const { traceId, spanId, span, within, flushId, tookMs, topic, tenant } = said as Placed
  const place = span ?? within
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(said))
    if (!UNTOLD.has(name)) fields[snakeCased(name)] = Array.isArray(value) ? value.slice(0, MOST_NAMES) : value
  if (tenant === undefined && topic !== undefined) fields['tenant_id'] = /^pulse\.([0-9a-f-]{36})\./.exec(topic)?.[1]
  if (tookMs !== undefined) fields['duration_ms'] = rounded(tookMs)
  if (flushId !== undefined) fields['flush_id'] = flushId
  fields['trace_id'] = traceId ?? place?.traceId ?? flushId?.replaceAll('-', '')
  // A process that traces nothing mints no span: an empty id would match every other empty one.
  fields['span_id'] = (spanId ?? place?.spanId) || undefined
  return fields
}

/** The names are few and the same for ever. */
const snakes = new Map<string, string>()
function snakeCased(name: string): string {
  let snake = snakes.get(name)
  if (snake === undefined) snakes.set(name, (snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)))
  return snake
}
