import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import {
  openBus,
  type Bus,
  type BusSettings,
  type FetchAnswer,
  type OutgoingRecord,
  type PreparedHeaders,
  type Reader,
  type SourcePosition,
  type TopicInfo,
} from '../../src/bus/index.ts'

export interface BusUnderTest {
  readonly broker: string
  /** What a client has to show. */
  readonly client?: Pick<BusSettings, 'tls' | 'sasl'>
  /** Kills the bus and starts it again on the same port and data. */
  restart(): Promise<void>
  /** Makes the bus unreachable until the returned function is called. */
  stop(): Promise<() => Promise<void>>
}

export const headersOf = (entries: Readonly<Record<string, string>>): PreparedHeaders => ({
  entries: Object.entries(entries).map(([key, value]) => [Buffer.from(key), Buffer.from(value)] as const),
})

export const record = (topic: string, value: string, extra: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  topic,
  key: Buffer.from(randomUUID()),
  value: Buffer.from(value),
  headers: headersOf({}),
  ...extra,
})

export const from = (topic: TopicInfo, offset = 0, partition = 0): SourcePosition => ({
  topicId: topic.topicId,
  topic: topic.name,
  partition,
  offset,
})

export const newName = (): string => `pulse.${randomUUID()}.events.raw`

export async function newTopic(bus: Bus, partitions = 1): Promise<TopicInfo> {
  const [topic] = await bus.admin.ensureTopics([{ name: newName(), partitions }])
  assert.ok(topic !== undefined)
  return topic
}

/** Fetches from all positions, following them, until `count` records came or nothing does for 10 s. */
export async function readAll(reader: Reader, positions: readonly SourcePosition[], count: number): Promise<string[]> {
  const values: string[] = []
  const at = new Map(positions.map((position) => [`${position.topicId}/${position.partition}`, position]))
  const deadline = Date.now() + 10_000
  while (values.length < count && Date.now() < deadline) {
    const answer = await reader.fetch([...at.values()], { maxBytes: 16 * 1024 * 1024, maxWaitMs: 500 })
    assert.deepEqual(answer.problems, [])
    for (const part of answer.partitions) {
      for (const each of part.records) values.push(String(each.value))
      const key = `${part.topicId}/${part.partition}`
      at.set(key, { ...(at.get(key) as SourcePosition), offset: part.nextOffset })
    }
  }
  return values
}

/** One poll until it says something. */
async function fetchSomething(reader: Reader, positions: readonly SourcePosition[]): Promise<FetchAnswer> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const answer = await reader.fetch(positions, { maxBytes: 1_000_000, maxWaitMs: 500 })
    if (answer.partitions.length > 0 || answer.problems.length > 0) return answer
    assert.ok(Date.now() < deadline, 'nothing came within 15 s')
  }
}

/**
 * What Pulse relies on, of any bus: run on the embedded one and on Apache Kafka alike, so that the two cannot drift apart.
 */
