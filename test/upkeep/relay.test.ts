import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Bus, OutgoingRecord, PublishVerdict } from '../../src/bus/index.ts'
import { dlqTopic } from '../../src/event/index.ts'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { openRelay, relayDeadLetters } from '../../src/upkeep/index.ts'
import { flushOf, letterOf, openGround, type Ground, type GroundDataset } from '../kit/ground.ts'
import { listen } from '../../src/telemetry/index.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'
import { chance } from '../kit/seed.ts'

type Worker = Awaited<ReturnType<Ground['worker']>>

async function bury(
  ground: Ground,
  dataset: GroundDataset,
  worker: Worker,
  offsets: readonly number[],
  change: (letter: DeadLetter) => DeadLetter = (same) => same,
) {
  const source = worker.owned.find((of) => of.tenantId === dataset.tenantId)
  assert.ok(source)
  const letters = offsets.map((offset) => change(letterOf(dataset, source, offset)))
  const commit = await flushOf(ground, dataset, worker, { ids: [], letters, nextOffset: Math.max(...offsets) + 1 })
  assert.equal((await commitFlush(ground.store, commit)).kind, 'committed')
}

/** Two tenants with a dataset each, and a worker that owns their partitions. */
async function prepare(t: TestContext) {
  const ground = await openGround(t)
  const bus = openMemoryBus()
  const place = async (): Promise<GroundDataset> => {
    const dataset = await ground.dataset(await ground.tenant())
    await ground.partition(dataset.tenantId)
    await bus.admin.ensureTopics([{ name: dlqTopic(dataset.tenantId), partitions: 1 }])
    return dataset
  }
  const [dataset, other] = [await place(), await place()]
  return { ground, bus, dataset, other, worker: await ground.worker() }
}

const sourceOf = (record: OutgoingRecord): string =>
  record.headers.entries.find(([name]) => name.toString() === 'pulse-source')?.[1].toString() ?? ''
const offsetsIn = (records: readonly OutgoingRecord[] = []): number[] =>
  records.map((record) => Number(sourceOf(record).split('/').at(-1)))
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

test("the copy has the record's key, value and headers as they were, plus why and from where", async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  const value = Buffer.from([0x7b, 0, 0xff])
  await bury(ground, dataset, worker, [5], (letter) => ({
    ...letter,
    value,
    headers: [
      ['a', 'é'],
      [Buffer.from([0xff]), Buffer.from([0])],
    ],
  }))
  assert.equal(await relayDeadLetters(ground.store, bus, worker.member.worker), 1)
  const [record] = bus.records.get(dlqTopic(dataset.tenantId)) ?? []
  assert.ok(record)
  assert.deepEqual([record.key, record.value], [Buffer.from('key'), value])
  assert.deepEqual(record.headers.entries.slice(0, 2), [
    [Buffer.from('a'), Buffer.from('é')],
    [Buffer.from([0xff]), Buffer.from([0])],
  ])
  const added = Object.fromEntries(
    record.headers.entries.slice(2).map(([name, text]) => [name.toString(), text.toString()]),
  )
  assert.deepEqual(added, {
    'pulse-reason': 'invalid',
    'pulse-error': 'must be string',
    'pulse-source': `pulse.${dataset.tenantId}.events.raw/0/5`,
  })
  assert.equal(await relayDeadLetters(ground.store, bus, worker.member.worker), 0, 'once acknowledged it is done')
})

test('letters are relayed in order and at least once, wherever it breaks off', async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  const { seed, next } = chance()
  t.diagnostic(`seed ${seed}`)
  for (let from = 0; from < 300; from += 100) await bury(ground, dataset, worker, range(from, from + 100))
  // Each publish does a prefix of its work, then breaks off: nobody hears of some that were appended.
  const records = bus.records
  const fragile: Pick<Bus, 'publisher'> = {
    publisher: () => ({
      ...bus.publisher(),
      async publish(outgoing): Promise<PublishVerdict[]> {
        const appended = Math.floor(next() * outgoing.length)
        const heard = Math.floor(next() * (appended + 1))
        await bus.publisher().publish(outgoing.slice(0, appended))
        return outgoing.map((_, i) => (i < heard ? null : { code: 'timeout', detail: 'cut off' }))
      },
    }),
  }
  for (let i = 0; i < 6; i++) await relayDeadLetters(ground.store, fragile, worker.member.worker)
  while ((await relayDeadLetters(ground.store, bus, worker.member.worker)) > 0);
  const offsets = offsetsIn(records.get(dlqTopic(dataset.tenantId)))
  const firsts = [...new Set(offsets)]
  assert.deepEqual(firsts, range(0, 300), 'the first copies are in order and none is missing')
  assert.equal((await ground.admin.query('SELECT FROM dead_letters WHERE relayed_at IS NULL')).length, 0)
})

