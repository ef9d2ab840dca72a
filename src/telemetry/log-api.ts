import type { Announcements } from './announce.ts'
import { LEFT } from './listen-api.ts'
import { events, fieldsOf, records, rows, type LogEntries, type LogLevel } from './log-entry.ts'

const COLLECT = '/v1/collect'
/** Probes and scrapes come every few seconds and say nothing while they succeed. */
const PROBES = new Set(['/health', '/ready', '/metrics', '/metrics/'])
/** What a client may send again as it is. */
const RETRYABLE = new Set([408, 429, 502, 503, 504])
/** Dataset names in one request's line. */
const MOST_DATASETS = 20

type Finished = Announcements['api.request.finished']

/**
 * Failures always; a collect that succeeds where it is sampled, which is by rate and so bounded; of the
 * others nothing at `info`, because a line costs a sixth of the request, and its shipping more.
 */
function requestLevel(said: Finished): LogLevel {
  const { route, status } = said
  if (status >= 500) return route === '/ready' ? 'warn' : 'error'
  if (route === COLLECT) {
    if (status >= 400) return 'warn'
    return said.sampled || isPartial(said) ? 'info' : 'debug'
  }
  return PROBES.has(route) ? 'debug' : 'info'
}

/** Accepted as a whole, and some of its events were not. */
function isPartial({ collected }: Finished): boolean {
  if (collected === undefined) return false
  for (const { rejected, failed } of collected.values()) if (rejected + failed > 0) return true
  return false
}

function sameRequest(said: Finished): string | undefined {
  const level = requestLevel(said)
  if (level === 'warn' || level === 'error') return `${said.route} ${said.status} ${said.code} ${said.tenant}`
  return said.route === COLLECT && !said.sampled ? `${said.route} ${said.status} partial ${said.tenant}` : undefined
}

/** One canonical line: who, what, how long, and for a collect what became of its events. */
function requestFields(said: Finished): Record<string, unknown> {
  const { code: _code, detail, ...rest } = said
  const fields = fieldsOf(rest)
  // A sentence about what a client sent may quote it; ours about ourselves may not.
  if (said.status >= 500) fields['detail'] = detail
  if (said.route !== COLLECT) return fields
  const datasets = [...(said.collected?.keys() ?? [])]
  fields['dataset'] ??= datasets.length === 1 ? datasets[0] : '_unknown'
  if (said.collected === undefined) return fields
  if (datasets.length > 1) fields['datasets'] = datasets.slice(0, MOST_DATASETS)
  for (const name of ['accepted', 'rejected', 'failed', 'bytes'] as const) {
    let sum = 0
    for (const counts of said.collected.values()) sum += counts[name]
    fields[name] = sum
  }
  return fields
}

/** The lines of the API's own announcements. */
export const API_LINES: LogEntries<'api' | 'collect' | 'preview' | 'registry'> = {
  'api.started': {
    level: 'info',
    say: ({ host, port, auth }) =>
      `The API answers on http://${host}:${port}${auth === 'open' ? ', to everybody who reaches it: PULSE_AUTH is open' : ' whoever shows a key'}`,
  },
  'api.stopped': { level: 'info', say: () => 'The API has stopped' },
  'api.request.finished': {
    level: requestLevel,
    say: ({ method, route, status }) =>
      status === LEFT
        ? `${method} ${route}: the client left before the answer`
        : `${method} ${route} answered ${status}`,
    fields: requestFields,
    error: ({ code, status }) =>
      status >= 400 ? { code: code ?? `status_${status}`, retryable: RETRYABLE.has(status) } : undefined,
    sameAs: sameRequest,
  },
  'api.request.shed': {
    level: 'warn',
    say: ({ reason }) => `A request was answered 503 to protect the others: ${reason}`,
    error: ({ reason }) => ({ code: reason, retryable: true }),
    sameAs: ({ reason }) => reason,
  },
  'api.auth.failed': { level: 'debug', say: ({ reason }) => `The tenant was not established: ${reason}` },
  'collect.refused': { level: 'debug', say: ({ code }) => `A collect request was refused: ${code}` },
  'collect.settled': {
    level: 'debug',
    say: ({ accepted, rejected, failed }) => `${events(accepted)} accepted, ${rejected} rejected, ${failed} failed`,
  },
  'collect.published': {
    level: ({ outcome }) => (outcome === 'ok' ? 'debug' : 'warn'),
    say: ({ records: count, outcome, detail }) =>
      `${records(count)} sent to the bus: ${outcome}${detail === undefined ? '' : `, ${detail}`}`,
    error: ({ outcome }) => (outcome === 'ok' ? undefined : { code: `publish_${outcome}`, retryable: true }),
    sameAs: ({ tenant, outcome }) => (outcome === 'ok' ? undefined : `${tenant} ${outcome}`),
  },
  'collect.clock.compared': { level: 'debug', say: ({ skewMs }) => `The first event is ${skewMs} ms from the clock` },
  'preview.finished': {
    level: ({ outcome }) => (outcome === 'error' || outcome === 'timeout' ? 'warn' : 'debug'),
    say: ({ rows: count, filesRead, outcome }) => `Preview: ${outcome}, ${rows(count)} from ${filesRead} files`,
    error: ({ outcome }) =>
      outcome === 'error' || outcome === 'timeout' ? { code: `preview_${outcome}`, retryable: true } : undefined,
    sameAs: ({ tenant, dataset, outcome }) =>
      outcome === 'error' || outcome === 'timeout' ? `${tenant} ${dataset} ${outcome}` : undefined,
  },
  'registry.changed': { level: 'info', say: ({ entity, action, id }) => `${entity} ${id} ${action}` },
}
