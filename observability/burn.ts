import type { RecordingGroup, Recording } from './rule.ts'
import { SLOS, type Slo } from './slos.ts'
import type { Duration } from './tempo.ts'

/**
 * Multi-window, multi-burn-rate alerting over 30 days: the long window says that it matters, the short one that it goes on.
 * 14.4 times the even rate spends 2 % of the budget in an hour, 6 times 5 % in six, 3 times 10 % in a day, 1 times 10 % in three.
 */
export interface Tier {
  readonly factor: number
  readonly long: Duration
  readonly short: Duration
  readonly wait: Duration
  readonly grade: 'page' | 'ticket'
}
export const TIERS: readonly Tier[] = [
  { factor: 14.4, long: '1h', short: '5m', wait: '3m', grade: 'page' },
  { factor: 6, long: '6h', short: '30m', wait: '5m', grade: 'page' },
  { factor: 3, long: '1d', short: '2h', wait: '15m', grade: 'ticket' },
  { factor: 1, long: '3d', short: '6h', wait: '15m', grade: 'ticket' },
]

/** What is recorded of each SLO, under `slo`. */
export const ERRORS = (window: Duration): string => `slo:pulse_errors:ratio_rate${window}`
export const EVENTS = 'slo:pulse_events:rate1h'
const BAD_5M = 'slo:pulse_bad_events:rate5m'
const EVENTS_5M = 'slo:pulse_events:rate5m'
export const OBJECTIVE = 'slo:pulse_objective:ratio'
export const BUDGET_LEFT = 'slo:pulse_budget_left:ratio30d'

const WINDOWS: readonly Duration[] = ['5m', '30m', '1h', '2h', '6h', '1d', '3d']
const isLong = (window: Duration): boolean => window.endsWith('d') || window === '6h'

const of = (slo: Slo, record: string, expr: Recording['expr']): Recording => ({
  record,
  expr,
  labels: { slo: slo.slug },
  carries: ['slo'],
})
const ratioOver =
  (slo: Slo, window: Duration): Recording['expr'] =>
  (tempo) =>
    `${slo.bad(tempo.window(window))} / ${slo.all(tempo.window(window))}`

/** Ratios for the burn alerts, and what is left of each budget. */
export const SLO_GROUPS: readonly RecordingGroup[] = [
  {
    name: 'pulse-slo',
    rules: SLOS.flatMap((slo) => [
      of(slo, OBJECTIVE, () => `vector(${slo.objective})`),
      of(slo, EVENTS, (tempo) => slo.all(tempo.window('1h'))),
      of(slo, EVENTS_5M, (tempo) => slo.all(tempo.window('5m'))),
      of(slo, BAD_5M, (tempo) => slo.bad(tempo.window('5m'))),
      ...WINDOWS.filter((window) => !isLong(window)).map((window) => of(slo, ERRORS(window), ratioOver(slo, window))),
    ]),
  },
  {
    name: 'pulse-slo-long',
    every: '1m',
    rules: SLOS.flatMap((slo) =>
      WINDOWS.filter(isLong).map((window) => of(slo, ERRORS(window), ratioOver(slo, window))),
    ),
  },
  {
    // Thirty days of counters would be read each time; what was recorded of them is two series.
    name: 'pulse-slo-budget',
    every: '5m',
    rules: SLOS.map((slo) =>
      of(slo, BUDGET_LEFT, (tempo) => {
        const over = (record: string): string => `sum_over_time(${record}{slo="${slo.slug}"}[${tempo.window('30d')}])`
        return `1 - (sum(${over(BAD_5M)}) / sum(${over(EVENTS_5M)})) / ${trim(1 - slo.objective)}`
      }),
    ),
  },
]

/** Without the dust of binary fractions: 0.001, not 0.0010000000000000009. */
export const trim = (value: number): string => String(Number(value.toPrecision(6)))