test('a topic that takes nothing is left alone for a while, and stops nobody else', async (t) => {
  const { ground, bus, dataset: broken, other: sound, worker } = await prepare(t)
  await bury(ground, broken, worker, [0, 1])
  await bury(ground, sound, worker, [0, 1])
  await bus.admin.deleteTopics([dlqTopic(broken.tenantId)])
  const unrelayed: string[] = []
  t.after(
    listen(
      'worker.dead_letters.unrelayed',
      ({ tenant, events, detail }) => void unrelayed.push(`${tenant} ${events} ${detail}`),
    ),
  )
  await using relay = openRelay(ground.store, bus)
  assert.equal(await relay.turn(worker.member.worker), 2)
  assert.equal(unrelayed.length, 1)
  assert.match(unrelayed[0] ?? '', /^t\d+ 2 unknown_topic: ./)
  const calls = bus.calls.length
  assert.equal(await relay.turn(worker.member.worker), 0)
  assert.equal(bus.calls.length, calls, 'not even tried again at once')
  await bus.admin.ensureTopics([{ name: dlqTopic(broken.tenantId), partitions: 1 }])
  assert.equal(await relayDeadLetters(ground.store, bus, worker.member.worker), 2)
})

test("one tenant's flood takes its turns, and another's single letter is in the first", async (t) => {
  const { ground, bus, dataset: flood, other, worker } = await prepare(t)
  for (let from = 0; from < 2000; from += 1000) await bury(ground, flood, worker, range(from, from + 1000))
  await bury(ground, other, worker, [7])
  await using relay = openRelay(ground.store, bus)
  assert.equal(await relay.turn(worker.member.worker), 501)
  assert.deepEqual(offsetsIn(bus.records.get(dlqTopic(other.tenantId))), [7])
  let turns = 1
  while ((await relay.turn(worker.member.worker)) > 0) turns++
  assert.equal(turns, 4)
  assert.deepEqual(offsetsIn(bus.records.get(dlqTopic(flood.tenantId))), range(0, 2000))
})

test('a batch is bounded in bytes, but one letter goes whatever its size', async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  const sizes = [3 << 20, 3 << 20, 5 << 20, 10]
  await bury(ground, dataset, worker, [0, 1, 2, 3], (letter) => ({
    ...letter,
    value: Buffer.alloc(sizes[letter.offset] ?? 0, 1),
  }))
  await using relay = openRelay(ground.store, bus)
  for (const expected of [1, 1, 1, 1, 0]) assert.equal(await relay.turn(worker.member.worker), expected)
})

test('a letter that the topic never takes is marked with why, and the next ones go on', async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  await bury(ground, dataset, worker, [0, 1, 2])
  const narrow: Pick<Bus, 'publisher'> = {
    publisher: () => ({
      ...bus.publisher(),
      async publish(outgoing): Promise<PublishVerdict[]> {
        await bus.publisher().publish(outgoing.filter((record) => !sourceOf(record).endsWith('/1')))
        return outgoing.map((record) =>
          sourceOf(record).endsWith('/1') ? { code: 'too_large', detail: 'over a mebibyte' } : null,
        )
      },
    }),
  }
  assert.equal(await relayDeadLetters(ground.store, narrow, worker.member.worker), 2)
  const rows = await ground.admin.query(
    'SELECT source_offset::int AS at, relay_refused AS why FROM dead_letters WHERE relayed_at IS NOT NULL ORDER BY 1',
  )
  assert.deepEqual(rows, [
    { at: 0, why: null },
    { at: 1, why: 'over a mebibyte' },
    { at: 2, why: null },
  ])
})

test('only the owner of a source partition relays its letters', async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  await bury(ground, dataset, worker, [0])
  assert.equal(await relayDeadLetters(ground.store, bus, 'somebody-else'), 0)
  await worker.member.leave()
  assert.equal(await relayDeadLetters(ground.store, bus, worker.member.worker), 0)
  const successor = await ground.worker()
  assert.equal(await relayDeadLetters(ground.store, bus, successor.member.worker), 1)
})

test('the letters of a source that was retired are relayed by whoever comes first', async (t) => {
  const { ground, bus, dataset, worker } = await prepare(t)
  const source = worker.owned.find((of) => of.tenantId === dataset.tenantId)
  assert.ok(source)
  await bury(ground, dataset, worker, [0])
  await worker.member.retire(source)
  assert.equal(await relayDeadLetters(ground.store, bus, 'somebody-else'), 1)
})
