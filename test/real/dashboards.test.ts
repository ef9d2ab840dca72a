import assert from 'node:assert/strict'
import { after, before, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse as parseYaml, stringify } from 'yaml'
import { prometheusConfig } from '../../observability/prometheus.ts'
import { ruleFilesOf } from '../../observability/rules.ts'
import { METRICS, type MetricEntry } from '../../src/telemetry/index.ts'
import { dashboards, fillIn, queriesOf, type Query } from '../kit/grafana.ts'
import { parse } from '../kit/grammars.ts'
import { openLoad } from '../kit/load.ts'
import { startOtlp, type Otlp } from '../kit/otlp.ts'
import { startPrometheus, type Prometheus } from '../kit/prometheus.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * The dashboards and rules on the real thing: Prometheus scrapes a running Pulse under load every second, and every PromQL query of
 * every panel, mark, variable and rule has to find something. `TEST_LOAD_SECONDS` (45) makes the load longer.
 */
const SECONDS = Number(process.env['TEST_LOAD_SECONDS'] ?? 45)
const queries = [...dashboards()]
  .flatMap(([slug, { model }]) => queriesOf(slug, model))
  .filter(({ language }) => language === 'PromQL')

const TENANTS = ['acme', 'bell', 'cyan', 'dome'] as const

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
}
interface Group {
  readonly name: string
  readonly interval?: string
  readonly rules: readonly Rule[]
}
const rules = Object.values(ruleFilesOf()).flatMap((text) => (parseYaml(text) as { groups: Group[] }).groups)

/**
 * The rules as they are deployed, but evaluated every second instead of when their time has come, and told at once instead of after
 * a while: so the load's many dead letters are an alert that fires, for those panels that show alerts.
 */
const hurried = Object.fromEntries(
  Object.entries(ruleFilesOf()).map(([name, text]) => {
    const { groups } = parseYaml(text) as { groups: Group[] }
    const atOnce = (rule: Rule): Rule => (rule.alert === undefined ? rule : { ...rule, for: '1s' })
    const hasty = groups.map((group) => ({ ...group, interval: '1s', rules: group.rules.map(atOnce) }))
    return [name, stringify({ groups: hasty }, { lineWidth: 0 })]
  }),
)

let otlp: Otlp
let system: System
let prometheus: Prometheus
let variables: readonly { readonly tenant: string; readonly dataset: string }[]
let from = 0
let to = 0
const ends: (() => unknown)[] = []

