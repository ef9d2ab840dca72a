import { events, fieldsOf, type LogEntries } from './log-entry.ts'
import type { Announcements } from './announce.ts'

type Verified = Announcements['canary.verified']

/** The worst that became of a round's events. */
const worstOf = ({ outcomes }: Verified): string | undefined =>
  (['missing', 'corrupted', 'duplicated', 'late'] as const).find((outcome) => outcomes[outcome] > 0)

/** An Error's stack begins with its class: `TypeError: …`. */
const typeOf = (stack: string | undefined): string | undefined => /^([A-Za-z]\w{0,80})(?::|\n|$)/.exec(stack ?? '')?.[1]

/** The reserved tenant whose events the canary sends. */
const asCanary = (said: object): Record<string, unknown> => ({ tenant: 'pulse-canary', ...fieldsOf(said) })

/** The lines that any process may write: about its places, its canary, its telemetry, itself. */
export const PROCESS_LINES: LogEntries<
  'bus' | 'dependency' | 'store' | 'lake' | 'canary' | 'telemetry' | 'log' | 'process'
> = {
  'bus.topics.remade': {
    level: 'warn',
    say: ({ topic }) => `The bus did not know ${topic}: it was made anew, and what the bus had before is not in it`,
    error: () => ({ code: 'topic_missing', retryable: true }),
  },
  'bus.recovered': { level: 'info', say: ({ detail }) => `The embedded bus has recovered: ${detail}` },
  'bus.storage.failed': {
    level: 'error',
    say: ({ detail }) => `The embedded bus cannot keep what it is given: ${detail}`,
    error: () => ({ code: 'storage', retryable: true }),
    sameAs: () => 'storage',
  },
  'dependency.away': {
    level: 'error',
    say: ({ dependency, detail }) => `${dependency} is away: ${detail}`,
    error: () => ({ code: 'dependency_away', retryable: true }),
    sameAs: ({ dependency }) => dependency,
  },
  'dependency.back': { level: 'info', say: ({ dependency }) => `${dependency} is back` },
  'dependency.checked': {
    level: 'debug',
    say: ({ dependency, isUp }) => `${dependency} ${isUp ? 'answers' : 'is away'}`,
  },
  'store.transaction.finished': {
    level: 'debug',
    say: ({ query, outcome }) => `Transaction ${query}: ${outcome}`,
  },
  'lake.call.finished': {
    level: 'debug',
    say: ({ operation, outcome }) => `Object store ${operation}: ${outcome}`,
  },
  'canary.started': {
    level: 'info',
    say: ({ events: count, everySeconds }) => `The canary sends ${events(count)} every ${everySeconds} s`,
    fields: asCanary,
  },
  'canary.sent': {
    level: 'debug',
    say: ({ accepted, events: count }) => `${accepted} of ${events(count)} accepted`,
    fields: asCanary,
  },
  'canary.returned': {
    level: 'info',
    say: ({ events: count, previewedMs }) => `${events(count)} came back within ${Math.round(previewedMs)} ms`,
    fields: asCanary,
  },
  'canary.verified': {
    level: (said) => {
      const worst = worstOf(said)
      return worst === undefined ? 'debug' : worst === 'late' ? 'warn' : 'error'
    },
    say: (said) => said.detail ?? `${events(said.outcomes.exactly_once)} came back exactly once`,
    fields: asCanary,
    error: (said) => {
      const code = worstOf(said)
      return code === undefined ? undefined : { code, retryable: false }
    },
  },
  'canary.strayed': {
    level: 'warn',
    say: ({ events: count, afterMs }) =>
      `${events(count)} that had been told as missing came after ${Math.round(afterMs / 1000)} s`,
    fields: asCanary,
    error: () => ({ code: 'strayed', retryable: false }),
  },
  'canary.hindered': {
    level: 'warn',
    say: ({ detail }) => `The canary cannot do its round: ${detail}`,
    fields: asCanary,
    error: ({ code }) => ({ code, retryable: true }),
    sameAs: ({ code }) => code,
  },
  'telemetry.spans.lost': {
    level: 'warn',
    say: ({ spans, detail }) => `${spans} spans were lost: ${detail}`,
    error: ({ reason }) => ({ code: reason, retryable: false }),
    sameAs: ({ reason }) => reason,
  },
  // As loud as what may be among the lost lines.
  'log.lines.dropped': {
    level: 'error',
    say: ({ lines }) => `${lines} log lines were lost: standard output was not read fast enough`,
    error: () => ({ code: 'lines_dropped', retryable: false }),
  },
  'process.defect': {
    level: 'error',
    say: ({ where, detail }) => `A defect in ${where}: ${detail}`,
    fields: ({ stack: _stack, ...rest }) => fieldsOf(rest),
    error: ({ stack }) => ({ code: 'internal', type: typeOf(stack), retryable: false, stack }),
    sameAs: ({ where, detail }) => `${where} ${detail}`,
  },
}