export function busContract(name: string, start: () => Promise<BusUnderTest>): void {
  const settings = ({ broker, client }: BusUnderTest, publishTimeoutMs = 10_000): BusSettings => ({
    brokers: [broker],
    clientId: 'contract',
    publishTimeoutMs,
    ...client,
  })

  test(`${name}: the port's contract`, async (t) => {
    const under = await start()
    const bus = openBus(settings(under))
    const publisher = bus.publisher()
    const reader = bus.reader()
    t.after(() => bus[Symbol.asyncDispose]())

    await t.test('ensureTopics creates what is missing once, also when asked ten times at once', async () => {
      const wanted = [
        { name: newName(), partitions: 1 },
        { name: newName(), partitions: 3 },
      ]
      const answers = await Promise.all(Array.from({ length: 10 }, () => bus.admin.ensureTopics(wanted)))
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.deepEqual(
        answers[0]?.map((topic) => topic.partitions),
        [1, 3],
      )
      assert.match(answers[0]?.[0]?.topicId ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-/)
      assert.deepEqual(await bus.admin.describeTopics([...wanted.map((each) => each.name), newName()]), answers[0])
    })

    await t.test('a topic that cannot be had is refused with a sentence', async () => {
      const bad = bus.admin.ensureTopics([{ name: 'no spaces please', partitions: 1 }])
      await assert.rejects(bad, { name: 'BusRefused', message: /no spaces please/ })
      const unknown = bus.admin.ensureTopics([{ name: newName(), partitions: 1, configs: { 'no.such.setting': '1' } }])
      await assert.rejects(unknown, { name: 'BusRefused' })
    })

    await t.test('what is published comes back: key, value, headers, offsets and times', async () => {
      const topic = await newTopic(bus)
      const headers = headersOf({ traceparent: '00-ab-cd-01', 'pulse-dataset': '', ünïcode: 'grüße' })
      const before = Date.now()
      const sent = [
        record(topic.name, '{"n":1}', { headers }),
        record(topic.name, '', { headers }),
        record(topic.name, 'x'.repeat(100_000)),
      ]
      assert.deepEqual(await publisher.publish(sent), [null, null, null])
      const answer = await fetchSomething(reader, [from(topic)])
      const part = answer.partitions[0]
      assert.ok(part !== undefined)
      assert.equal(part.nextOffset, part.records.length)
      assert.equal(part.logStart, 0)
      const got = await readRecords(reader, topic, 3)
      assert.deepEqual(
        got.map((each) => each.offset),
        [0, 1, 2],
      )
      assert.deepEqual(
        got.map((each) => String(each.value)),
        sent.map((each) => String(each.value)),
      )
      assert.deepEqual(
        got.map((each) => String(each.key)),
        sent.map((each) => String(each.key)),
      )
      assert.deepEqual(
        got[0]?.headers.map(([key, value]) => [String(key), String(value)]),
        [
          ['traceparent', '00-ab-cd-01'],
          ['pulse-dataset', ''],
          ['ünïcode', 'grüße'],
        ],
      )
      assert.deepEqual(got[2]?.headers, [])
      for (const each of got) assert.ok(each.timestampMs >= before - 1 && each.timestampMs <= Date.now() + 1)
    })

    await t.test('keys choose partitions as every Kafka client does, and a given partition wins', async () => {
      const topic = await newTopic(bus, 3)
      const known: [string, number][] = [
        ['a', 1],
        ['key-2', 1],
        ['1dfb4a5e', 0],
      ]
      const verdicts = await publisher.publish([
        ...known.map(([key]) => record(topic.name, key, { key: Buffer.from(key) })),
        record(topic.name, 'given', { partition: 2 }),
      ])
      assert.deepEqual(verdicts, [null, null, null, null])
      const { murmur2 } = await import('@platformatic/kafka')
      const expected = new Map<number, string[]>([
        [0, []],
        [1, []],
        [2, ['given']],
      ])
      for (const [key] of known) expected.get((murmur2(Buffer.from(key)) & 0x7fffffff) % 3)?.push(key)
      for (const partition of [0, 1, 2]) {
        const want = expected.get(partition) as string[]
        const got = want.length === 0 ? [] : await readAll(reader, [from(topic, 0, partition)], want.length)
        assert.deepEqual(got.sort(), want.sort())
      }
    })

    await t.test('one missing topic harms no other record, and the verdicts are in order', async () => {
      const topic = await newTopic(bus)
      const missing = newName()
      const verdicts = await publisher.publish([record(topic.name, '1'), record(missing, '2'), record(topic.name, '3')])
      assert.equal(verdicts[0], null)
      assert.equal(verdicts[1]?.code, 'unknown_topic')
      assert.match(verdicts[1]?.detail ?? '', new RegExp(missing))
      assert.equal(verdicts[2], null)
      assert.deepEqual(await readAll(reader, [from(topic)], 2), ['1', '3'])
    })

    await t.test('a record that is too large is refused alone; one of 1 MiB is taken', async () => {
      const topic = await newTopic(bus)
      const [small] = await bus.admin.ensureTopics([
        { name: newName(), partitions: 1, configs: { 'max.message.bytes': '50000' } },
      ])
      assert.ok(small !== undefined)
      const verdicts = await publisher.publish([
        record(topic.name, 'm'.repeat(1024 * 1024)),
        record(small.name, 'x'.repeat(60_000)),
        record(small.name, 'fits'),
        ...Array.from({ length: 20 }, () => record(small.name, 'h'.repeat(9_000))),
      ])
      assert.equal(verdicts[0], null)
      assert.equal(verdicts[1]?.code, 'too_large')
      assert.deepEqual(
        verdicts.slice(2),
        Array.from({ length: 21 }, () => null),
      )
      assert.equal((await readAll(reader, [from(small)], 21)).length, 21)
    })

    await t.test('10,000 records of 1 KiB in one call arrive once each', async () => {
      const topic = await newTopic(bus)
      const headers = headersOf({ a: 'b' })
      const filler = 'f'.repeat(1000)
      const sent = Array.from({ length: 10_000 }, (_, index) => record(topic.name, `${index} ${filler}`, { headers }))
      const verdicts = await publisher.publish(sent)
      assert.ok(verdicts.every((verdict) => verdict === null))
      assert.deepEqual({ ...publisher.pending }, { records: 0, bytes: 0, oldestAgoMs: undefined })
      const got = new Set(await readAll(reader, [from(topic)], 10_000))
      assert.equal(got.size, 10_000)
    })

    await t.test('a reader waits for what is not there yet, and its answer comes as soon as it is', async () => {
      const topic = await newTopic(bus)
      const early = reader.fetch([from(topic)], { maxBytes: 1000, maxWaitMs: 10_000 })
      await new Promise((settle) => setTimeout(settle, 100))
      const begun = performance.now()
      assert.deepEqual(await publisher.publish([record(topic.name, 'now')]), [null])
      const answer = await early
      assert.ok(performance.now() - begun < 5000)
      assert.equal(String(answer.partitions[0]?.records[0]?.value), 'now')
      const none = await reader.fetch([from(topic, 1)], { maxBytes: 1000, maxWaitMs: 50 })
      assert.deepEqual(none, { partitions: [], problems: [] })
    })

    await t.test('an aborted fetch answers at once, and the next one goes on where it should', async () => {
      const topic = await newTopic(bus)
      const stop = AbortSignal.timeout(50)
      const begun = performance.now()
      const answer = await reader.fetch([from(topic)], { maxBytes: 1000, maxWaitMs: 20_000, signal: stop })
      assert.ok(performance.now() - begun < 5000)
      assert.deepEqual(answer, { partitions: [], problems: [] })
      await publisher.publish([record(topic.name, 'later')])
      assert.deepEqual(await readAll(reader, [from(topic)], 1), ['later'])
    })

    await t.test('offsets out of range are a problem, never a silent skip', async () => {
      const topic = await newTopic(bus)
      await publisher.publish([record(topic.name, 'a'), record(topic.name, 'b'), record(topic.name, 'c')])
      const beyond = await fetchSomething(reader, [from(topic, 99)])
      assert.deepEqual(
        beyond.problems.map(({ code, partition }) => ({ code, partition })),
        [{ code: 'offset_out_of_range', partition: 0 }],
      )
      await bus.admin.deleteRecords([{ topic: topic.name, partition: 0, beforeOffset: 2 }])
      await bus.admin.deleteRecords([{ topic: topic.name, partition: 0, beforeOffset: 1 }])
      assert.deepEqual(await bus.admin.offsets([{ topic: topic.name, partition: 0 }]), [
        { topicId: topic.topicId, topic: topic.name, partition: 0, earliest: 2, latest: 3 },
      ])
      const below = await fetchSomething(reader, [from(topic, 0)])
      assert.equal(below.problems[0]?.code, 'offset_out_of_range')
      assert.deepEqual(below.partitions, [])
      assert.deepEqual(await readAll(reader, [from(topic, 2)], 1), ['c'])
      await assert.rejects(bus.admin.deleteRecords([{ topic: topic.name, partition: 0, beforeOffset: 100 }]), {
        name: 'BusRefused',
      })
    })

    await t.test('a topic that was made again is another one: the old id is a problem', async () => {
      const topic = await newTopic(bus)
      const neighbour = await newTopic(bus)
      await publisher.publish([record(topic.name, 'old'), record(neighbour.name, 'n')])
      assert.deepEqual(await readAll(reader, [from(topic)], 1), ['old'])
      await bus.admin.deleteTopics([topic.name])
      await bus.admin.deleteTopics([topic.name])
      const [again] = await bus.admin.ensureTopics([{ name: topic.name, partitions: 1 }])
      assert.ok(again !== undefined)
      assert.notEqual(again.topicId, topic.topicId)
      const deadline = Date.now() + 15_000
      let seen: FetchAnswer = { partitions: [], problems: [] }
      const values: string[] = []
      while ((seen.problems.length === 0 || values.length === 0) && Date.now() < deadline) {
        const offset = values.length
        const answer = await reader.fetch([from(topic, 1), from(neighbour, offset)], { maxBytes: 1000, maxWaitMs: 200 })
        if (answer.problems.length > 0) seen = answer
        for (const part of answer.partitions) values.push(...part.records.map((each) => String(each.value)))
      }
      assert.equal(seen.problems[0]?.code, 'unknown_topic_id')
      assert.equal(seen.problems[0]?.topicId, topic.topicId)
      assert.deepEqual(values, ['n'])
      assert.deepEqual(await publisher.publish([record(topic.name, 'new')]), [null])
      assert.deepEqual(await readAll(reader, [from(again)], 1), ['new'])
    })

    await t.test('positions may be added, moved back and left out between polls', async () => {
      const [one, two] = [await newTopic(bus), await newTopic(bus)]
      await publisher.publish([record(one.name, 'a'), record(one.name, 'b'), record(two.name, 'c')])
      assert.deepEqual(await readAll(reader, [from(one)], 2), ['a', 'b'])
      assert.deepEqual((await readAll(reader, [from(one, 1), from(two)], 2)).sort(), ['b', 'c'])
      assert.deepEqual(await readAll(reader, [from(two)], 1), ['c'])
      assert.deepEqual(await readAll(reader, [from(one)], 2), ['a', 'b'])
      const none = await reader.fetch([from(two, 1)], { maxBytes: 1000, maxWaitMs: 100 })
      assert.deepEqual(none, { partitions: [], problems: [] })
    })

    await t.test('small byte limits still make progress through large records', async () => {
      const topic = await newTopic(bus)
      const values = Array.from({ length: 5 }, (_, index) => `${index}`.repeat(200_000))
      for (const value of values) assert.deepEqual(await publisher.publish([record(topic.name, value)]), [null])
      const got: string[] = []
      for (let offset = 0; offset < 5;) {
        const answer = await reader.fetch([{ ...from(topic, offset), maxBytes: 1000 }], {
          maxBytes: 1000,
          maxWaitMs: 5000,
        })
        const part = answer.partitions[0]
        assert.ok(part !== undefined)
        got.push(...part.records.map((each) => String(each.value)))
        offset = part.nextOffset
      }
      assert.deepEqual(got, values)
    })

    await t.test('a bus that is killed and comes back is found again, and what was acknowledged is there', async () => {
      const topic = await newTopic(bus)
      assert.deepEqual(await publisher.publish([record(topic.name, 'before')]), [null])
      await under.restart()
      const deadline = Date.now() + 30_000
      let verdict = (await publisher.publish([record(topic.name, 'after')]))[0]
      while (verdict !== null && Date.now() < deadline)
        verdict = (await publisher.publish([record(topic.name, 'after')]))[0]
      assert.equal(verdict, null)
      const [described] = await bus.admin.describeTopics([topic.name])
      assert.deepEqual(described, topic)
      const values = await readAll(bus.reader(), [from(topic)], 2)
      assert.equal(values[0], 'before')
      assert.ok(values.includes('after'))
      // The reader that was there before the restart goes on, too.
      assert.equal((await readAll(reader, [from(topic, 1)], 1))[0], 'after')
    })

    await t.test('while the bus is away every call ends within its bound', async () => {
      const topic = await newTopic(bus)
      await using impatient = openBus(settings(under, 700))
      const quick = impatient.publisher()
      assert.deepEqual(await quick.publish([record(topic.name, '1')]), [null])
      const start = await under.stop()
      const begun = performance.now()
      const [verdict] = await quick.publish([record(topic.name, '2')])
      assert.ok(verdict?.code === 'unreachable' || verdict?.code === 'timeout', JSON.stringify(verdict))
      assert.ok(performance.now() - begun < 10_000)
      assert.deepEqual({ ...quick.pending }, { records: 0, bytes: 0, oldestAgoMs: undefined })
      await assert.rejects(impatient.ping(500), { name: 'BusUnreachable' })
      await assert.rejects(
        (async () => {
          // The first poll after the loss may end with the loss only; the bus is unreachable for all that follow.
          for (let poll = 0; poll < 20; poll += 1)
            await impatient.reader().fetch([from(topic)], { maxBytes: 1000, maxWaitMs: 200 })
        })(),
        { name: 'BusUnreachable' },
      )
      await start()
      const deadline = Date.now() + 30_000
      let back = (await quick.publish([record(topic.name, '3')]))[0]
      while (back !== null && Date.now() < deadline) back = (await quick.publish([record(topic.name, '3')]))[0]
      assert.equal(back, null)
    })
  })
}

async function readRecords(
  reader: Reader,
  topic: TopicInfo,
  count: number,
): Promise<FetchAnswer['partitions'][number]['records']> {
  const records: FetchAnswer['partitions'][number]['records'][number][] = []
  const deadline = Date.now() + 10_000
  while (records.length < count && Date.now() < deadline) {
    const offset = (records.at(-1)?.offset ?? -1) + 1
    const answer = await reader.fetch([from(topic, offset)], { maxBytes: 1_000_000, maxWaitMs: 500 })
    for (const part of answer.partitions) records.push(...part.records)
  }
  return records
}
