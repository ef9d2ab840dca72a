import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from '@prometheus-io/client'
import fc from 'fast-check'
import { contentTypeOf, render, type Given, type Instrument } from '../../src/telemetry/render.ts'
import { counterSeries, histogramSeries, type Labels } from '../../src/telemetry/series.ts'
import { readExposition } from '../kit/exposition.ts'
import { anySeed } from '../kit/seed.ts'

const EDGES = [0.005, 0.25, 1, 10_000]
const odd = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', 'a"b', 'a\nb', 'a\\', '\\n', 'x'.repeat(10_240), '{}="'),
)
const number = fc.oneof(fc.integer({ min: 0, max: 1e9 }), fc.double({ min: 0, max: 1e22, noNaN: true }))
const step = fc.record({
  kind: fc.constantFrom('count', 'set', 'observe'),
  labels: fc.tuple(odd, odd),
  value: number,
  weight: fc.integer({ min: 1, max: 9 }),
  sampled: fc.boolean(),
})

function instruments(): { registry: Registry; all: Record<'count' | 'set' | 'observe' | 'bare', Instrument> } {
  const registry = new Registry(Registry.OPENMETRICS_CONTENT_TYPE)
  const of = (name: string) => ({
    name,
    help: 'A sentence.\nAnother \\ one.',
    labelNames: name.startsWith('bare') ? [] : ['a', 'b'],
    registers: [registry],
  })
  const made = (name: string, kind: Instrument['kind'], metric: object): Instrument => ({
    name,
    kind,
    help: of(name).help,
    edges: EDGES,
    metric,
  })
  return {
    registry,
    all: {
      count: made('odd_total', 'counter', new Counter(of('odd_total'))),
      set: made('level', 'gauge', new Gauge(of('level'))),
      observe: made(
        'odd_seconds',
        'histogram',
        new Histogram({ ...of('odd_seconds'), buckets: EDGES, enableExemplars: true }),
      ),
      bare: made('bare_seconds', 'histogram', new Histogram({ ...of('bare_seconds'), buckets: EDGES })),
    },
  }
}

test('whatever is counted under whatever labels, both formats are what the client itself writes, byte for byte', async () => {
  const seed = anySeed()
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { registry, all } = instruments()
      for (const {
        kind,
        labels: [a, b],
        value,
        weight,
        sampled,
      } of steps) {
        const labels: Labels = { a, b }
        if (kind === 'count') counterSeries(all.count.metric as Counter<string>, labels).inc(value)
        if (kind === 'set') (all.set.metric as Gauge<string>).set({ ...labels }, value)
        if (kind === 'observe') {
          const exemplar = sampled ? { traceId: '1'.repeat(32), spanId: '2'.repeat(16) } : undefined
          histogramSeries(all.observe.metric as Histogram<string>, labels, EDGES, () => 12.5).observe(
            value,
            weight,
            exemplar,
          )
        }
      }
      const text = render(Object.values(all), [], false)
      const open = render(Object.values(all), [], true)
      readExposition(text)
      readExposition(open, 'openmetrics')
      registry.setContentType(contentTypeOf(false) as Parameters<Registry['setContentType']>[0])
      assert.equal(text, await registry.metrics())
      registry.setContentType(contentTypeOf(true) as Parameters<Registry['setContentType']>[0])
      assert.equal(open, await registry.metrics()) // last: the client renames its counters while it writes this
    }),
    { seed, numRuns: 60 },
  )
})

test('the series of the process come out as the client writes them, but for what changes from one reading to the next', async () => {
  for (const openMetrics of [false, true]) {
    const registry = new Registry(contentTypeOf(openMetrics) as typeof Registry.OPENMETRICS_CONTENT_TYPE)
    collectDefaultMetrics({ register: registry })
    const given = await Promise.all(
      (registry.getMetricsAsArray() as unknown as { get(): Promise<Given> }[]).map((metric) => metric.get()),
    )
    const masked = (body: string): string =>
      body.replace(/ (\S+)$/gm, (all, value: string) => (/^-?\d|an$|Inf$/i.test(value) ? ' #' : all))
    assert.equal(masked(render([], given, openMetrics)), masked(await registry.metrics()))
  }
})
