/** A row as somebody names it: by its `_source`, or by its `_event_id` and whose it is. */
export type RowName =
  | { readonly kind: 'source'; readonly source: Source }
  | {
      readonly kind: 'event'
      readonly eventId: string
      readonly tenant: string
      readonly dataset: string | undefined
    }

/** `_source` in its parts. */
export interface Source {
  readonly topic: string
  readonly tenantId: string
  readonly partition: number
  readonly offset: number
}

/** What leads from a row to what was told of it. A member is undefined where it is not known any more. */
export interface RowFacts {
  readonly eventId: string | undefined
  readonly tenant: string
  readonly dataset: string | undefined
  readonly source: Source | undefined
  readonly receivedAt: string | undefined
  /** Of the request, as its record carries it; undefined once the record has left the bus. */
  readonly trace: { readonly traceId: string; readonly sampled: boolean } | undefined
  readonly flush: { readonly flushId: string; readonly committedAt: string; readonly worker: string } | undefined
  /** Where the worker that was asked still remembers the flush. */
  readonly snapshotId: string | undefined
}

const SOURCE = /^(pulse\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.events\.raw)\/(\d{1,9})\/(\d{1,15})$/
const EVENT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Reads a row's name; answers a sentence where it is none. Pure. */
export function rowName(
  text: string,
  { tenant, dataset }: { readonly tenant?: string | undefined; readonly dataset?: string | undefined },
): RowName | string {
  const source = sourceOf(text)
  if (source !== undefined) return { kind: 'source', source }
  if (!EVENT_ID.test(text)) return `${text} is neither an event id nor a row's _source (topic/partition/offset).`
  if (tenant === undefined) return 'An event id is unique in a dataset only: name the tenant with --tenant SLUG.'
  return { kind: 'event', eventId: text.toLowerCase(), tenant, dataset }
}

/** A `_source` in its parts; undefined where it is none. */
export function sourceOf(text: string): Source | undefined {
  const [, topic, tenantId, partition, offset] = SOURCE.exec(text) ?? []
  if (topic === undefined || tenantId === undefined) return undefined
  return { topic, tenantId, partition: Number(partition), offset: Number(offset) }
}

const flushTrace = (flushId: string): string => flushId.replaceAll('-', '')

/** What to paste into Grafana for it. Pure. */
export function queriesOf({
  trace,
  flush,
  source,
  tenant,
  receivedAt,
}: RowFacts): readonly (readonly [string, string])[] {
  const lines = (traceId: string): string => `{service_name=~"pulse-.+"} | trace_id="${traceId}"`
  const spans = (traceId: string): string => `{ trace:id = "${traceId}" }`
  const found: (readonly [string, string])[] = []
  if (trace !== undefined) found.push(['LogQL, the request', lines(trace.traceId)])
  if (trace?.sampled === true) found.push(['TraceQL, the request', spans(trace.traceId)])
  if (trace === undefined && receivedAt !== undefined)
    found.push([
      `LogQL, its requests around ${receivedAt}`,
      `{service_name="pulse-api"} | tenant="${tenant}" | event="api.request.finished"`,
    ])
  if (flush !== undefined) {
    found.push(['LogQL, the flush', lines(flushTrace(flush.flushId))])
    found.push(['TraceQL, the flush (where sampled)', spans(flushTrace(flush.flushId))])
  } else if (source !== undefined) {
    const { topic, partition, offset } = source
    found.push([
      'LogQL, the flush by its offsets',
      `{service_name="pulse-worker"} | event="worker.flush.committed" |= "${topic}/${partition}:" | regexp \`/${partition}:(?P<first>\\d+)-(?P<last>\\d+)\` | first <= ${offset} | last >= ${offset}`,
    ])
  }
  return found
}

/** The facts for people. */
export function rowAsText(facts: RowFacts): string {
  const { source, trace, flush } = facts
  const lines: (readonly [string, string])[] = [
    ['event', facts.eventId ?? 'unknown: its record has left the bus'],
    ['tenant', facts.tenant],
    ['dataset', facts.dataset ?? 'unknown'],
    ['source', source === undefined ? 'unknown: ask the table for _source' : nameOf(source)],
    ['received', facts.receivedAt ?? 'unknown: ask the table for _received_at'],
    [
      'trace',
      trace === undefined
        ? 'unknown: its record has left the bus'
        : `${trace.traceId}${trace.sampled ? '' : ' (not sampled)'}`,
    ],
    [
      'flush',
      flush === undefined
        ? 'unknown: not committed yet, or forgotten'
        : `${flush.flushId} at ${flush.committedAt} by ${flush.worker}`,
    ],
    ['snapshot', facts.snapshotId ?? 'see the line of the flush'],
    ...queriesOf(facts).map(([what, query]) => ['', `${what}\n           ${query}`] as const),
  ]
  return `${lines.map(([name, said]) => `${name.padEnd(10)} ${said}`.trimEnd()).join('\n')}\n`
}

const nameOf = ({ topic, partition, offset }: Source): string => `${topic}/${partition}/${offset}`

/** The facts for machines; names are stable. */
export function rowAsJson(facts: RowFacts): string {
  const { source, trace, flush } = facts
  return `${JSON.stringify(
    {
      event_id: facts.eventId ?? null,
      tenant: facts.tenant,
      dataset: facts.dataset ?? null,
      source: source === undefined ? null : nameOf(source),
      received_at: facts.receivedAt ?? null,
      trace_id: trace?.traceId ?? null,
      sampled: trace?.sampled ?? null,
      flush_id: flush?.flushId ?? null,
      committed_at: flush?.committedAt ?? null,
      worker: flush?.worker ?? null,
      snapshot_id: facts.snapshotId ?? null,
      queries: queriesOf(facts).map(([what, query]) => ({ what, query })),
    },
    undefined,
    2,
  )}\n`
}
