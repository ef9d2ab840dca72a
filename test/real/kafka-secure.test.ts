import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openBus, type BusSettings } from '../../src/bus/index.ts'
import { busContract, from, newTopic, readAll, record } from '../bus/contract.ts'
import { withCertificates } from '../kit/certificates.ts'
import { withKafkaCluster } from '../kit/kafka-cluster.ts'

const kafka = await withKafkaCluster(
  { after },
  // Short enough that connections authenticate again in the middle of most tests below.
  {
    secure: 'SCRAM-SHA-256',
    rights: ['Create', 'Describe', 'Read', 'Write', 'Delete'],
    properties: { 'connections.max.reauth.ms': '3000' },
  },
)
const broker = kafka.brokers[0] ?? ''

busContract('Apache Kafka over TLS and SCRAM-SHA-256', async () => ({
  broker,
  client: kafka.client,
  async restart() {
    await kafka.kill(0)
    await kafka.start(0)
  },
  async stop() {
    await kafka.kill(0)
    return () => kafka.start(0)
  },
}))

test('what was published while connections authenticated again is there, each record once', async () => {
  await using bus = openBus({ brokers: [broker], clientId: 'secure', publishTimeoutMs: 10_000, ...kafka.client })
  const topic = await newTopic(bus, 3)
  const publisher = bus.publisher()
  const reader = bus.reader()
  const sent: string[] = []
  const began = Date.now()
  while (Date.now() - began < 8_000) {
    const values = Array.from({ length: 20 }, (_, at) => `${sent.length + at}`)
    const verdicts = await publisher.publish(values.map((value) => record(topic.name, value)))
    assert.deepEqual(
      verdicts.filter((verdict) => verdict !== null),
      [],
    )
    sent.push(...values)
  }
  const read = await readAll(
    reader,
    [0, 1, 2].map((partition) => from(topic, 0, partition)),
    sent.length,
  )
  assert.deepEqual(new Set(read), new Set(sent))
})

test('a right that is missing is said with the name of the topic, and refuses at once what needs it', async () => {
  await using bus = openBus({ brokers: [broker], clientId: 'rights', publishTimeoutMs: 5_000, ...kafka.client })
  await assert.rejects(bus.admin.ensureTopics([{ name: 'other.topic', partitions: 1 }]), {
    name: 'BusRefused',
    message: /other\.topic.*[Aa]uthorization/,
  })
})

/** Everything a wrong setting may lead to, and the words that have to be in what a person reads. */
const WRONG: readonly {
  readonly what: string
  readonly settings: () => Promise<Partial<BusSettings>> | Partial<BusSettings>
  readonly says: RegExp
}[] = [
  {
    what: 'a wrong password',
    settings: () => ({ ...kafka.client, sasl: { mechanism: 'SCRAM-SHA-256', username: 'pulse', password: 'wrong' } }),
    says: /refused the user or the password.*PULSE_KAFKA_SASL_PASSWORD/,
  },
  {
    what: 'a user that nobody made',
    settings: () => ({ ...kafka.client, sasl: { mechanism: 'SCRAM-SHA-512', username: 'nobody', password: 'x' } }),
    says: /PULSE_KAFKA_SASL_USERNAME/,
  },
  {
    what: 'a mechanism that the broker does not offer',
    settings: () => ({ ...kafka.client, sasl: { mechanism: 'PLAIN', username: 'pulse', password: 'x' } }),
    says: /check PULSE_KAFKA_SASL_MECHANISM/,
  },
  {
    what: 'TLS, but no user',
    settings: () => ({ ...(kafka.client.tls === undefined ? {} : { tls: kafka.client.tls }) }),
    says: /PULSE_KAFKA_SASL_MECHANISM/,
  },
  { what: 'no TLS', settings: () => ({}), says: /PULSE_KAFKA_TLS=true/ },
  {
    what: 'a user, but no TLS',
    settings: () => ({ ...(kafka.client.sasl === undefined ? {} : { sasl: kafka.client.sasl }) }),
    says: /PULSE_KAFKA_TLS/,
  },
  {
    what: 'an authority that signed nothing here',
    settings: async () => ({ ...kafka.client, tls: { caFile: (await withCertificates({ after })).caFile } }),
    says: /PULSE_KAFKA_TLS_CA_FILE/,
  },
  {
    what: 'TLS to a port that speaks none',
    settings: () => ({ ...kafka.client, brokers: kafka.inside }),
    says: /unset PULSE_KAFKA_TLS/,
  },
]

for (const { what, settings, says } of WRONG) {
  test(`with ${what} the bus says within seconds what to set, and no event is taken for published`, async () => {
    const wrong = { brokers: [broker], clientId: 'wrong', publishTimeoutMs: 1_500, ...(await settings()) }
    await using bus = openBus(wrong)
    await assert.rejects(bus.ping(8_000), (error: Error) => {
      assert.equal(error.name, 'BusUnreachable')
      assert.match(error.message, says)
      assert.ok(!error.message.includes(kafka.secure?.password ?? '?'), 'no password is said')
      return true
    })
    const [verdict] = await bus.publisher().publish([record('pulse.any.events.raw', 'x')])
    assert.equal(verdict?.code, 'unreachable')
    assert.match(verdict.detail, says)
  })
}

test('without checking certificates the wrong authority is no obstacle, as asked for', async () => {
  await using bus = openBus({
    brokers: [broker],
    clientId: 'unchecked',
    publishTimeoutMs: 5_000,
    ...kafka.client,
    tls: { rejectUnauthorized: false },
  })
  await bus.ping(8_000)
})
