import { listen } from './announce.ts'
import { CANARY_OUTCOMES, CANARY_STAGES } from './catalog/canary.ts'
import type { Metrics } from './metrics.ts'
import { each } from './series.ts'

/** Turns the canary's announcements into its metrics. Answers a function that stops listening. */
export function listenCanary(metrics: Metrics): () => void {
  const sent = metrics.counter('pulse_canary_sent_total', {})
  const refused = metrics.counter('pulse_canary_refused_total', {})
  const strayed = metrics.counter('pulse_canary_strayed_total', {})
  const verified = each(CANARY_OUTCOMES, (outcome) => metrics.counter('pulse_canary_verified_total', { outcome }))
  const roundtrip = each(CANARY_STAGES, (stage) => metrics.histogram('pulse_canary_roundtrip_seconds', { stage }))
  let lastSuccessMs: number | undefined
  const stops = [
    metrics.read('pulse_canary_last_success_timestamp_seconds', () =>
      lastSuccessMs === undefined ? [] : [[{}, lastSuccessMs / 1000]],
    ),
    listen('canary.sent', ({ events, accepted }) => {
      sent.inc(accepted)
      refused.inc(events - accepted)
    }),
    listen('canary.verified', ({ outcomes }) => {
      for (const outcome of CANARY_OUTCOMES) verified[outcome].inc(outcomes[outcome])
    }),
    listen('canary.strayed', ({ events }) => strayed.inc(events)),
    listen('canary.returned', ({ acceptedMs, committedMs, previewedMs, startedAtMs }) => {
      roundtrip.accepted.observe(acceptedMs / 1000)
      roundtrip.committed.observe(committedMs / 1000)
      roundtrip.previewed.observe(previewedMs / 1000)
      lastSuccessMs = startedAtMs + previewedMs
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