before(
  async () => {
    otlp = await startOtlp()
    ends.push(() => otlp[Symbol.asyncDispose]())
    system = await bootPulse({
      PULSE_FLUSH_SECONDS: '1',
      PULSE_CANARY_SECONDS: '2',
      PULSE_OTLP_ENDPOINT: otlp.url,
      // Fewer names than tenants, so that there is somebody in `_other`; and one that every process names.
      PULSE_METRICS_TENANTS: '3',
      PULSE_METRICS_PINNED: `pulse-canary,${TENANTS[0]}`,
    })
    ends.push(() => system[Symbol.asyncDispose]())
    const at = (port: string): string => `127.0.0.1:${system.env[port]}`
    prometheus = await startPrometheus(
      { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext,
      {
        rules: hurried,
        config: (paths, port) =>
          prometheusConfig({
            targets: {
              api: [at('PULSE_API_PORT')],
              worker: [at('PULSE_WORKER_METRICS_PORT')],
              canary: [at('PULSE_CANARY_PORT')],
            },
            alertmanager: '127.0.0.1:9',
            rules: paths,
            every: '1s',
            self: `127.0.0.1:${port}`,
          }),
      },
    )
    await until('all four targets to be scraped', async () => (await prometheus.query('sum(up)'))[0]?.value === 4)
    from = Date.now() / 1000
    const load = await openLoad(system, TENANTS)
    await load.run(AbortSignal.timeout(SECONDS * 1000))
    await sleep(2_000)
    to = Date.now() / 1000
    const [first] = load.places
    assert.ok(first !== undefined)
    variables = [
      { tenant: first.tenantSlug, dataset: first.dataset },
      { tenant: '_other', dataset: '_other' },
    ]
  },
  { timeout: (SECONDS + 150) * 1000 },
)
after(
  async () => {
    for (const end of ends.reverse()) await end()
  },
  { timeout: 60_000 },
)

interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly values?: readonly (readonly [number, string])[]
  readonly value?: readonly [number, string]
}
async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<readonly Series[]> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`, {
    method: 'POST',
    body: new URLSearchParams(parameters),
    signal: AbortSignal.timeout(20_000),
  })
  const answer = (await response.json()) as { status: string; error?: string; data?: { result?: Series[] } }
  assert.equal(answer.status, 'success', `${parameters['query']}: ${answer.error}`)
  return answer.data?.result ?? []
}
const times = () => ({ rate: '10s', range: `${Math.ceil(to - from)}s`, interval: '2s' })

/** A number, anywhere in it: NaN is what a share or a percentile of nothing is. */
const hasNumber = (series: readonly Series[]): boolean =>
  series.some(({ values, value }) =>
    [...(values ?? []), ...(value === undefined ? [] : [value])].some(([, text]) => text !== 'NaN'),
  )

const run = (query: Query, filling: Readonly<Record<string, string>>): Promise<readonly Series[]> => {
  const text = fillIn(query.text, filling, times())
  return query.instant
    ? ask('query', { query: text, time: String(to) })
    : ask('query_range', { query: text, start: String(from), end: String(to), step: '1' })
}

for (const slug of new Set(queries.map((query) => query.slug))) {
  test(`every query of every panel of ${slug} finds something, for a tenant and for _other`, async () => {
    const empty: string[] = []
    for (const query of queries.filter((each) => each.slug === slug)) {
      for (const filling of /\$\{?(tenant|dataset)/.test(query.text) ? variables : variables.slice(0, 1)) {
        if (!hasNumber(await run(query, filling))) empty.push(`${query.name} (${filling.tenant}): ${query.text}`)
      }
    }
    assert.deepEqual(empty, [])
  })
}

test('every rule is evaluated without an error', async () => {
  const response = await fetch(`${prometheus.url}/api/v1/rules`, { signal: AbortSignal.timeout(10_000) })
  const { data } = (await response.json()) as {
    data: { groups: { name: string; rules: { name: string; health: string; lastError?: string }[] }[] }
  }
  const evaluated = data.groups.flatMap((group) => group.rules)
  assert.equal(evaluated.length, rules.flatMap((group) => group.rules).length)
  assert.deepEqual(
    evaluated.filter(({ health }) => health !== 'ok').map(({ name, lastError }) => `${name}: ${lastError}`),
    [],
  )
})

test('every recording rule has recorded something', async () => {
  const missing: string[] = []
  for (const { record } of rules.flatMap((group) => group.rules))
    if (
      record !== undefined &&
      !hasNumber(await ask('query_range', { query: record, start: String(from), end: String(to), step: '1' }))
    )
      missing.push(record)
  assert.deepEqual(missing, [])
})

test('whatever an alert’s condition asks for is there: it is silent because all is well, and not because it looks at nothing', async () => {
  const missing: string[] = []
  for (const { alert, expr } of rules.flatMap((group) => group.rules)) {
    if (alert === undefined) continue
    for (const { text } of parse('PromQL', expr).nodes.filter(({ name }) => name === 'VectorSelector')) {
      // What fires is asked for by the one rule that tells of the time after.
      if (text.startsWith('ALERTS{')) continue
      const found = await ask('query', { query: `last_over_time(${text}[${times().range}])`, time: String(to) })
      if (found.length === 0) missing.push(`${alert}: ${text}`)
    }
  }
  assert.deepEqual([...new Set(missing)], [])
})

/** What may not move while all is well. */
const STILL = new Set([
  'pulse_api_shed_total',
  'pulse_worker_iceberg_append_errors_total',
  'pulse_worker_offset_gaps_total',
  'pulse_worker_sources_lost_total',
  'pulse_worker_future_records_total',
  'pulse_worker_ledger_imbalance',
  'pulse_worker_rows_removed_total',
  'pulse_worker_iceberg_commit_conflicts_total',
  'pulse_worker_dlq_publish_errors_total',
  'pulse_log_lines_dropped_total',
  'pulse_canary_refused_total',
  'pulse_canary_strayed_total',
  'pulse_canary_missing_events',
])
/** What this load moves or not, and why; tests of their own rooms move them on purpose. */
const BY_CHANCE: Readonly<Record<string, string>> = {
  pulse_api_inflight_requests: 'a scrape has to meet a request',
  pulse_api_producer_queue_bytes: 'a scrape has to meet a publish',
  pulse_api_producer_queue_records: 'a scrape has to meet a publish',
  pulse_api_producer_oldest_record_timestamp_seconds: 'a scrape has to meet a publish',
  pulse_worker_inflight_rows: 'a scrape has to meet a flush',
  pulse_worker_fetch_paused_seconds_total: 'the buffer is never full here',
  pulse_worker_release_drain_seconds: 'one worker keeps its partitions until it ends',
  pulse_worker_events_replayed_total: 'one worker reads each record once',
  pulse_worker_events_released_total: 'one worker keeps its partitions until it ends',
  pulse_worker_dedup_ledger_rows: 'Postgres estimates after it has looked',
}

test('under load every metric of the catalogue moves, but for those of trouble', async () => {
  const unmoved: string[] = []
  const troubled: string[] = []
  for (const [name, { kind }] of Object.entries<MetricEntry>(METRICS)) {
    if (name in BY_CHANCE) continue
    const query = `max_over_time(${kind === 'histogram' ? `${name}_count` : name}[${times().range}]) != 0`
    const isMoved = (await ask('query', { query, time: String(to) })).length > 0
    if (!isMoved && !STILL.has(name)) unmoved.push(name)
    if (isMoved && STILL.has(name)) troubled.push(name)
  }
  assert.deepEqual(unmoved, [])
  assert.deepEqual(troubled, [])
})

test('a diamond on a panel is the trace of something that was observed', async () => {
  const traced = new Set<string>()
  const known = new Set(otlp.spans().map(({ traceId }) => traceId))
  const exemplary = queries.filter(({ exemplars }) => exemplars)
  for (const query of exemplary) {
    const response = await fetch(`${prometheus.url}/api/v1/query_exemplars`, {
      method: 'POST',
      body: new URLSearchParams({
        query: fillIn(query.text, variables[0] ?? {}, times()),
        start: String(from),
        end: String(to),
      }),
      signal: AbortSignal.timeout(10_000),
    })
    const { data } = (await response.json()) as {
      data: { seriesLabels: Record<string, string>; exemplars: { labels: Record<string, string> }[] }[]
    }
    for (const { seriesLabels, exemplars } of data)
      if (exemplars.some(({ labels }) => known.has(labels['trace_id'] ?? '')))
        traced.add(seriesLabels['__name__'] ?? '')
  }
  assert.deepEqual([...traced].sort(), [
    'pulse_api_collect_publish_seconds_bucket',
    'pulse_api_request_seconds_bucket',
    'pulse_worker_batch_flush_seconds_bucket',
    'pulse_worker_freshness_seconds_bucket',
  ])
})

test('Prometheus takes every query, whatever a variable holds', async () => {
  const asking = queries.filter(({ text }) => /\$\{?(tenant|dataset)/.test(text))
  for (const value of ['a.*', '(', '\\', '"', 'a"} or vector(1) or x{y="', '`', "'", 'new\nline', '🦆', ''])
    for (const query of asking) await run(query, { tenant: value, dataset: value })
})
