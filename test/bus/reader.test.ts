import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Reader, SourcePosition } from '../../src/bus/port.ts'
import { placeBatch } from '../../src/bus/records/batch.ts'
import { openReader } from '../../src/bus/reader.ts'
import type { TopicRoute } from '../../src/bus/topology.ts'
import { CODE } from '../../src/bus/wire/codes.ts'
import { until } from '../kit/until.ts'
import { batchOf } from './embedded/engine-kit.ts'
import { fakeLinks, fakeTopology, type FakeBroker } from './fake-cluster.ts'

const id = (digit: number): string => `00000000-0000-4000-8000-00000000000${digit}`
const route = (name: string, digit: number, ...leaders: (string | undefined)[]): [string, TopicRoute] => [
  name,
  { name, topicId: id(digit), leaders },
]
const at = (topic: string, digit: number, offset: number, partition = 0): SourcePosition => ({
  topicId: id(digit),
  topic,
  partition,
  offset,
})

interface Answered {
  readonly code?: number
  /** One batch of these values, from `offset` on. */
  readonly values?: readonly string[]
  readonly damage?: boolean
}

interface Seen {
  sessionId: number
  epoch: number
  wants: string[]
  forgotten: string[]
}

/** A broker with incremental sessions that answers what `judge` says for each partition of the session. */
function broker(
  judge: (want: { topicId: string; partition: number; offset: number }) => Answered | undefined,
  log: Seen[] = [],
  options: { wait?: () => Promise<void>; refuse?: () => number } = {},
): FakeBroker {
  const session = new Map<string, { topicId: string; partition: number; offset: number }>()
  return async (_key, body, out) => {
    body.int32()
    body.int32()
    body.int32()
    body.int8()
    const seen: Seen = { sessionId: body.int32(), epoch: body.int32(), wants: [], forgotten: [] }
    if (seen.epoch === 0) session.clear()
    body.structs(() => {
      const topicId = body.uuid()
      body.structs(() => {
        const partition = body.int32()
        body.int32()
        const offset = body.int64()
        body.int32()
        body.int64()
        body.int32()
        seen.wants.push(`${topicId.slice(-1)}/${partition}@${offset}`)
        session.set(`${topicId}/${partition}`, { topicId, partition, offset })
      })
    })
    body.structs(() => {
      const topicId = body.uuid()
      for (const partition of body.values(() => body.int32())) {
        seen.forgotten.push(`${topicId.slice(-1)}/${partition}`)
        session.delete(`${topicId}/${partition}`)
      }
    })
    log.push(seen)
    await options.wait?.()
    const refused = options.refuse?.() ?? CODE.none
    const answers = [...session.values()]
      .map((want) => ({ want, answer: judge(want) }))
      .filter(({ answer }) => answer !== undefined)
    out
      .int32(0)
      .int16(refused)
      .int32(refused === CODE.none ? 77 : 0)
    out.structs(refused === CODE.none ? answers : [], ({ want, answer }) => {
      out.uuid(want.topicId).structs([want], () => {
        out
          .int32(want.partition)
          .int16(answer?.code ?? 0)
          .int64(100)
          .int64(100)
          .int64(5)
          .structs([], () => undefined)
          .int32(-1)
        if (answer?.values === undefined) return out.pieces([])
        const batch = batchOf(answer.values)
        placeBatch(batch, 0, want.offset)
        if (answer.damage === true) batch[65] = (batch[65] as number) ^ 1
        return out.pieces([batch])
      })
    })
    out.tags()
  }
}

function readerOn(brokers: Record<string, FakeBroker>, routes: Map<string, TopicRoute>) {
  const links = fakeLinks(brokers)
  const topology = fakeTopology(routes)
  const reader = openReader({ links, topology, lane: 'fetch', nowMs: () => performance.now() })
  return { links, topology, reader }
}

const poll = (reader: Reader, positions: readonly SourcePosition[], maxWaitMs = 300) =>
  reader.fetch(positions, { maxBytes: 1e6, maxWaitMs })

