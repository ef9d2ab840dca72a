import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { METRICS, announce, listen, listenWorker, openMetrics } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'
import { readExposition, sumOf, valuesOf } from '../kit/exposition.ts'

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const PLANES = ['api', 'worker', 'canary'] as const

const pulseOnly = (plane: (typeof PLANES)[number]) => openMetrics({ plane, processMetrics: false })
/** Without what a scrape says of the one before it. */
const still = (body: string): string => body.replace(/^pulse_telemetry_scrape_.*\n/gm, '')

test('both formats say the same, and a scrape of one changes nothing in the next of the other', async () => {
  for (const plane of PLANES) {
    const metrics = pulseOnly(plane)
    const before = await metrics.exposition('text/plain')
    for (const accept of [PROMETHEUS_2, PROMETHEUS_3]) {
      const open = await metrics.exposition(accept)
      assert.match(open.contentType, /^application\/openmetrics-text; version=1\.0\.0/)
      assert.deepEqual(
        [...valuesOf(still(open.body), 'openmetrics').keys()].sort(),
        [...valuesOf(still(before.body)).keys()].sort(),
      )
    }
    const after = await metrics.exposition('text/plain')
    assert.equal(still(after.body), still(before.body))
    assert.match(before.contentType, /^text\/plain; version=0\.0\.4/)
    assert.equal(Buffer.from(after.bytes).toString(), after.body)
  }
})

test('whatever a scraper accepts, it is answered in one of the two formats, whole', async () => {
  const metrics = pulseOnly('canary')
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(PROMETHEUS_2, PROMETHEUS_3, '*/*', 'image/png', '')),
      async (accept) => {
        const { body, contentType } = await metrics.exposition(accept)
        readExposition(body, contentType.startsWith('text/') ? 'text' : 'openmetrics')
      },
    ),
    { numRuns: 30 },
  )
})

test('a hundred scrapers of both formats at once share two renderings, each its own format', async () => {
  const metrics = openMetrics({ plane: 'api' })
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => metrics.exposition(at % 2 === 0 ? PROMETHEUS_2 : undefined)),
  )
  assert.equal(new Set(answers).size, 2)
  assert.equal(new Set(answers.map(({ bytes }) => bytes)).size, 2)
  for (const [at, { body, contentType }] of answers.entries()) {
    readExposition(body, at % 2 === 0 ? 'openmetrics' : 'text')
    assert.equal(contentType.startsWith('application/openmetrics-text'), at % 2 === 0)
  }
  assert.notEqual(await metrics.exposition(), answers[1], 'who comes later is told what is so then')
})

test('a process whose CPU clock has stepped back costs one scrape that one series, is told, and the next has it again', async (t) => {
  const metrics = openMetrics({ plane: 'canary' })
  const defects: string[] = []
  t.after(listen('process.defect', ({ detail }) => defects.push(detail)))
  const real = process.cpuUsage()
  const { mock } = t.mock.method(process, 'cpuUsage', () => ({ user: real.user - 1_000_000, system: 0 }))
  const { body } = await metrics.exposition()
  assert.match(body, /^process_start_time_seconds /m)
  assert.match(body, /^pulse_canary_sent_total 0$/m)
  assert.ok(!/^process_cpu_user_seconds_total /m.test(body))
  assert.equal(defects.length, 1)
  mock.restore()
  assert.match((await metrics.exposition()).body, /^process_cpu_user_seconds_total /m)
})

test('a plane exports the metrics of its own in the catalogue and refuses the other plane’s', async () => {
  for (const plane of PLANES) {
    const families = readExposition((await pulseOnly(plane).exposition()).body)
    const expected = Object.entries(METRICS).filter(([, { planes }]) => (planes as readonly string[]).includes(plane))
    assert.deepEqual(
      [...families.values()].map(({ name, type, help }) => [name, type, help]),
      expected.map(([name, { kind, help }]) => [name, kind, help]),
    )
  }
  assert.throws(() => pulseOnly('api').read('pulse_worker_lag_seconds', () => []), /not a gauge of the api plane/)
  assert.throws(() => pulseOnly('worker').counter('pulse_canary_sent_total', {}), /not a metric of the worker plane/)
})

