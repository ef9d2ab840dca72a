import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { listenProcess } from '../../src/telemetry/listen-process.ts'
import { announce, openMetrics, resourceOf } from '../../src/telemetry/index.ts'
import { valuesOf } from '../kit/exposition.ts'

test('what runs, its lines, spans, transactions and checks are told by every plane', async (t) => {
  for (const plane of ['api', 'worker', 'canary'] as const) {
    const metrics = openMetrics({ plane, processMetrics: false })
    const ours = listenProcess(metrics, resourceOf(plane), { commit: 'abc', configHash: '0123456789ab' })
    t.after(ours.stop)
    ours.line('warn')
    ours.exported(512)
    announce('telemetry.spans.lost', { reason: 'dropped_queue', spans: 9, detail: '' })
    announce('log.lines.dropped', { lines: 4 })
    announce('dependency.checked', { dependency: 'postgres', isUp: true, tookMs: 3 })
    announce('store.transaction.finished', { query: 'commit', outcome: 'ok', startedAtMs: 0, tookMs: 40 })
    const now = valuesOf((await metrics.exposition()).body)
    const node = process.versions.node
    const expected: Record<string, number | undefined> = {
      [`pulse_build_info{commit="abc",node="${node}",plane="${plane}",version="${resourceOf(plane).version}"}`]: 1,
      'pulse_config_info{hash="0123456789ab"}': 1,
      [`pulse_log_lines_total{level="warn",plane="${plane}"}`]: 1,
      [`pulse_log_lines_total{level="error",plane="${plane}"}`]: 0,
      'pulse_log_lines_dropped_total{}': 4,
      'pulse_telemetry_spans_total{outcome="exported"}': 512,
      'pulse_telemetry_spans_total{outcome="dropped_queue"}': 9,
      'pulse_dependency_check_seconds_count{dependency="postgres"}': 1,
      'pulse_db_query_seconds_sum{query="commit"}': plane === 'canary' ? undefined : 0.04,
    }
    for (const [key, value] of Object.entries(expected)) assert.equal(now.get(key), value, `${plane}: ${key}`)
    ours.stop()
  }
})

test('how busy the event loop was is said of the time since the scrape before', async (t) => {
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  const ours = listenProcess(metrics, resourceOf('api'), { commit: 'abc', configHash: '0123456789ab' })
  t.after(ours.stop)
  const busy = async (): Promise<number> =>
    valuesOf((await metrics.exposition()).body).get('pulse_process_event_loop_utilization_ratio{}') ?? Number.NaN
  await setTimeout(20)
  await busy()
  const until = performance.now() + 100
  while (performance.now() < until);
  // The loop's own books are made up when it comes round.
  await setImmediate()
  const after = await busy()
  assert.ok(after > 0.8 && after <= 1, `${after} after a tenth of a second of work`)
  await setTimeout(300)
  const idle = await busy()
  assert.ok(idle >= 0 && idle < 0.5, `${idle} after waiting`)
})