test('a session is told only what changed: moved, added and left out', async () => {
  const log: Seen[] = []
  const routes = new Map([route('t', 1, 'a:1', 'a:1'), route('u', 2, 'a:1')])
  const { reader } = readerOn(
    { 'a:1': broker((want) => (want.partition === 0 ? { values: ['v'] } : undefined), log) },
    routes,
  )
  await poll(reader, [at('t', 1, 10), at('t', 1, 3, 1)])
  await poll(reader, [at('t', 1, 11), at('t', 1, 3, 1), at('u', 2, 0)])
  await poll(reader, [at('t', 1, 11), at('u', 2, 1)])
  assert.deepEqual(log, [
    { sessionId: 0, epoch: 0, wants: ['1/0@10', '1/1@3'], forgotten: [] },
    { sessionId: 77, epoch: 1, wants: ['1/0@11', '2/0@0'], forgotten: [] },
    { sessionId: 77, epoch: 2, wants: ['2/0@1'], forgotten: ['1/1'] },
  ])
})

test('a session that the broker lost is begun again, and nothing is skipped', async () => {
  const log: Seen[] = []
  let lost = false
  const refuse = (): number => {
    const code = lost ? CODE.fetchSessionIdNotFound : CODE.none
    lost = false
    return code
  }
  const { reader } = readerOn(
    { 'a:1': broker(() => ({ values: ['v'] }), log, { refuse }) },
    new Map([route('t', 1, 'a:1')]),
  )
  assert.equal((await poll(reader, [at('t', 1, 0)])).partitions[0]?.nextOffset, 1)
  lost = true
  assert.equal((await poll(reader, [at('t', 1, 1)])).partitions[0]?.records[0]?.offset, 1)
  assert.deepEqual(
    log.map(({ epoch }) => epoch),
    [0, 1, 0],
  )
})

test('a slow broker holds up nobody, and its answer is taken later if it still fits', async () => {
  let release = (): void => undefined
  const slow = new Promise<void>((resolve) => (release = resolve))
  const log: Seen[] = []
  const routes = new Map([route('t', 1, 'a:1', 'b:1')])
  const { reader } = readerOn(
    {
      'a:1': broker(() => ({ values: ['quick'] })),
      'b:1': broker(() => ({ values: ['slow'] }), log, { wait: () => slow }),
    },
    routes,
  )
  const first = await poll(reader, [at('t', 1, 0), at('t', 1, 0, 1)], 5000)
  assert.deepEqual(
    first.partitions.map(({ partition }) => partition),
    [0],
  )
  release()
  const second = await poll(reader, [at('t', 1, 0, 1)], 5000)
  assert.equal(String(second.partitions[0]?.records[0]?.value), 'slow')
  assert.equal(log.length, 1, 'the answer that was under way was used')
})

test('an answer for a position that has moved meanwhile is dropped', async () => {
  let release = (): void => undefined
  const slow = new Promise<void>((resolve) => (release = resolve))
  const { reader } = readerOn(
    { 'a:1': broker(() => ({ values: ['x', 'y'] }), [], { wait: () => slow }) },
    new Map([route('t', 1, 'a:1')]),
  )
  assert.deepEqual(await poll(reader, [at('t', 1, 0)], 0).then(async (early) => early), {
    partitions: [],
    problems: [],
  })
  release()
  const answer = await poll(reader, [at('t', 1, 40)], 2000)
  assert.equal(answer.partitions[0]?.records[0]?.offset, 40)
})

test('a leader that moves is followed without a word', async () => {
  const routes = new Map([route('t', 1, 'a:1')])
  const { reader } = readerOn(
    {
      'a:1': broker(() => {
        routes.set(...route('t', 1, 'b:1'))
        return { code: CODE.notLeaderOrFollower }
      }),
      'b:1': broker(() => ({ values: ['v'] })),
    },
    routes,
  )
  const answer = await poll(reader, [at('t', 1, 7)], 5000)
  assert.deepEqual(answer.problems, [])
  assert.equal(answer.partitions[0]?.records[0]?.offset, 7)
})

test('a broker that hangs is left for the leader that came after it, long before its request ends', async () => {
  const routes = new Map([route('t', 1, 'a:1')])
  const { reader } = readerOn(
    {
      'a:1': broker(() => undefined, [], { wait: () => new Promise(() => {}) }),
      'b:1': broker(() => ({ values: ['v'] })),
    },
    routes,
  )
  const first = await poll(reader, [at('t', 1, 7)], 100)
  assert.deepEqual([first.partitions, first.problems], [[], []])
  routes.set(...route('t', 1, 'b:1'))
  const read = await until('the record', async () => {
    const answer = await poll(reader, [at('t', 1, 7)], 100)
    assert.deepEqual(answer.problems, [])
    return answer.partitions[0]
  })
  assert.equal(read.records[0]?.offset, 7)
})

