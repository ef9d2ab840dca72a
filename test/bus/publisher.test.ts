import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPublisher } from '../../src/bus/publisher.ts'
import type { Publisher } from '../../src/bus/port.ts'
import { batchBytes, readBatchHead } from '../../src/bus/records/batch.ts'
import type { TopicRoute } from '../../src/bus/topology.ts'
import { CODE } from '../../src/bus/wire/codes.ts'
import { record } from './contract.ts'
import { until } from '../kit/until.ts'
import { fakeLinks, fakeTopology, type FakeBroker } from './fake-cluster.ts'

interface Sent {
  readonly topic: string
  readonly partition: number
  readonly count: number
  readonly bytes: number
}

/** A broker that notes what it is sent and answers each partition with the code that `judge` gives. */
function broker(judge: (part: Sent) => number, log: Sent[][] = [], wait?: () => Promise<void>): FakeBroker {
  return async (_key, body, out) => {
    const sent: Sent[] = []
    body.stringOrNull()
    assert.equal(body.int16(), -1, 'acks of all in-sync replicas')
    body.int32()
    body.structs(() => {
      const topic = body.string()
      body.structs(() => {
        const partition = body.int32()
        const batch = body.bytesOrNull()
        assert.ok(batch !== null)
        assert.equal(batchBytes(batch, 0), batch.length, 'one batch a partition')
        sent.push({ topic, partition, count: readBatchHead(batch).count, bytes: batch.length })
      })
    })
    log.push(sent)
    await wait?.()
    out.structs(sent, (part) => {
      out.string(part.topic).structs([part], () => {
        const code = judge(part)
        out.int32(part.partition).int16(code).int64(0).int64(-1).int64(0)
        out.structs([], () => undefined).string(code === 0 ? null : `said no with ${code}`)
      })
    })
    out.int32(0).tags()
  }
}

const route = (name: string, ...leaders: (string | undefined)[]): [string, TopicRoute] => [
  name,
  { name, topicId: `id-${name}`, leaders },
]

function publisherOn(
  links: ReturnType<typeof fakeLinks>,
  topology: ReturnType<typeof fakeTopology>,
  timeoutMs = 3000,
): Publisher {
  return openPublisher({ timeoutMs, links, topology, nowMs: () => performance.now(), wallMs: Date.now })
}

test('only the partition that failed is sent again, to its new leader', async () => {
  const [first, second]: [Sent[][], Sent[][]] = [[], []]
  const routes = new Map([route('t', 'a:1', 'a:1')])
  const links = fakeLinks({
    'a:1': broker((part) => {
      if (part.partition !== 1) return CODE.none
      routes.set(...route('t', 'a:1', 'b:1'))
      return CODE.notLeaderOrFollower
    }, first),
    'b:1': broker(() => CODE.none, second),
  })
  await using publisher = publisherOn(links, fakeTopology(routes))
  const verdicts = await publisher.publish([
    record('t', 'x', { partition: 0 }),
    record('t', 'y', { partition: 1 }),
    record('t', 'z', { partition: 1 }),
  ])
  assert.deepEqual(verdicts, [null, null, null])
  assert.deepEqual(
    first
      .flat()
      .map(({ partition, count }) => [partition, count])
      .sort(),
    [
      [0, 1],
      [1, 2],
    ],
  )
  assert.deepEqual(
    second.flat().map(({ partition, count }) => [partition, count]),
    [[1, 2]],
  )
})

test('verdicts have the codes that callers act on, each in its place', async () => {
  const codes: Record<string, number> = {
    fine: CODE.none,
    large: CODE.messageTooLarge,
    gone: CODE.unknownTopicOrPartition,
    disk: CODE.kafkaStorageError,
    right: CODE.topicAuthorizationFailed,
    slow: CODE.requestTimedOut,
  }
  const routes = new Map(Object.keys(codes).map((name) => route(name, 'a:1')))
  const links = fakeLinks({ 'a:1': broker((part) => codes[part.topic] as number) })
  await using publisher = publisherOn(links, fakeTopology(routes))
  const verdicts = await publisher.publish(Object.keys(codes).map((topic) => record(topic, 'v')))
  assert.deepEqual(
    verdicts.map((verdict) => verdict?.code),
    [undefined, 'too_large', 'unknown_topic', 'storage', 'refused', 'timeout'],
  )
  assert.match(verdicts[3]?.detail ?? '', /said no with 56/)
  assert.match(verdicts[5]?.detail ?? '', /did not acknowledge within 3000 ms/)
  assert.deepEqual({ ...publisher.pending }, { records: 0, bytes: 0, oldestAgoMs: undefined })
})

test('batches stay below 900 KiB, one larger record goes alone, and at most four requests are in flight', async () => {
  const log: Sent[][] = []
  let [inFlight, most] = [0, 0]
  const links = fakeLinks({
    'a:1': broker(
      () => CODE.none,
      log,
      async () => {
        most = Math.max(most, (inFlight += 1))
        await new Promise((settle) => setTimeout(settle, 5))
        inFlight -= 1
      },
    ),
  })
  await using publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1')])))
  const records = Array.from({ length: 500 }, () => record('t', 'x'.repeat(30_000)))
  records.splice(100, 0, record('t', 'y'.repeat(2_000_000)))
  const answers = publisher.publish(records)
  assert.equal(publisher.pending.records, 501)
  assert.ok(publisher.pending.bytes > 17_000_000)
  assert.ok((await answers).every((verdict) => verdict === null))
  for (const part of log.flat()) assert.ok(part.bytes <= 900 * 1024 || part.count === 1, JSON.stringify(part))
  assert.equal(
    log.flat().reduce((sum, part) => sum + part.count, 0),
    501,
  )
  assert.ok(most <= 4 && most > 1, `${most} in flight`)
})