test('the very first scrape has every closed label set of every counter and histogram, at zero', async () => {
  for (const plane of PLANES) {
    const { body } = await pulseOnly(plane).exposition()
    const values = valuesOf(body)
    for (const [name, entry] of Object.entries(METRICS)) {
      if (entry.kind === 'gauge' || !(entry.planes as readonly string[]).includes(plane)) continue
      const rules = Object.entries<string | readonly string[]>(entry.labels)
      // Routes come from the table of routes (listen-api.test.ts), metrics and their labels are told of below.
      if (rules.some(([, rule]) => ['route', 'status', 'metric'].includes(rule as string))) continue
      let sets: string[][] = [[]]
      for (const [label, rule] of rules) {
        const all = typeof rule === 'string' ? ['_other', '_unknown'] : label === 'plane' ? [plane] : rule
        sets = sets.flatMap((set) => all.map((value) => [...set, `${label}="${value}"`]))
      }
      for (const set of sets) {
        // A pair is `_other` whole.
        if (set.includes('tenant="_other"') !== set.includes('dataset="_other"') && 'dataset' in entry.labels) continue
        const key: string = `${name}${entry.kind === 'histogram' ? '_count' : ''}{${set.sort().join(',')}}`
        assert.equal(values.get(key), 0, key)
      }
    }
  }
})

test('a gauge is what its readers say at the scrape and nothing else; what they no longer say is gone', async () => {
  const metrics = pulseOnly('worker')
  let lag: readonly (readonly [{ readonly tenant: string }, number])[] = [
    [{ tenant: 'acme' }, 4],
    [{ tenant: 'odd' }, Number.NaN],
  ]
  const stop = metrics.read('pulse_worker_lag_seconds', () => lag)
  const lagNow = async () => readExposition((await metrics.exposition()).body).get('pulse_worker_lag_seconds')?.samples
  assert.deepEqual(await lagNow(), [{ name: 'pulse_worker_lag_seconds', labels: { tenant: 'acme' }, value: 4 }])
  lag = []
  assert.deepEqual(await lagNow(), [])
  lag = [[{ tenant: 'acme' }, 1]]
  stop()
  assert.deepEqual(await lagNow(), [])
})

test('beyond the bound gauges become one by the catalogue’s rule: rows add up, the oldest and the worst speak', async () => {
  const metrics = openMetrics({
    plane: 'worker',
    processMetrics: false,
    limits: { tenants: 1, datasets: 20, pinned: ['vip'] },
  })
  const pairs = ['vip', 'a', 'b'].map((tenant, at) => [{ tenant, dataset: 'x' }, at + 1] as const)
  metrics.read('pulse_worker_buffer_rows', () => pairs)
  metrics.read('pulse_worker_oldest_unflushed_timestamp_seconds', () => pairs)
  metrics.read('pulse_worker_lag_seconds', () => pairs.map(([{ tenant }, value]) => [{ tenant }, value] as const))
  const values = valuesOf((await metrics.exposition()).body)
  assert.equal(values.get('pulse_worker_buffer_rows{dataset="x",tenant="vip"}'), 1)
  assert.equal(values.get('pulse_worker_buffer_rows{dataset="_other",tenant="_other"}'), 5)
  assert.equal(values.get('pulse_worker_oldest_unflushed_timestamp_seconds{dataset="_other",tenant="_other"}'), 2)
  assert.equal(values.get('pulse_worker_lag_seconds{tenant="_other"}'), 3)
})