test('a log that is another one than was read is a problem that says from where on', async () => {
  const routes = new Map([route('t', 1, 'a:1')])
  const asked: number[] = []
  const links = fakeLinks({
    'a:1'(_key, body, out) {
      for (let skipped = 0; skipped < 3; skipped += 1) body.int32()
      body.int8()
      body.int32()
      body.int32()
      body.structs(() => {
        body.uuid()
        body.structs(() => {
          body.int32()
          body.int32()
          body.int64()
          asked.push(body.int32())
          body.int64()
          body.int32()
        })
      })
      out.int32(0).int16(0).int32(0)
      out.structs([0], () => {
        out.uuid(id(1))
        // By hand, because the writer knows no tagged fields: one partition, and behind it the diverging epoch (tag 0).
        out.int8(2).int32(0).int16(0).int64(20).int64(20).int64(0)
        out
          .structs([], () => undefined)
          .int32(-1)
          .int8(1)
        out.int8(1).int8(0).int8(13).int32(4).int64(5).int8(0)
      })
      out.tags()
    },
  })
  const topology = fakeTopology(routes)
  const reader = openReader({ links, topology, lane: 'fetch', nowMs: () => performance.now() })
  const answer = await poll(reader, [{ ...at('t', 1, 9), epoch: 6 }])
  assert.deepEqual(asked, [6])
  assert.deepEqual(answer.partitions, [])
  assert.deepEqual(
    answer.problems.map(({ code, divergesAt }) => [code, divergesAt]),
    [['cut_back', 5]],
  )
})

test('trouble that stays is a problem with its code, and healthy partitions are read beside it', async () => {
  const routes = new Map([route('t', 1, 'a:1', undefined), route('u', 2, 'a:1')])
  const { reader } = readerOn(
    { 'a:1': broker(({ topicId }) => (topicId === id(2) ? { code: CODE.offsetOutOfRange } : { values: ['v'] })) },
    routes,
  )
  const codes = new Map<string, string>()
  const deadline = Date.now() + 10_000
  let [offset, rounds] = [0, 0]
  while (codes.size < 3 && Date.now() < deadline) {
    const answer = await poll(reader, [at('t', 1, offset), at('t', 1, 0, 1), at('u', 2, 0), at('gone', 3, 0)], 100)
    for (const each of answer.problems) codes.set(`${each.topic}/${each.partition}`, each.code)
    offset = answer.partitions[0]?.nextOffset ?? offset
    rounds += 1
  }
  assert.deepEqual(Object.fromEntries(codes), {
    'u/0': 'offset_out_of_range',
    't/1': 'unavailable',
    'gone/0': 'unknown_topic_id',
  })
  assert.ok(offset >= rounds - 2 && offset > 0, `${offset} records in ${rounds} polls`)
})

test('a damaged batch is reported where it begins, never skipped', async () => {
  const { reader } = readerOn(
    { 'a:1': broker(() => ({ values: ['v', 'w'], damage: true })) },
    new Map([route('t', 1, 'a:1')]),
  )
  const answer = await poll(reader, [at('t', 1, 7)])
  assert.deepEqual(answer.partitions, [])
  assert.equal(answer.problems[0]?.code, 'corrupt')
  assert.match(answer.problems[0]?.detail ?? '', /offset 7 fails its checksum/)
})

test('with one of two brokers down the other is read; with none the caller is told', async () => {
  const routes = new Map([route('t', 1, 'a:1', 'b:1')])
  const { reader, links, topology } = readerOn(
    { 'a:1': broker(() => ({ values: ['v'] })), 'b:1': broker(() => undefined) },
    routes,
  )
  links.down.add('b:1')
  assert.equal((await poll(reader, [at('t', 1, 0), at('t', 1, 0, 1)])).partitions.length, 1)
  links.down.add('a:1')
  topology.away = true
  const away = async (): Promise<void> => {
    for (let round = 0; round < 3; round += 1) await poll(reader, [at('t', 1, 1), at('t', 1, 0, 1)])
  }
  await assert.rejects(away(), { name: 'BusUnreachable' })
})