test('what comes while a request is in flight goes out together', async () => {
  const log: Sent[][] = []
  const links = fakeLinks({
    'a:1': broker(
      () => CODE.none,
      log,
      () => new Promise((settle) => setTimeout(settle, 1)),
    ),
  })
  await using publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1')])))
  await publisher.publish([record('t', 'first')])
  log.length = 0
  await Promise.all(Array.from({ length: 400 }, (_, index) => publisher.publish([record('t', `${index}`)])))
  assert.ok(log.length <= 4, `${log.length} requests for 400 calls of one turn`)
})

test('a batch that is too large as a whole is halved until it fits', async () => {
  const log: Sent[][] = []
  const links = fakeLinks({ 'a:1': broker((part) => (part.bytes > 5000 ? CODE.messageTooLarge : CODE.none), log) })
  await using publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1')])))
  const records = Array.from({ length: 64 }, () => record('t', 'x'.repeat(500)))
  records.splice(20, 0, record('t', 'x'.repeat(9000)))
  const verdicts = await publisher.publish(records)
  assert.deepEqual(
    verdicts.map((verdict) => verdict?.code ?? 'ok').filter((code) => code !== 'ok'),
    ['too_large'],
  )
  assert.equal(verdicts[20]?.code, 'too_large')
})

test('a broker that is down fails only what it leads, within the timeout, and serves again when it is back', async () => {
  const links = fakeLinks({ 'a:1': broker(() => CODE.none), 'b:1': broker(() => CODE.none) })
  links.down.add('b:1')
  await using publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1', 'b:1')])), 800)
  const begun = performance.now()
  const both = [record('t', 'x', { partition: 0 }), record('t', 'y', { partition: 1 })]
  const verdicts = await publisher.publish(both)
  assert.ok(performance.now() - begun < 10_000)
  assert.equal(verdicts[0], null)
  assert.equal(verdicts[1]?.code, 'unreachable')
  links.down.delete('b:1')
  assert.deepEqual(await publisher.publish(both), [null, null])
})

test('a broker that never answers hangs nobody', async () => {
  const links = fakeLinks({
    'a:1': broker(
      () => CODE.none,
      [],
      () => new Promise(() => undefined),
    ),
  })
  const publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1')])), 300)
  const verdicts = await Promise.all(Array.from({ length: 50 }, () => publisher.publish([record('t', 'x')])))
  assert.ok(verdicts.every(([verdict]) => verdict?.code === 'timeout'))
  assert.deepEqual({ ...publisher.pending }, { records: 0, bytes: 0, oldestAgoMs: undefined })
  await publisher[Symbol.asyncDispose]()
  assert.equal((await publisher.publish([record('t', 'late')]))[0]?.code, 'unreachable')
})

test('a broker that hangs does not hold up what the others lead', async () => {
  const links = fakeLinks({
    'a:1': broker(
      () => CODE.none,
      [],
      () => new Promise(() => undefined),
    ),
    'b:1': broker(() => CODE.none),
  })
  await using publisher = publisherOn(links, fakeTopology(new Map([route('t', 'a:1', 'b:1')])), 2000)
  let ended = 0
  const hanging = Array.from({ length: 20 }, async () => {
    await new Promise((settle) => setTimeout(settle, Math.random() * 50))
    const verdicts = await publisher.publish([record('t', 'x'.repeat(600_000), { partition: 0 })])
    ended += 1
    return verdicts
  })
  await new Promise((settle) => setTimeout(settle, 100))
  for (let index = 0; index < 20; index += 1) {
    assert.deepEqual(await publisher.publish([record('t', 'y', { partition: 1 })]), [null])
  }
  assert.equal(ended, 0, 'all of them while the others still hang')
  for (const [verdict] of await Promise.all(hanging)) assert.equal(verdict?.code, 'timeout')
})

test('while no broker answers, records of topics that are not known yet are unreachable, not unknown', async () => {
  const topology = fakeTopology(new Map())
  topology.away = true
  await using publisher = publisherOn(fakeLinks({}), topology, 300)
  assert.equal((await publisher.publish([record('new', 'x')]))[0]?.code, 'unreachable')
})

test('a topic that appears while its records wait is no error', async () => {
  const routes = new Map<string, TopicRoute>()
  await using publisher = publisherOn(fakeLinks({ 'a:1': broker(() => CODE.none) }), fakeTopology(routes))
  const answer = publisher.publish([record('late', 'x')])
  await new Promise((settle) => setTimeout(settle, 120))
  routes.set(...route('late', 'a:1'))
  assert.deepEqual(await answer, [null])
})

test('what a broker that hangs was sent goes to the leader that came after it, and what that one says counts', async () => {
  const second: Sent[][] = []
  const routes = new Map([route('t', 'a:1', 'b:1')])
  const hung = Promise.withResolvers<void>()
  const links = fakeLinks({
    'a:1': broker(
      () => CODE.topicAuthorizationFailed,
      [],
      () => hung.promise,
    ),
    'b:1': broker(() => CODE.none, second),
  })
  await using publisher = publisherOn(links, fakeTopology(routes), 30_000)
  const beganAt = performance.now()
  const published = publisher.publish([record('t', 'x', { partition: 0 }), record('t', 'y', { partition: 1 })])
  await until('the other to be acknowledged', () => second.length === 1)
  routes.set(...route('t', 'b:1', 'b:1'))
  assert.deepEqual(await published, [null, null])
  assert.ok(performance.now() - beganAt < 15_000, 'long before the publish timeout')
  assert.deepEqual(
    second.flat().map(({ partition }) => partition),
    [1, 0],
  )
  hung.resolve()
  assert.deepEqual(await publisher.publish([record('t', 'z', { partition: 0 })]), [null])
})
