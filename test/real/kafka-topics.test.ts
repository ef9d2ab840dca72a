import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { assertBalanced } from '../kit/account.ts'
import { makePlace } from '../kit/api.ts'
import { openClient } from '../kit/client.ts'
import { kafkaTool } from '../kit/kafka.ts'
import { withKafkaCluster } from '../kit/kafka-cluster.ts'
import { readLake } from '../kit/lake-reader.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/**
 * The whole system on Apache Kafka behind TLS and SASL/SCRAM, three partitions a tenant, topics made by nobody but Pulse; and what
 * operators do to topics while it runs. One system for all: each test goes on where the one before ended.
 */

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
  required: ['timestamp', 'at'],
}
const LEASE_SECONDS = 3

const kafka = await withKafkaCluster(
  { after },
  {
    secure: 'SCRAM-SHA-512',
    rights: ['Create', 'Describe', 'Read', 'Write', 'Delete'],
    properties: {
      'log.retention.check.interval.ms': '500',
      'log.initial.task.delay.ms': '100',
      // Clients show again who they are every few seconds, while requests are under way.
      'connections.max.reauth.ms': '4000',
    },
  },
)
const system = await bootPulse({
  ...kafka.settings,
  PULSE_TOPIC_PARTITIONS: '3',
  PULSE_FLUSH_SECONDS: '0.3',
  PULSE_LEASE_SECONDS: String(LEASE_SECONDS),
})
after(() => system[Symbol.asyncDispose]())
const bus = openBus({ brokers: kafka.inside, clientId: 'test', publishTimeoutMs: 10_000 })
after(() => bus[Symbol.asyncDispose]())
const place = await makePlace(system.baseUrl, DEFINITION)
const topic = rawTopic(place.tenantId)
const client = openClient({
  baseUrl: () => system.baseUrl,
  tenantId: place.tenantId,
  dataset: place.dataset,
  perRequest: 10,
  pauseMs: 5,
  eventAt: (at) => ({ timestamp: '2026-11-25T08:00:00Z', at }),
})

const rowIds = async (): Promise<string[]> =>
  (await readLake(system.baseUrl, place.tenantId, place.dataset)).rows.map((row) => String(row['id']))

const ends = async (partitions: number): Promise<number[]> => {
  const of = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  return (await bus.admin.offsets(of)).map(({ latest }) => latest)
}

/** Runs the client until `enough` says so. */
async function sendUntil(what: string, enough: () => Promise<boolean> | boolean, timeoutMs: number): Promise<void> {
  const stop = new AbortController()
  const running = client.run(stop.signal)
  try {
    await until(what, enough, timeoutMs)
  } finally {
    stop.abort()
    await running
  }
}

const sendMore = (count: number): Promise<void> => {
  const before = client.acknowledged.size
  return sendUntil(`${count} more events to be acknowledged`, () => client.acknowledged.size >= before + count, 60_000)
}

async function allAreRows(context: string, lost: ReadonlySet<string> = new Set()): Promise<void> {
  const wanted = [...client.acknowledged].filter((id) => !lost.has(id)).length
  await until('every acknowledged event to be a row', async () => (await rowIds()).length >= wanted, 60_000)
  // Long enough for a second row of one to be committed.
  await sleep(1_000)
  const acknowledged = new Set([...client.acknowledged].filter((id) => !lost.has(id)))
  assertBalanced({ sent: client.sent, acknowledged, rowIds: await rowIds(), deadLetterIds: [] }, context)
}

const admin = async (name: string, ...args: readonly string[]): Promise<void> => {
  const done = await kafkaTool(name, ['--bootstrap-server', kafka.inside[0] ?? '', ...args])
  assert.equal(done.code, 0, `${name} ${args.join(' ')}\n${done.stdout}${done.stderr}`)
}

/** Records that the worker says were gone before it could read them. */
async function gaps(): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${system.env['PULSE_WORKER_METRICS_PORT']}/metrics`)).text()
  const line = /^pulse_worker_offset_gaps_total(?:\{[^}]*\})? (\d+)/m.exec(page)
  assert.ok(line !== null, page.slice(0, 2000))
  return Number(line[1])
}

/** Stops the worker as a machine that hangs does, longer than its lease; answers how it goes on. */
async function pauseWorker(): Promise<() => void> {
  const pid = system.pid('worker')
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGSTOP')
  return () => void process.kill(pid, 'SIGCONT')
}

test('over TLS and SCRAM, events reach all three partitions and are rows, each once, while connections authenticate again', async () => {
  const began = Date.now()
  await sendUntil('10 s of load', () => Date.now() - began > 10_000, 20_000)
  assert.ok(
    (await ends(3)).every((end) => end > 0),
    `${await ends(3)}`,
  )
  await allAreRows('secure, three partitions')
})

test('partitions added while running are written to and read', async () => {
  await admin('TopicCommand', '--alter', '--topic', topic, '--partitions', '5')
  await sendUntil('the new partitions to be written to', async () => (await ends(5)).every((end) => end > 0), 120_000)
  await allAreRows('five partitions')
})

test('a topic that was deleted and made again is another source: said by name, nothing skipped, nothing read twice', async () => {
  await admin('TopicCommand', '--delete', '--topic', topic)
  await sendMore(300)
  await allAreRows('the topic was made again')
  const [found] = await bus.admin.describeTopics([topic])
  assert.equal(found?.partitions, 3, 'made by Pulse, as its settings say')
  await until('the worker to say so', () => system.output().includes(`${topic}/0: recreated`) || undefined, 20_000)
})

/** The topic's retention in ms, set as an operator does; -1: for ever. */
const keepFor = (ms: number): Promise<unknown> =>
  admin(
    ...['kafka.admin.ConfigCommand', '--alter', '--entity-type', 'topics', '--entity-name', topic],
    ...['--add-config', `retention.ms=${ms}`],
  )

test('records that a shortened retention removed before they were read are counted exactly, and the rest is read', async () => {
  const [before, read] = [await gaps(), await ends(3)]
  const kept = new Set(client.acknowledged)
  /** Sent while the worker hung, and rows all the same: an answer that was under way held the first of them. */
  const arrived = async (): Promise<string[]> => {
    const rows = new Set(await rowIds())
    return [...client.acknowledged].filter((id) => !kept.has(id) && rows.has(id))
  }
  const resume = await pauseWorker()
  try {
    await sendMore(200)
    const unread = await ends(3)
    await keepFor(1000)
    await until(
      'the bus to have removed them',
      async () =>
        (await bus.admin.offsets([0, 1, 2].map((partition) => ({ topic, partition })))).every(
          (of) => of.earliest === of.latest,
        ),
      60_000,
    )
    await keepFor(-1)
    const written = unread.reduce((sum, end, at) => sum + end - (read[at] ?? 0), 0)
    assert.ok(written >= 200, String(written))
    resume()
    const missing = async (): Promise<number> => written - (await arrived()).length
    await until('the worker to count them', async () => (await gaps()) - before === (await missing()), 60_000)
    await until('the worker to name them', () => /records_missing, \d+ records missing/.test(system.output()), 10_000)
  } finally {
    resume()
  }
  const there = new Set(await arrived())
  const lost = new Set([...client.acknowledged].filter((id) => !kept.has(id) && !there.has(id)))
  await sendMore(100)
  await allAreRows('after the loss', lost)
})
