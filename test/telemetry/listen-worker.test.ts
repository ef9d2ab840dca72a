import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { DEAD_LETTER_REASONS } from '../../src/event/index.ts'
import { announce, listenWorker, openMetrics } from '../../src/telemetry/index.ts'
import { openBounds } from '../../src/telemetry/bounds.ts'

function listening(t: TestContext, limits = { tenants: 60, pairs: 100 }) {
  const metrics = openMetrics({ plane: 'worker', processMetrics: false })
  const stop = listenWorker(metrics, openBounds(limits))
  t.after(stop)
  return { metrics, stop, sum: (name: string) => sumOf(metrics.exposition(), name) }
}

/** The sum over all series of a metric. */
async function sumOf(exposition: Promise<{ body: string }>, name: string): Promise<number> {
  const { body } = await exposition
  return [...body.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  )
}

test('each announcement moves its own metric, by as much as it says', async (t) => {
  const { metrics } = listening(t)
  const of = { tenant: 'acme', dataset: 'clicks' }
  announce('worker.records.consumed', { ...of, records: 7, bytes: 700 })
  announce('worker.duplicates.dropped', { ...of, events: 2 })
  announce('worker.events.dead_lettered', { ...of, reason: 'invalid', events: 1 })
  announce('worker.flush.failed', { ...of, flushId: 'f', code: 'x', detail: '', retryInMs: 1 })
  announce('worker.buffer.changed', { ...of, rows: 4 })
  announce('worker.flush.committed', {
    ...of,
    flushId: 'f',
    table: 't',
    snapshotId: '1',
    records: 7,
    rows: 4,
    duplicates: 2,
    deadLetters: 1,
    files: 1,
    bytes: 9,
    tookMs: 300,
    offsets: [],
    attempts: 1,
  })
  const { body } = await metrics.exposition()
  for (const line of [
    'pulse_worker_events_consumed_total{tenant="acme",dataset="clicks"} 7',
    'pulse_worker_duplicates_dropped_total{tenant="acme"} 2',
    'pulse_worker_events_dlq_total{tenant="acme",reason="invalid"} 1',
    'pulse_worker_iceberg_append_errors_total{tenant="acme",dataset="clicks"} 1',
    'pulse_worker_buffer_rows{tenant="acme",dataset="clicks"} 4',
    'pulse_worker_batch_flush_seconds_bucket{le="0.25",tenant="acme",dataset="clicks"} 0',
    'pulse_worker_batch_flush_seconds_bucket{le="0.5",tenant="acme",dataset="clicks"} 1',
    'pulse_worker_batch_flush_seconds_sum{tenant="acme",dataset="clicks"} 0.3',
  ])
    assert.ok(body.includes(`${line}\n`), line)
})

test('the series of a tenant and a dataset are all born at zero when either is first heard of', async (t) => {
  const { metrics } = listening(t)
  announce('worker.records.consumed', { tenant: 'acme', dataset: 'clicks', records: 0, bytes: 0 })
  const { body } = await metrics.exposition()
  for (const reason of DEAD_LETTER_REASONS) assert.ok(body.includes(`dlq_total{tenant="acme",reason="${reason}"} 0\n`))
  for (const name of ['iceberg_append_errors_total', 'buffer_rows', 'batch_flush_seconds_count']) {
    assert.ok(body.includes(`pulse_worker_${name}{tenant="acme",dataset="clicks"} 0\n`), name)
  }
  assert.ok(body.includes('pulse_worker_duplicates_dropped_total{tenant="acme"} 0\n'))
})

test('sums over all series are the truth, however many tenants overflow', async (t) => {
  const slug = fc.stringMatching(/^[a-z][a-z0-9]?$/)
  const step = fc.tuple(slug, slug, fc.nat({ max: 50 }), fc.nat({ max: 50 }))
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { sum, stop } = listening(t, { tenants: 3, pairs: 4 })
      const buffered = new Map<string, number>()
      let consumed = 0
      for (const [tenant, dataset, records, rows] of steps) {
        consumed += records
        buffered.set(`${tenant}/${dataset}`, rows)
        announce('worker.records.consumed', { tenant, dataset, records, bytes: 0 })
        announce('worker.buffer.changed', { tenant, dataset, rows })
      }
      stop()
      const inBuffers = [...buffered.values()].reduce((total, rows) => total + rows, 0)
      assert.equal(await sum('pulse_worker_events_consumed_total'), consumed)
      assert.equal(await sum('pulse_worker_buffer_rows'), inBuffers)
    }),
    { numRuns: 40 },
  )
})

test('ten thousand tenants leave a scrape under five thousand series', async (t) => {
  const { metrics } = listening(t)
  for (let at = 0; at < 10_000; at += 1) {
    announce('worker.records.consumed', { tenant: `tenant-${at}`, dataset: 'clicks', records: 1, bytes: 1 })
  }
  const { body } = await metrics.exposition()
  const series = body.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
  assert.ok(series < 5_000, `${series} series`)
  assert.match(body, /pulse_worker_events_consumed_total\{tenant="_other",dataset="_other"\} 9940/)
})
