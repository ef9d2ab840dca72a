import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { after, test } from 'node:test'
import { openBus } from '../../src/bus/index.ts'
import { from, headersOf, newName, record } from '../bus/contract.ts'
import { withBusProcess } from '../bus/process.ts'
import { kafkaTool, run, type Ran } from '../kit/kafka.ts'

/**
 * Foreign clients on the embedded bus: kcat (librdkafka) and Apache Kafka's own command line tools. Each is a program of
 * its own; one that is missing fails its test by name.
 */

const server = await withBusProcess({ after })
const bus = openBus({ brokers: [server.broker], clientId: 'tools', publishTimeoutMs: 10_000 })
after(() => bus[Symbol.asyncDispose]())

const kcat = (args: readonly string[], input?: string): Promise<Ran> =>
  run('kcat', ['-b', server.broker, ...args], { ...(input === undefined ? {} : { input }), timeoutMs: 30_000 })

const tool = (name: string, args: readonly string[], input?: string): Promise<Ran> =>
  kafkaTool(name, ['--bootstrap-server', server.broker, ...args], input === undefined ? {} : { input })

function worked(ran: Ran): string {
  assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`)
  return ran.stdout
}

async function topicOf(partitions = 1): Promise<{ name: string; topicId: string; partitions: number }> {
  const [topic] = await bus.admin.ensureTopics([{ name: newName(), partitions }])
  assert.ok(topic !== undefined)
  return topic
}

test('kcat produces with keys and headers, and reads them back by partition', async () => {
  const { name } = await topicOf(2)
  worked(await kcat(['-P', '-t', name, '-p', '1', '-K:', '-H', 'traceparent=00-ab-cd-01'], 'k1:v1\nk2:v2\n'))
  const read = worked(
    await kcat(['-C', '-q', '-t', name, '-p', '1', '-o', 'beginning', '-e', '-f', '%p %o %k %s %h\n']),
  )
  assert.equal(read, '1 0 k1 v1 traceparent=00-ab-cd-01\n1 1 k2 v2 traceparent=00-ab-cd-01\n')
  assert.match(worked(await kcat(['-Q', '-t', `${name}:1:-1`])), /offset 2/)
  assert.match(worked(await kcat(['-L', '-t', name])), /2 partitions/)
})

for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
  test(`what kcat compresses with ${codec}, idempotently, Pulse's reader reads`, async () => {
    const topic = await topicOf()
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index} ${'abc'.repeat(50)}`)
    const config = ['-X', 'enable.idempotence=true', '-X', 'linger.ms=50', '-z', codec]
    worked(await kcat(['-P', '-t', topic.name, '-p', '0', ...config], `${lines.join('\n')}\n`))
    const values: string[] = []
    const reader = bus.reader()
    while (values.length < lines.length) {
      const answer = await reader.fetch([from(topic, values.length)], { maxBytes: 1e6, maxWaitMs: 2000 })
      assert.equal(answer.partitions.length, 1)
      for (const each of answer.partitions[0]?.records ?? []) values.push(String(each.value))
    }
    assert.deepEqual(values, lines)
  })
}

test('what Pulse publishes, kcat and the console consumer read', async () => {
  const { name } = await topicOf()
  const headers = headersOf({ 'pulse-dataset': 'd1' })
  const sent = [record(name, '{"a":1}', { headers }), record(name, '{"b":"ü"}', { headers, key: Buffer.from('key') })]
  assert.deepEqual(await bus.publisher().publish(sent), [null, null])
  const read = worked(await kcat(['-C', '-q', '-t', name, '-p', '0', '-o', 'beginning', '-e', '-f', '%s %h\n']))
  assert.equal(read, '{"a":1} pulse-dataset=d1\n{"b":"ü"} pulse-dataset=d1\n')
  const console = worked(
    await tool('consumer.ConsoleConsumer', [
      '--topic',
      name,
      '--partition',
      '0',
      '--from-beginning',
      '--max-messages',
      '2',
      '--timeout-ms',
      '30000',
    ]),
  )
  assert.equal(console, '{"a":1}\n{"b":"ü"}\n')
})

test('the console producer writes, GetOffsetShell counts, TopicCommand creates, describes, grows and deletes', async () => {
  const name = newName()
  worked(await tool('TopicCommand', ['--create', '--topic', name, '--partitions', '2']))
  worked(await tool('ConsoleProducer', ['--topic', name], 'one\ntwo\nthree\n'))
  const offsets = worked(await tool('GetOffsetShell', ['--topic', name]))
  const counts = [...offsets.matchAll(/:(\d+):(\d+)/g)].map((found) => Number(found[2]))
  assert.equal(counts.length, 2)
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    3,
  )
  worked(await tool('TopicCommand', ['--alter', '--topic', name, '--partitions', '3']))
  assert.match(
    worked(await tool('TopicCommand', ['--describe', '--topic', name])),
    /PartitionCount: 3\s+ReplicationFactor: 1/,
  )
  const refused = await tool('TopicCommand', ['--create', '--topic', newName(), '--replication-factor', '3'])
  assert.match(refused.stdout + refused.stderr, /embedded bus is one node/)
  worked(await tool('TopicCommand', ['--delete', '--topic', name]))
  assert.deepEqual(await bus.admin.describeTopics([name]), [])
})

test('Kafka’s verifiable producer has every acknowledged record in the log', async () => {
  const topic = await topicOf()
  const said = worked(
    await tool('VerifiableProducer', ['--topic', topic.name, '--max-messages', '2000', '--acks', '-1']),
  )
  assert.match(said, /"sent":2000,"acked":2000/)
  const [offsets] = await bus.admin.offsets([{ topic: topic.name, partition: 0 }])
  assert.equal(offsets?.latest, 2000)
})

test('group calls end at once with a clear error', async () => {
  const { name } = await topicOf()
  const group = await kcat(['-G', 'some-group', name])
  assert.notEqual(group.code, 0)
  assert.match(group.stderr, /embedded bus has no consumer groups/)
  const console = await tool('consumer.ConsoleConsumer', ['--topic', name, '--from-beginning', '--timeout-ms', '60000'])
  assert.match(console.stdout + console.stderr, /UnsupportedVersionException/)
})
