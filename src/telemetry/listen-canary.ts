import { listen } from './announce.ts'
import { CANARY_OUTCOMES, CANARY_STAGES } from './catalog/canary.ts'
import type { Metrics } from './metrics.ts'

/** Turns the canary's announcements into its metrics, all born at zero. Answers a function that stops listening. */
export function listenCanary(metrics: Metrics): () => void {
  const sent = metrics.counter('pulse_canary_sent_total')
  const refused = metrics.counter('pulse_canary_refused_total')
  const verified = metrics.counter('pulse_canary_verified_total')
  const roundtrip = metrics.histogram('pulse_canary_roundtrip_seconds')
  for (const outcome of CANARY_OUTCOMES) verified.inc({ outcome }, 0)
  for (const stage of CANARY_STAGES) roundtrip.zero({ stage })
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
      for (const outcome of CANARY_OUTCOMES) if (outcomes[outcome] > 0) verified.inc({ outcome }, outcomes[outcome])
    }),
    listen('canary.returned', ({ acceptedMs, committedMs, previewedMs, startedAtMs }) => {
      roundtrip.observe({ stage: 'accepted' }, acceptedMs / 1000)
      roundtrip.observe({ stage: 'committed' }, committedMs / 1000)
      roundtrip.observe({ stage: 'previewed' }, previewedMs / 1000)
      lastSuccessMs = startedAtMs + previewedMs
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
