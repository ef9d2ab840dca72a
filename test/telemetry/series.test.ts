import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Histogram, Registry } from '@prometheus-io/client'
import fc from 'fast-check'
import { counterSeries, histogramSeries } from '../../src/telemetry/series.ts'
import { anySeed } from '../kit/seed.ts'

const EDGES = [0.1, 1, 10]
const histogram = () =>
  new Histogram({ name: 'h_seconds', help: 'h', labelNames: ['a'], buckets: EDGES, registers: [new Registry()] })

test('an observation of weight n is n observations', async () => {
  const seed = anySeed()
  const point = fc.record({
    value: fc.double({ min: 0, max: 20, noNaN: true }),
    weight: fc.integer({ min: 1, max: 50 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(point, { maxLength: 30 }), async (points) => {
      const [one, many] = [histogram(), histogram()]
      const series = histogramSeries(many, { a: 'x' }, EDGES, () => 0)
      one.zero({ a: 'x' })
      for (const { value, weight } of points) {
        series.observe(value, weight)
        for (let at = 0; at < weight; at += 1) one.observe({ a: 'x' }, value)
      }
      const [left, right] = [(await one.get()).values, (await many.get()).values]
      assert.equal(left.length, right.length)
      for (const [at, { value, labels, metricName }] of left.entries()) {
        assert.deepEqual([right[at]?.labels, right[at]?.metricName], [labels, metricName])
        const other = right[at]?.value ?? Number.NaN
        // Only the sum is of fractions, which add up in another order.
        if (metricName === 'h_seconds_sum') assert.ok(Math.abs(value - other) <= 1e-9 * Math.max(1, value))
        else assert.equal(other, value)
      }
    }),
    { seed, numRuns: 60 },
  )
})

test('what is no number is not counted, and an edge belongs to its bucket', async () => {
  const metric = histogram()
  const series = histogramSeries(metric, { a: 'x' }, EDGES, () => 0)
  for (const value of [Number.NaN, Infinity, -Infinity]) series.observe(value)
  for (const weight of [0, -1, Number.NaN]) series.observe(1, weight)
  series.observe(1)
  const { values } = await metric.get()
  assert.deepEqual(
    values.map(({ value }) => value),
    [0, 1, 1, 1, 1, 1],
  )
})

test('two holders of one label set count together, and a counter never falls', async () => {
  const counter = new Counter({ name: 'c_total', help: 'c', labelNames: ['a'], registers: [new Registry()] })
  const [left, right] = [counterSeries(counter, { a: 'x' }), counterSeries(counter, { a: 'x' })]
  left.inc()
  right.inc(2.5)
  for (const odd of [-1, Number.NaN, Infinity]) left.inc(odd)
  assert.deepEqual((await counter.get()).values, [{ labels: { a: 'x' }, value: 3.5 }])
})
