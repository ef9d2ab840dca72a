import { series } from '../query.ts'
import { NUMBER, type Alert } from './alert.ts'

const grown = (selector: string, what: string, window: string): string =>
  `label_replace(sum by (job) (increase(${selector}[${window}])) > 0, "what", "${what}", "", "")`

/** The window's own panes. */
export const TELEMETRY_ALERTS: readonly Alert[] = [
  {
    name: 'PulseTelemetryLossy',
    // Not the overflow into `_other`: that is how many tenants are bounded, and loses nothing.
    expr: ({ window }) =>
      [
        grown(series('pulse_telemetry_spans_total', { outcome: ['dropped_queue', 'failed'] }), 'spans', window('15m')),
        'or',
        grown(series('pulse_log_lines_dropped_total'), 'log lines', window('15m')),
      ].join('\n'),
    wait: '15m',
    grade: 'ticket',
    carries: ['job', 'what'],
    summary: '{{ $labels.job }} loses {{ $labels.what }}',
    description: `${NUMBER} {{ $labels.what }} of {{ $labels.job }} were lost in the last 15 min, and that for 15 min. Events are not touched by it.`,
    dashboard: 'telemetry',
  },
]
