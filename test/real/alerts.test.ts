import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { alertmanagerConfig } from '../../observability/alertmanager.ts'
import { prometheusConfig } from '../../observability/prometheus.ts'
import { ruleFilesOf } from '../../observability/rules.ts'
import { hurried } from '../../observability/tempo.ts'
import { openBus } from '../../src/bus/index.ts'
import { call, makePlace, type Place } from '../kit/api.ts'
import { startOtlp, type Otlp } from '../kit/otlp.ts'
import { openParts, type Parts } from '../kit/parts.ts'
import { startAlertmanager, startPrometheus, startWebhook, type Prometheus, type Told } from '../kit/prometheus.ts'
import { until } from '../kit/until.ts'

/**
 * Real faults in a real Pulse, real Prometheus and Alertmanager, and what somebody would be told: exactly that, nothing
 * else, and the end of it. The rules are the deployed ones on a faster clock: a minute is a second.
 */
const MINUTE_MS = 1_000

const tempo = hurried({
  // What lies beyond is drawn together, so that the long burns are over before the test is; and a quarter of an hour has to
  // be longer than the 38 s until a batch of spans is given up.
  window: (seconds) =>
    seconds <= 600 ? seconds / 60 : seconds < 3600 ? 42 + (seconds - 900) / 900 : 60 + (seconds - 3600) / 7200,
  // What the system itself keeps to (a heartbeat a second, a flush each half) does not shrink as far; upkeep's intervals not at all.
  age: (seconds) => (seconds < 600 ? seconds / 8 : seconds),
})

interface Scenario {
  readonly fault: string
  /** Takes something away, and answers with the way back. */
  readonly begin: () => Promise<() => Promise<void>>
  /** How long it lasts, in minutes of the rules. */
  readonly minutes: number
  /** What somebody is told while it lasts, and what of it only its end brings. */
  readonly tells: readonly string[]
  readonly tellsAfter?: readonly string[]
}

const disposing: (() => unknown)[] = []
const owner = { after: (act: () => unknown) => void disposing.unshift(act) }
let otlp: Otlp
let parts: Parts
let place: Place
let prometheus: Prometheus
let told: readonly Told[] = []

/** An alert as the table below writes it: what is told, to whom, and of what. */
const nameOf = ({ labels }: Told): string =>
  [labels['grade'], labels['alertname'], labels['job'], labels['dependency'], labels['tenant_bucket'], labels['what']]
    .filter((part) => part !== undefined)
    .join(' ')

const SCENARIOS: readonly Scenario[] = [
  {
    fault: 'the worker is killed',
    begin: () => parts.faults.worker(),
    minutes: 12,
    tells: ['page PulseTargetMissing pulse-worker'],
  },
  {
    fault: 'the lake is read-only',
    begin: () => parts.faults.lake(),
    minutes: 27,
    tells: ['page PulseLagGrowing', 'ticket PulseAppendErrors'],
  },
  {
    fault: 'somebody else writes what is no event to a topic',
    begin: () => poison(),
    minutes: 24,
    tells: ['ticket PulseDlqRatio poisoned'],
  },
  {
    fault: 'spans are swallowed by a black hole',
    begin: async () => {
      otlp.be('hang')
      return async () => otlp.be('take')
    },
    minutes: 92,
    tells: [
      'ticket PulseTelemetryLossy pulse-api spans',
      'ticket PulseTelemetryLossy pulse-canary spans',
      'ticket PulseTelemetryLossy pulse-worker spans',
    ],
  },
  {
    fault: 'the bus is stopped',
    begin: () => parts.faults.bus(),
    minutes: 20,
    tells: [
      'page PulsePublishFailing',
      'ticket PulseDependencyDown pulse-api kafka',
      'ticket PulseDependencyDown pulse-worker kafka',
    ],
    tellsAfter: ['ticket PulseCollectAvailabilityBurn', 'ticket PulseCollectLatencyBurn'],
  },
  {
    fault: 'Postgres is stopped',
    begin: () => parts.faults.postgres(),
    minutes: 20,
    tells: [
      'page PulseCollectAvailabilityBurn',
      'ticket PulseDependencyDown pulse-api postgres',
      'ticket PulseDependencyDown pulse-worker postgres',
    ],
    tellsAfter: ['ticket PulseCollectAvailabilityBurn', 'ticket PulsePreviewBurn'],
  },
]