test('a reader that throws is told as a defect, and the scrape has all the rest', async (t) => {
  const metrics = pulseOnly('worker')
  metrics.read('pulse_worker_lag_seconds', () => {
    throw new Error('nobody knows')
  })
  metrics.read('pulse_worker_partitions_owned', () => [[{}, 3]])
  const told: string[] = []
  t.after(listen('process.defect', ({ where, detail }) => told.push(`${where}: ${detail}`)))
  const { body } = await metrics.exposition()
  assert.deepEqual(told, ['the gauge pulse_worker_lag_seconds: nobody knows'])
  assert.equal(sumOf(body, 'pulse_worker_partitions_owned'), 3)
})

test('label values with quotes, newlines and ten kilobytes at the door of a gauge become _other or are written escaped', async () => {
  const metrics = pulseOnly('worker')
  const odd = ['"', '\n', '\\', 'x'.repeat(10_240), 'a"} 1\nevil 2\n']
  metrics.read('pulse_worker_lag_seconds', () => odd.map((tenant) => [{ tenant }, 1] as const))
  metrics.read('pulse_config_info', () => odd.map((hash) => [{ hash }, 1] as const))
  const families = readExposition((await metrics.exposition()).body)
  assert.deepEqual(
    families.get('pulse_worker_lag_seconds')?.samples.map(({ labels }) => labels),
    [{ tenant: '_other' }],
  )
  assert.deepEqual(
    families.get('pulse_config_info')?.samples.map(({ labels }) => labels['hash']),
    odd,
  )
})

test('series, overflow and the scrape before are told', async (t) => {
  const metrics = openMetrics({
    plane: 'worker',
    processMetrics: false,
    limits: { tenants: 1, datasets: 10, pinned: [] },
  })
  t.after(listenWorker(metrics))
  for (const [tenant, dataset] of [
    ['a', 'x'],
    ['a', 'y'],
    ['b', 'x'],
    ['b', 'x'],
  ] as const)
    announce('worker.records.consumed', said('worker.records.consumed', { tenant, dataset, records: 10 }))
  const first = await metrics.exposition()
  const { body } = await metrics.exposition()
  const values = valuesOf(body)
  const overflow = 'pulse_telemetry_overflow_total'
  assert.equal(values.get(`${overflow}{label="tenant",metric="pulse_worker_events_consumed_total"}`), 2)
  assert.equal(values.get(`${overflow}{label="dataset",metric="pulse_worker_events_consumed_total"}`), 1)
  assert.equal(values.get(`${overflow}{label="tenant",metric="pulse_worker_events_dlq_total"}`), 0)
  for (const { name, samples } of readExposition(body).values())
    assert.equal(values.get(`pulse_telemetry_series{metric="${name}"}`), samples.length, name)
  assert.equal(values.get('pulse_telemetry_scrape_bytes{}'), first.bytes.byteLength)
  assert.ok((values.get('pulse_telemetry_scrape_seconds{}') ?? 0) > 0)
  assert.equal(values.get('pulse_tenant_bucket_info{tenant="a",tenant_bucket="a"}'), 1)
  for (const tenant of ['_other', '_unknown'])
    assert.equal(values.get(`pulse_tenant_bucket_info{tenant="${tenant}",tenant_bucket="${tenant}"}`), 1)
  assert.equal(values.get('pulse_tenant_bucket_info{tenant="b",tenant_bucket="b"}'), undefined)
})

test('process and event-loop series keep the names that dashboards know', async () => {
  const { body } = await openMetrics({ plane: 'api' }).exposition()
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
    assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'))
  }
})

test('no name breaks the rules that promtool checks: only counters end in _total, no type is a suffix', async () => {
  for (const plane of PLANES) {
    const { body } = await openMetrics({ plane }).exposition()
    const families = [...readExposition(body).values()]
    assert.ok(families.length > 20)
    for (const { name, type } of families) {
      assert.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type}`)
      assert.doesNotMatch(name, /_(counter|gauge|histogram|summary)(_|$)/)
    }
  }
})
