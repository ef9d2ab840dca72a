import { FRESHNESS_SECONDS } from './buckets.ts'
import { counter, gauge, histogram } from './entry.ts'

export const CANARY_OUTCOMES = ['exactly_once', 'missing', 'duplicated', 'corrupted', 'late'] as const
export type CanaryOutcome = (typeof CANARY_OUTCOMES)[number]
export const CANARY_STAGES = ['accepted', 'committed', 'previewed'] as const

/** The canary: a client of its own that sends events in at the public door and reads them back. */
export const CANARY_METRICS = {
  pulse_canary_sent_total: counter('canary', 'integrity', {}, 'Canary events that the API accepted.'),
  pulse_canary_refused_total: counter('canary', 'integrity', {}, 'Canary events that the API did not accept.'),
  pulse_canary_verified_total: counter(
    'canary',
    'integrity',
    { outcome: CANARY_OUTCOMES },
    'Canary events by what was read back. late: right, but after the objective of freshness.',
  ),
  pulse_canary_strayed_total: counter(
    'canary',
    'integrity',
    {},
    'Canary events that were told as missing and were read back after all.',
  ),
  pulse_canary_missing_events: gauge(
    'canary',
    'integrity',
    {},
    'Canary events told as missing, not read back since, and still looked for.',
  ),
  pulse_canary_roundtrip_seconds: histogram(
    'canary',
    'freshness',
    { stage: CANARY_STAGES },
    FRESHNESS_SECONDS,
    'Time from before the send to the 202, to the commit of the snapshot, and to the preview that showed the events.',
  ),
  pulse_canary_last_success_timestamp_seconds: gauge(
    'canary',
    'home',
    {},
    'When a round was last read back whole, exactly once.',
    'max',
  ),
} as const