before(
  async () => {
    otlp = await startOtlp()
    owner.after(() => otlp[Symbol.asyncDispose]())
    parts = await openParts(owner, {
      PULSE_OTLP_ENDPOINT: otlp.url,
      PULSE_FLUSH_SECONDS: '0.5',
      PULSE_LEASE_SECONDS: '2',
      PULSE_CANARY_SECONDS: '2',
      PULSE_BUS_TRUSTED: 'false',
      PULSE_PUBLISH_TIMEOUT_MS: '1000',
      PULSE_LOG_LEVEL: 'warn',
    })
    place = await makePlace(
      parts.baseUrl,
      { type: 'object', properties: { at: { type: 'integer' } } },
      { tenant: 'poisoned' },
    )
    const stop = new AbortController()
    const sending = send(stop.signal)
    owner.after(async () => {
      stop.abort()
      await sending
    })
    const webhook = await startWebhook(owner)
    told = webhook.told
    const alertmanager = await startAlertmanager(owner, alertmanagerConfig({ tempo, webhook: webhook.url }))
    prometheus = await startPrometheus(owner, {
      config: (rules) =>
        prometheusConfig({
          targets: parts.targets,
          alertmanager: `127.0.0.1:${alertmanager.port}`,
          rules,
          every: '500ms',
        }),
      rules: ruleFilesOf({ tempo, grafana: 'http://localhost:3000' }),
    })
    await until(
      'the promises to be recorded',
      async () => (await prometheus.query('slo:pulse_errors:ratio_rate5m')).length === 5,
      60_000,
    )
  },
  { timeout: 180_000 },
)

after(
  async () => {
    for (const dispose of disposing) await dispose()
  },
  { timeout: 90_000 },
)

/** A client that sends an event ten times a second, whatever becomes of it. */
async function send(signal: AbortSignal): Promise<void> {
  for (let at = 0; !signal.aborted; at += 1) {
    await Promise.allSettled([
      call(parts.baseUrl, 'POST', '/v1/collect', {
        tenantId: place.tenantId,
        body: { dataset: place.dataset, data: { timestamp: new Date().toISOString(), at } },
      }),
      sleep(100, undefined, { signal }),
    ])
  }
}

/** Ten records a second that are no JSON, by a producer that is not Pulse. */
async function poison(): Promise<() => Promise<void>> {
  const bus = openBus({ brokers: [parts.broker], clientId: 'stranger', publishTimeoutMs: 5_000 })
  const publisher = bus.publisher()
  const stop = new AbortController()
  const publishing = (async () => {
    while (!stop.signal.aborted) {
      await publisher.publish([
        {
          topic: `pulse.${place.tenantId}.events.raw`,
          key: Buffer.from('stranger'),
          value: Buffer.from('{not json'),
          headers: { entries: [] },
        },
      ])
      await sleep(100, undefined, { signal: stop.signal }).catch(() => undefined)
    }
  })()
  return async () => {
    stop.abort()
    await publishing
    await publisher[Symbol.asyncDispose]()
    await bus[Symbol.asyncDispose]()
  }
}

const firing = async (): Promise<string[]> =>
  (await prometheus.query('ALERTS{alertstate="firing",grade!="none"}')).map(
    ({ metric }) => `${metric['grade']} ${metric['alertname']} ${metric['window'] ?? ''}`,
  )

test('while nothing is wrong nobody is told anything', { timeout: 120_000 }, async () => {
  // A plane that was never scraped and a canary whose first verdict is to come are news on a clock that is sixty times too fast.
  await until('what a start looks like to be over', async () => (await firing()).length === 0, 60_000, 2_000)
  const from = told.length
  await sleep(20 * MINUTE_MS)
  assert.deepEqual(
    told
      .slice(from)
      .filter(({ status }) => status === 'firing')
      .map(nameOf),
    [],
    parts.said(),
  )
  assert.deepEqual(await firing(), [])
})

for (const { fault, begin, minutes, tells, tellsAfter = [] } of SCENARIOS) {
  test(`${fault}: ${tells.join(', ')}, and no more`, { timeout: 240_000 }, async () => {
    await until('what was before to be over', async () => (await firing()).length === 0, 100_000, 500)
    const from = told.length
    const heard = (status?: Told['status']): string[] =>
      [
        ...new Set(
          told
            .slice(from)
            .filter((one) => status === undefined || one.status === status)
            .map(nameOf),
        ),
      ].sort()
    const beganMs = performance.now()
    const story = (): string =>
      told
        .slice(from)
        .map(
          (one) =>
            `${((one.atMs - beganMs) / 1000).toFixed(1)} s ${one.status} ${nameOf(one)} ${one.labels['window'] ?? ''}`,
        )
        .join('\n')
    const end = await begin()
    try {
      await sleep(minutes * MINUTE_MS)
      assert.deepEqual(heard('firing'), [...tells].sort(), `told while it lasted:\n${story()}`)
    } finally {
      await end()
    }
    await until('it to be over', async () => (await firing()).length === 0, 150_000, 500)
    await until(
      'the end of each to be told',
      () => heard('firing').every((name) => heard('resolved').includes(name)),
      30_000,
    ).catch((error: unknown) => assert.fail(`${String(error)}\n${story()}`))
    assert.deepEqual(heard('firing'), [...new Set([...tells, ...tellsAfter])].sort(), `told in all:\n${story()}`)
  })
}
