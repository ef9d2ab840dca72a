import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBus } from '../../src/bus/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { from, readAll, record } from '../bus/contract.ts'
import { assertBalanced } from '../kit/account.ts'
import { makePlace } from '../kit/api.ts'
import { openClient } from '../kit/client.ts'
import { kafkaTool } from '../kit/kafka.ts'
import { withKafkaCluster } from '../kit/kafka-cluster.ts'
import { readLake } from '../kit/lake-reader.ts'
import { chance } from '../kit/seed.ts'
import { bootPulse } from '../kit/system.ts'
import { until } from '../kit/until.ts'

/** Three brokers, every record on three of them and acknowledged by two, and what happens to such a cluster while it is written to and read. */

const DEFINITION = {
  type: 'object',
  properties: { timestamp: { type: 'string', format: 'date-time' }, at: { type: 'integer' } },
  required: ['timestamp', 'at'],
}
const BROKERS = [0, 1, 2]

const kafka = await withKafkaCluster({ after }, { brokers: 3 })

test('a partition whose only broker is away is a problem of its own: the others are read, and looked at, beside it', async () => {
  await using bus = openBus({
    brokers: kafka.brokers,
    clientId: 'alone',
    publishTimeoutMs: 10_000,
    topicReplication: 1,
  })
  const topic = `pulse.alone-${process.pid}.events.raw`
  // One partition on each broker, without copies.
  const made = await kafkaTool('TopicCommand', [
    ...['--bootstrap-server', kafka.inside.join(','), '--create', '--topic', topic],
    ...['--replica-assignment', '1,2,3', '--config', 'min.insync.replicas=1'],
  ])
  assert.equal(made.code, 0, made.stdout + made.stderr)
  const [info] = await bus.admin.describeTopics([topic])
  assert.ok(info !== undefined)
  const publisher = bus.publisher()
  const publish = async (value: string): Promise<(string | undefined)[]> => {
    const verdicts = await publisher.publish(BROKERS.map((partition) => record(topic, value, { partition })))
    return verdicts.map((verdict) => verdict?.code)
  }
  assert.deepEqual(await publish('before'), [undefined, undefined, undefined])
  await kafka.kill(2)
  assert.deepEqual((await publish('without')).slice(0, 2), [undefined, undefined])
  const beganAt = performance.now()
  const ends = await bus.admin.offsets(BROKERS.map((partition) => ({ topic, partition })))
  assert.deepEqual(
    ends.map(({ partition, latest }) => [partition, latest]),
    [
      [0, 2],
      [1, 2],
    ],
  )
  assert.ok(performance.now() - beganAt < 20_000)
  assert.deepEqual((await readAll(bus.reader(), [from(info, 0, 0), from(info, 0, 1)], 4)).toSorted(), [
    ...['before', 'before', 'without', 'without'],
  ])
  await kafka.start(2)
})

test('brokers killed and hung, and leaders moved by hand, under load: nothing is lost, doubled or skipped', async (t) => {
  const luck = chance()
  t.diagnostic(`seed ${luck.seed} (TEST_SEED repeats it)`)
  await using system = await bootPulse({
    ...kafka.settings,
    PULSE_TOPIC_PARTITIONS: '6',
    PULSE_TOPIC_REPLICATION: '3',
    PULSE_TOPIC_MIN_INSYNC: '2',
    PULSE_FLUSH_SECONDS: '0.3',
  })
  const place = await makePlace(system.baseUrl, DEFINITION)
  const topic = rawTopic(place.tenantId)
  const stop = new AbortController()
  const clients = [1, 2].map(() =>
    openClient({
      baseUrl: () => system.baseUrl,
      tenantId: place.tenantId,
      dataset: place.dataset,
      perRequest: 12,
      pauseMs: 5,
      eventAt: (at) => ({ timestamp: '2026-11-25T08:00:00Z', at }),
    }),
  )
  const sending = Promise.all(clients.map((client) => client.run(stop.signal)))
  sending.catch(() => undefined)
  const acknowledged = (): number => clients.reduce((sum, client) => sum + client.acknowledged.size, 0)

  /** Load goes on: how long after the fault the next hundred were acknowledged. */
  async function goesOn(what: string): Promise<void> {
    const [before, beganAt] = [acknowledged(), performance.now()]
    await until(`events to be acknowledged after ${what}`, () => acknowledged() > before + 100, 60_000, 20)
    t.diagnostic(`${what}: the next hundred acknowledged after ${Math.round(performance.now() - beganAt)} ms`)
  }

  const faults: Readonly<Record<string, (broker: number) => Promise<void>>> = {
    async kill(broker) {
      await kafka.kill(broker)
      await goesOn(`kill -9 of broker ${broker + 1}`)
      await sleep(luck.between(500, 3_000))
      await kafka.start(broker)
    },
    // Beyond its session: others lead meanwhile, and it wakes up believing that it still does.
    async hang(broker) {
      kafka.signal(broker, 'SIGSTOP')
      try {
        await goesOn(`broker ${broker + 1} hung`)
        await sleep(luck.between(2_500, 4_000))
      } finally {
        kafka.signal(broker, 'SIGCONT')
      }
    },
    async elect() {
      const bootstrap = ['--bootstrap-server', kafka.inside.join(',')]
      const done = await kafkaTool('LeaderElectionCommand', [
        ...bootstrap,
        '--election-type',
        'preferred',
        '--all-topic-partitions',
      ])
      assert.equal(done.code, 0, done.stdout + done.stderr)
      await goesOn('preferred leaders elected')
    },
  }
  await goesOn('the start')
  // Each broker has its fault, and each fault its broker, in an order by chance.
  const order = luck.pick([
    ['kill', 'hang', 'kill'],
    ['hang', 'kill', 'hang'],
    ['kill', 'kill', 'hang'],
  ])
  for (const [broker, name] of order.entries()) {
    await faults[name]?.(broker)
    await allInSync(kafka.inside, topic)
  }
  await faults['elect']?.(0)
  stop.abort()
  await sending

  const rowIds = async (): Promise<string[]> =>
    (await readLake(system.baseUrl, place.tenantId, place.dataset)).rows.map((row) => String(row['id']))
  await until('every acknowledged event to be a row', async () => (await rowIds()).length >= acknowledged(), 60_000)
  await sleep(1_000)
  const all = <T>(of: (client: (typeof clients)[number]) => Iterable<T>): Set<T> =>
    new Set(clients.flatMap((client) => [...of(client)]))
  assertBalanced(
    {
      sent: all((client) => client.sent.keys()),
      acknowledged: all((client) => client.acknowledged),
      rowIds: await rowIds(),
      deadLetterIds: [],
    },
    `seed ${luck.seed}`,
  )
  assert.doesNotMatch(system.output(), /records_missing|recreated|deleted:/, 'no record was said to be missing')
})

/** Until every partition has three replicas in sync again: a second fault before would be one that nobody promises to survive. */
async function allInSync(brokers: readonly string[], topic: string): Promise<void> {
  await until(
    'all replicas to be in sync',
    async () => {
      const done = await kafkaTool('TopicCommand', [
        '--bootstrap-server',
        brokers.join(','),
        '--describe',
        '--topic',
        topic,
      ])
      const isr = [...done.stdout.matchAll(/Isr: ([\d,]+)/g)]
      return isr.length === 6 && isr.every(([, ids]) => ids?.split(',').length === 3)
    },
    90_000,
    200,
  )
}
