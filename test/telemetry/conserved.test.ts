import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SILENCE_MS } from '../../src/telemetry/slots.ts'
import { announce, listenWorker, openMetrics } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'
import { valuesOf } from '../kit/exposition.ts'
import { anySeed } from '../kit/seed.ts'

const MINUTE = 60_000
const tenant = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', '_unknown', 'No Slug', 'q"\n')
const dataset = fc.constantFrom('x', 'y', 'z', '_unknown', '"')
const events = fc.nat({ max: 5_000 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('consumed' as const), tenant, dataset, events }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('dlq' as const), tenant, dataset, events }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('flushed' as const), tenant, dataset, events }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('later' as const), minutes: fc.integer({ min: 5, max: 75 }) }),
  },
)
/** One tenant is alone for more than an hour, and heavy: if it came too late, somebody's place is now its own. */
const alone = fc.tuple(tenant, dataset).map(([who, what]) =>
  Array.from({ length: 8 }, () => [
    { kind: 'later' as const, minutes: 10 },
    { kind: 'consumed' as const, tenant: who, dataset: what, events: 4_000 },
  ]).flat(),
)
const course = fc
  .array(fc.oneof({ weight: 12, arbitrary: step.map((one) => [one]) }, { weight: 3, arbitrary: alone }), {
    minLength: 10,
    maxLength: 40,
    size: 'max',
  })
  .map((parts) => parts.flat())
const limits = fc.record({
  tenants: fc.integer({ min: 1, max: 5 }),
  datasets: fc.integer({ min: 1, max: 40 }),
  pinned: fc.subarray(['a', 'g']),
})

/** The law's metrics, and how an announcement adds to each. */
const COUNTED = {
  pulse_worker_events_consumed_total: 'consumed',
  pulse_worker_events_dlq_total: 'dlq',
  pulse_worker_events_appended_total: 'flushed',
  pulse_worker_batch_flush_seconds_count: 'flushes',
} as const
type Counted = keyof typeof COUNTED
const METRIC_OF = {
  consumed: 'pulse_worker_events_consumed_total',
  dlq: 'pulse_worker_events_dlq_total',
  flushed: 'pulse_worker_events_appended_total',
} as const

/** What carries a tenant, by the text before its value: a scrape is read at every step, and quickly. */
const seriesOf = (body: string): Map<string, number> =>
  new Map(
    body.split('\n').flatMap((line) => {
      const at = line.lastIndexOf(' ')
      return line.includes('tenant="') ? [[line.slice(0, at), Number(line.slice(at))] as const] : []
    }),
  )
const tenantsOf = (series: ReadonlyMap<string, number>): Set<string> =>
  new Set([...series.keys()].flatMap((key) => /^pulse_tenant_bucket_info\{tenant="([a-z][^"]*)"/.exec(key)?.[1] ?? []))

test('at every step the sum over all series, and what was retired, is the truth; each increment is in one series', async () => {
  const seed = anySeed()
  let demoted = 0
  await fc.assert(
    fc.asyncProperty(limits, course, async (bound, steps) => {
      let now = 0
      const metrics = openMetrics({ plane: 'worker', processMetrics: false, limits: bound, now: () => now })
      const stop = listenWorker(metrics)
      const truth = { consumed: 0, dlq: 0, flushed: 0, flushes: 0 }
      const lastSeen = new Map<string, number>()
      const scrape = async () => seriesOf((await metrics.exposition()).body)
      try {
        let before = await scrape()
        for (const one of steps) {
          if (one.kind === 'later') now += one.minutes * MINUTE
          else {
            const of = { tenant: one.tenant, dataset: one.dataset }
            truth[one.kind] += one.events
            lastSeen.set(one.tenant, now)
            if (one.kind === 'consumed')
              announce('worker.records.consumed', said('worker.records.consumed', { ...of, records: one.events }))
            if (one.kind === 'dlq')
              announce('worker.events.dead_lettered', { ...of, reason: 'invalid', events: one.events })
            if (one.kind === 'flushed') {
              truth.flushes += 1
              announce('worker.flush.committed', said('worker.flush.committed', { ...of, rows: one.events }))
            }
          }
          const after = await scrape()
          for (const metric of Object.keys(COUNTED) as Counted[]) {
            let sum = metrics.retired(metric.replace('_seconds_count', '_seconds') as 'pulse_worker_events_dlq_total')
            for (const [key, value] of after) if (key.startsWith(`${metric}{`)) sum += value
            assert.equal(sum, truth[COUNTED[metric]], metric)
          }
          if (one.kind !== 'later') {
            const grown = [...after].filter(
              ([key, value]) => key.startsWith(`${METRIC_OF[one.kind]}{`) && value !== (before.get(key) ?? 0),
            )
            assert.deepEqual(
              grown.map(([key, value]) => value - (before.get(key) ?? 0)),
              one.events === 0 ? [] : [one.events],
            )
          }
          const named = tenantsOf(after)
          assert.ok(named.size <= Math.max(bound.tenants, bound.pinned.length), `${named.size} tenants`)
          for (const pinned of bound.pinned) assert.ok(named.has(pinned), `${pinned} is pinned`)
          for (const gone of tenantsOf(before)) {
            if (named.has(gone)) continue
            demoted += 1
            assert.ok(now - (lastSeen.get(gone) ?? -Infinity) >= SILENCE_MS, `${gone} was seen within the hour`)
            assert.ok(![...after.keys()].some((key) => key.includes(`"${gone}"`)), `series of ${gone} are left`)
          }
          before = after
        }
      } finally {
        stop()
      }
    }),
    { seed, numRuns: Number(process.env['TEST_RUNS'] ?? 10) },
  )
  assert.ok(demoted > 0, `no place changed hands with seed ${seed}: this has shown nothing`)
})

test('places change hands: who came too late and is heavy gets the place of who fell silent', async (t) => {
  let now = 0
  const metrics = openMetrics({
    plane: 'worker',
    processMetrics: false,
    limits: { tenants: 2, datasets: 20, pinned: [] },
    now: () => now,
  })
  t.after(listenWorker(metrics))
  const consume = (slug: string, records: number): void =>
    announce('worker.records.consumed', said('worker.records.consumed', { tenant: slug, dataset: 'x', records }))
  const named = async () => [...tenantsOf(seriesOf((await metrics.exposition()).body))].sort()
  consume('old', 1000)
  consume('busy', 10)
  consume('new', 500)
  assert.deepEqual(await named(), ['busy', 'old'])
  for (let minutes = 10; minutes <= 60; minutes += 10) {
    now = minutes * MINUTE
    consume('busy', 10)
    consume('new', 500)
    assert.deepEqual(await named(), ['busy', 'old'], `after ${minutes} minutes`)
  }
  now = 70 * MINUTE
  assert.deepEqual(await named(), ['busy', 'new'])
  const before = valuesOf((await metrics.exposition()).body)
  assert.equal(
    before.get('pulse_worker_events_dlq_total{reason="invalid",tenant="new"}'),
    0,
    'born at zero before it counts',
  )
  consume('new', 7)
  const after = valuesOf((await metrics.exposition()).body)
  assert.equal(after.get('pulse_worker_events_consumed_total{dataset="x",tenant="new"}'), 7)
  assert.equal(metrics.retired('pulse_worker_events_consumed_total'), 1000)
})
