import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makePlace, type Place } from '../kit/api.ts'
import { startOtlp, type Otlp } from '../kit/otlp.ts'
import { startPrometheus, type Prometheus } from '../kit/prometheus.ts'
import { bootPulse, type System } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** From a point on a graph to its trace: exemplars as the real Prometheus reads and keeps them, spans as a receiver gets them. */
const DEFINITION = { type: 'object', properties: { timestamp: { type: 'string', format: 'date-time' } } }
const LONG = { timeout: 90_000 }

let system: System
let receiver: Otlp
let prometheus: Prometheus
let place: Place
const ends: (() => unknown)[] = []

before(async () => {
  receiver = await startOtlp()
  system = await bootPulse({
    PULSE_FLUSH_SECONDS: '0.3',
    // Most requests of this test are not sampled.
    PULSE_TRACES_PER_SECOND: '2',
    PULSE_OTLP_ENDPOINT: receiver.url,
  })
  place = await makePlace(system.baseUrl, DEFINITION)
  const job = (name: string, port: string | undefined, path: string) =>
    `  - job_name: ${name}\n    metrics_path: ${path}\n    static_configs: [{ targets: ['127.0.0.1:${port}'] }]\n`
  const jobs =
    job('pulse-api', String(system.apiPort), '/metrics/') +
    job('pulse-worker', system.env['PULSE_WORKER_METRICS_PORT'], '/metrics')
  prometheus = await startPrometheus(
    { after: (end) => void ends.push(end) },
    {
      config: () => `global: { scrape_interval: 1s }\nscrape_configs:\n${jobs}`,
    },
  )
}, LONG)
after(async () => {
  for (const end of ends) await end()
  await system?.[Symbol.asyncDispose]()
  await receiver?.[Symbol.asyncDispose]()
}, LONG)

interface Exemplar {
  readonly labels: { readonly trace_id: string; readonly span_id: string }
  readonly value: string
}

async function exemplarsOf(metric: string): Promise<Exemplar[]> {
  const range = `start=${Date.now() / 1000 - 300}&end=${Date.now() / 1000 + 60}`
  const response = await fetch(`${prometheus.url}/api/v1/query_exemplars?query=${metric}&${range}`)
  const { data } = (await response.json()) as { data: { exemplars: Exemplar[] }[] }
  return data.flatMap(({ exemplars }) => exemplars)
}

async function send(): Promise<boolean> {
  const response = await fetch(`${system.baseUrl}/v1/collect`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-tenant-id': place.tenantId },
    body: JSON.stringify({ dataset: place.dataset, data: { timestamp: '2026-11-25T08:00:00Z' } }),
  })
  await response.text()
  assert.equal(response.status, 202)
  return response.headers.get('traceparent')?.endsWith('-01') === true
}

test(
  'an exemplar leads to its trace: what Prometheus kept is what the receiver has, and sampled ones only',
  LONG,
  async () => {
    let sampled = 0
    let sent = 0
    // Two a second: a quick machine has sent a hundred before there is one.
    for (; sent < 120 || (sampled === 0 && sent < 20_000); sent += 1) if (await send()) sampled += 1
    assert.ok(sampled > 0 && sampled < sent / 2, `${sampled} of ${sent} were sampled`)
    const names = [
      'pulse_api_request_seconds_bucket',
      'pulse_api_collect_publish_seconds_bucket',
      'pulse_worker_freshness_seconds_bucket',
      'pulse_worker_batch_flush_seconds_bucket',
    ]
    for (const name of names) {
      const exemplars = await until(`an exemplar of ${name}`, async () => {
        const found = await exemplarsOf(name)
        return found.length > 0 && found
      })
      for (const { labels } of exemplars) {
        assert.deepEqual(Object.keys(labels).toSorted(), ['span_id', 'trace_id'])
        await until(`the span of ${name}'s exemplar`, () =>
          receiver.trace(labels.trace_id).find(({ spanId }) => spanId === labels.span_id),
        )
      }
    }
  },
)
