import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenCanary } from '../../src/telemetry/listen-canary.ts'
import { announce, openMetrics } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'
import { valuesOf } from '../kit/exposition.ts'

test('rounds, outcomes and strays are counted, and the last success is when it was read back', async (t) => {
  const metrics = openMetrics({ plane: 'canary', processMetrics: false })
  t.after(listenCanary(metrics))
  const values = async () => valuesOf((await metrics.exposition()).body)
  assert.equal((await values()).get('pulse_canary_last_success_timestamp_seconds{}'), undefined)
  announce('canary.sent', { round: 1, events: 5, accepted: 3, tookMs: 1, traceId: '' })
  announce(
    'canary.returned',
    said('canary.returned', { acceptedMs: 20, committedMs: 3000, previewedMs: 4000, startedAtMs: 10_000 }),
  )
  const outcomes = { exactly_once: 1, missing: 2, duplicated: 0, corrupted: 0, late: 0 }
  announce('canary.verified', { round: 1, outcomes, traceId: '' })
  announce('canary.strayed', { round: 1, events: 2, afterMs: 1, traceId: '' })
  const now = await values()
  for (const [key, value] of Object.entries({
    'pulse_canary_sent_total{}': 3,
    'pulse_canary_refused_total{}': 2,
    'pulse_canary_verified_total{outcome="exactly_once"}': 1,
    'pulse_canary_verified_total{outcome="missing"}': 2,
    'pulse_canary_verified_total{outcome="late"}': 0,
    'pulse_canary_strayed_total{}': 2,
    'pulse_canary_roundtrip_seconds_sum{stage="accepted"}': 0.02,
    'pulse_canary_roundtrip_seconds_sum{stage="committed"}': 3,
    'pulse_canary_roundtrip_seconds_sum{stage="previewed"}': 4,
    'pulse_canary_last_success_timestamp_seconds{}': 14,
  }))
    assert.equal(now.get(key), value, key)
})
