import assert from 'node:assert/strict'
import { createHistogram } from 'node:perf_hooks'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { openMetrics } from '../../src/telemetry/index.ts'
import { crowd, EACH } from '../kit/crowd.ts'
import { readExposition, sumOf } from '../kit/exposition.ts'

/** The longest time, in milliseconds, that the event loop did not come round while `act` ran. */
async function longestGap(act: () => Promise<unknown>): Promise<number> {
  const gaps = createHistogram()
  let isOver = false
  const done = act().finally(() => (isOver = true))
  let last = performance.now()
  while (!isOver) {
    await turn()
    const now = performance.now()
    gaps.record(Math.max(1, Math.round((now - last) * 1000)))
    last = now
  }
  await done
  return gaps.max / 1000
}

test('ten thousand tenants: a scrape is under five thousand series, holds the loop for moments, and its sums are exact', async (t) => {
  const metrics = openMetrics({ plane: 'worker' })
  const tenants = 10_000
  crowd(t, metrics, { tenants, datasets: 1 })
  for (const accept of ['text/plain', 'application/openmetrics-text']) {
    for (let at = 0; at < 5; at += 1) await metrics.exposition(accept) // compiled, as in a process that has been scraped before
    const gaps: number[] = []
    for (let at = 0; at < 9; at += 1) gaps.push(await longestGap(() => metrics.exposition(accept)))
    gaps.sort((a, b) => a - b)
    // What else runs on the machine only ever adds: the least is what the scrape itself costs.
    const [least = Infinity, usual = Infinity] = [gaps[0], gaps[4]]
    t.diagnostic(`${accept}: the loop was held for ${least.toFixed(1)} ms, usually ${usual.toFixed(1)} ms`)
    const slowness = Number(process.env['TEST_SLOWNESS'] ?? 1)
    assert.ok(least < 20 * slowness, `${least} ms at best`)
    assert.ok(usual < 50 * slowness, `${usual} ms usually`)
  }
  const { body } = await metrics.exposition()
  const series = [...readExposition(body).values()].reduce((sum, { samples }) => sum + samples.length, 0)
  t.diagnostic(`${series} series, ${body.length} bytes`)
  assert.ok(series < 5_000, `${series} series`)
  assert.equal(sumOf(body, 'pulse_worker_events_consumed_total'), tenants * EACH.consumed)
  assert.equal(sumOf(body, 'pulse_worker_events_appended_total'), tenants * EACH.rows)
  assert.equal(sumOf(body, 'pulse_worker_events_dlq_total'), tenants * EACH.deadLetters)
  assert.equal(sumOf(body, 'pulse_worker_buffer_rows'), tenants)
  assert.equal(sumOf(body, 'pulse_worker_batch_flush_seconds_count'), tenants)
})

test('two thousand tenants with ten datasets each leave no more series than two hundred do', async (t) => {
  const metrics = openMetrics({ plane: 'worker', processMetrics: false })
  crowd(t, metrics, { tenants: 200, datasets: 10 })
  const { body } = await metrics.exposition()
  const first = body.split('\n').length
  crowd(t, metrics, { tenants: 2_000, datasets: 10 })
  assert.equal((await metrics.exposition()).body.split('\n').length, first)
})
