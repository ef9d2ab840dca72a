import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { assertBalanced, at, openCarriage, recordOf, type Carriage, type Place } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

const some = (place: Place, count: number, from = 0, more: Record<string, unknown> = {}) =>
  Array.from({ length: count }, (_, n) => recordOf(place, { timestamp: at(1), n: from + n, ...more }))
const numbers = async (carriage: Carriage, place: Place): Promise<number[]> =>
  (await carriage.rows(place)).map((row) => Number(row['n'])).sort((a, b) => a - b)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

test('records that were removed before they were read are counted by name, and reading goes on', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const lost = carriage.heard('worker.source.lost')
  carriage.log.append(place.topic, 0, some(place, 10))
  carriage.log.deleteBelow(place.topic, 0, 4)
  const ingest = await carriage.start()
  await until('the rest', () => ingest.tally.appended === 6)
  assert.deepEqual(
    lost.map(({ topic, reason, missing }) => ({ topic, reason, missing })),
    [{ topic: place.topic, reason: 'records_missing', missing: 4 }],
  )
  assert.deepEqual(await numbers(carriage, place), [4, 5, 6, 7, 8, 9])
  assertBalanced(ingest)
})

test('a topic that was made anew is reported and read from its start, as another source', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const lost = carriage.heard('worker.source.lost')
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, some(place, 5))
  await until('five rows', () => ingest.tally.appended === 5)
  carriage.log.removeTopic(place.topic, { name: place.topic, topicId: randomUUID(), partitions: 2 })
  carriage.log.append(place.topic, 0, some(place, 5, 5))
  carriage.log.append(place.topic, 1, some(place, 5, 10))
  await until('ten more', () => ingest.tally.appended === 15)
  assert.deepEqual(
    lost.map(({ reason, missing }) => ({ reason, missing })),
    [{ reason: 'recreated', missing: 0 }],
  )
  assert.deepEqual(await numbers(carriage, place), upTo(15))
  assertBalanced(ingest)
  await until("the old source is nobody's", async () => {
    const rows = await carriage.pg
      .sql('admin')
      .query('SELECT 1 FROM source_partitions WHERE retired_at IS NOT NULL AND owner IS NULL')
    return rows.length === 1 && ingest.facts().owned === 2
  })
})

test('a log that was cut back is read again from its start, and no offset given out twice is taken for settled', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const lost = carriage.heard('worker.source.lost')
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, some(place, 10))
  await until('ten rows', () => ingest.tally.appended === 10)
  carriage.log.cutAt(place.topic, 0, 4)
  await until('it was said', () => lost.length > 0)
  assert.equal(lost[0]?.reason, 'records_missing')
  assert.equal(lost[0]?.missing, 6)
  carriage.log.append(place.topic, 0, some(place, 10, 10))
  await until('ten more', () => ingest.tally.appended === 20)
  assert.equal(ingest.tally.duplicates, 4, 'what was still there is known to the ledger')
  assert.deepEqual(await numbers(carriage, place), upTo(20))
  assertBalanced(ingest)
  await ingest.stop(5_000)
  const next = await carriage.start()
  carriage.log.append(place.topic, 0, some(place, 1, 20))
  await until('one more', () => next.tally.appended === 1)
  assert.equal(next.tally.consumed, 1, 'and its successor begins where it ended')
})

test('a bus that is away is waited for, and an answer that was lost is asked for again', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const [away, back] = [carriage.heard('dependency.away'), carriage.heard('dependency.back')]
  carriage.log.append(place.topic, 0, some(place, 5))
  carriage.log.setAway(true)
  const ingest = await carriage.start()
  await until('it was said', () => away.length > 0)
  assert.equal(ingest.tally.consumed, 0)
  carriage.log.setAway(false)
  carriage.log.loseNextAnswers(2)
  await until('five rows', () => ingest.tally.appended === 5)
  assert.equal(ingest.tally.consumed, 5)
  assert.deepEqual(
    away.map((one) => one.dependency),
    ['kafka'],
  )
  assert.deepEqual(
    back.map((one) => one.dependency),
    ['kafka'],
  )
})

test('a tenant that floods is held back by its part of the buffer, and another is read meanwhile', async (t) => {
  const carriage = await openCarriage(t)
  const [flood, calm] = [await carriage.place(), await carriage.place()]
  const open = Promise.withResolvers<void>()
  const bufferBytes = 4 << 20
  carriage.log.append(flood.topic, 0, some(flood, 2_000, 0, { name: 'x'.repeat(4_000) }))
  const ingest = await carriage.start({
    limits: { bufferBytes, flushSeconds: 0.05 },
    // The flooding tenant's flushes do not end until the test says so.
    record: (real) => ({
      ...real,
      commit: async (commit) =>
        commit.tenantId === flood.tenantId ? (await open.promise, real.commit(commit)) : real.commit(commit),
    }),
  })
  const held = () => ingest.buffer.tenants.get(flood.tenantId)?.bytes ?? 0
  await until('the flood is held back', () => held() > bufferBytes / 2)
  carriage.log.append(calm.topic, 0, some(calm, 50))
  await until('the calm tenant is read and flushed', () => ingest.tally.appended === 50)
  assert.ok(held() <= (bufferBytes * 3) / 4, `${held()} of ${bufferBytes}`)
  assert.ok(ingest.buffer.bytes <= bufferBytes)
  assertBalanced(ingest)
  open.resolve()
  await until('all of it', () => ingest.tally.appended === 2_050, 30_000)
  assert.equal(ingest.buffer.bytes, 0)
  assert.deepEqual(await numbers(carriage, flood), upTo(2_000))
})

test("a new tenant's topic is picked up within seconds", async (t) => {
  const carriage = await openCarriage(t)
  const ingest = await carriage.start()
  await until('it runs', () => ingest.facts().shared)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, some(place, 3))
  await until('three rows', () => ingest.tally.appended === 3, 4_000)
})

test('an answer that was asked for before its partition was claimed anew is not taken for the new claim', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const ingest = await carriage.start({ limits: { flushRows: 20, flushSeconds: 1_000, leaseSeconds: 1.5 } })
  carriage.log.append(place.topic, 0, some(place, 10))
  await until('ten records wait', () => ingest.tally.buffered === 10)
  const answer = carriage.log.holdNextAnswer()
  t.after(answer.release)
  carriage.log.append(place.topic, 0, some(place, 10, 10))
  await answer.held
  // The lease ends (a long pause): what is buffered is forgotten, and everything is claimed again under another name.
  const before = ingest.facts().worker
  await carriage.pg.sql('admin').query("UPDATE worker_members SET expires_at = now() - interval '1 second'")
  await until('another claim', () => ingest.facts().worker !== before && ingest.facts().owned === 1)
  answer.release()
  await until('all twenty', () => ingest.tally.appended === 20)
  assert.deepEqual(await numbers(carriage, place), upTo(20))
  assertBalanced(ingest)
})

test('what a dataset forgot while it was parked is read again, whatever was being fetched when it came back', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  let isThere = false
  const ingest = await carriage.start({
    limits: { bufferBytes: 16 << 20 },
    lake: (real) => ({ ...real, pointer: async (...of) => (isThere ? real.pointer(...of) : undefined) }),
  })
  carriage.log.append(place.topic, 0, some(place, 500, 0, { name: 'x'.repeat(4_000) }))
  await until('its newest are forgotten', () => ingest.tally.released > 0 && ingest.tally.consumed >= 500)
  const answer = carriage.log.holdNextAnswer()
  t.after(answer.release)
  carriage.log.append(place.topic, 0, some(place, 5, 500))
  await answer.held
  isThere = true
  await until('it is back', () => ingest.tally.appended > 0)
  answer.release()
  await until('all of it', () => ingest.tally.appended === 505)
  assert.deepEqual(await numbers(carriage, place), upTo(505))
  assertBalanced(ingest)
})

test('a dead letter at an offset that is given out a second time is kept beside the first one', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const bad = (name: string) => recordOf(place, { timestamp: at(1), n: name })
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, [bad('kept'), ...some(place, 3), bad('cut off')])
  await until('two letters', () => ingest.tally.deadLettered === 2 && ingest.tally.appended === 3)
  carriage.log.cutAt(place.topic, 0, 1)
  const lost = carriage.heard('worker.source.lost')
  await until('it was said', () => lost.length > 0)
  carriage.log.append(place.topic, 0, [...some(place, 3, 3), bad('second')])
  await until('everything is judged again', () => ingest.tally.deadLettered === 4 && ingest.tally.appended === 6)
  const names = (await carriage.letters(place)).map((one) => [one['offset'], JSON.parse(String(one['value'])).data.n])
  assert.deepEqual(names.sort(), [
    [0, 'kept'],
    [0, 'kept'],
    [4, 'cut off'],
    [4, 'second'],
  ])
  assertBalanced(ingest)
})

test('a log that was cut back and has grown past the place of reading by then is read again from its start', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const lost = carriage.heard('worker.source.lost')
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, some(place, 10))
  await until('ten rows', () => ingest.tally.appended === 10)
  // At one instant: whoever reads sees a log that begins and ends as one that has only grown.
  carriage.log.cutAt(place.topic, 0, 4)
  carriage.log.append(place.topic, 0, some(place, 20, 10))
  await until('twenty more', () => ingest.tally.appended === 30)
  assert.deepEqual(
    lost.map(({ reason, missing }) => ({ reason, missing })),
    [{ reason: 'records_missing', missing: 6 }],
  )
  assert.equal(ingest.tally.duplicates, 4)
  assert.deepEqual(await numbers(carriage, place), upTo(30))
  assertBalanced(ingest)
})

test('that a log was cut back while nobody read it is noticed by the next who does', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const lost = carriage.heard('worker.source.lost')
  const before = await carriage.start()
  carriage.log.append(place.topic, 0, some(place, 10))
  await until('ten rows', () => before.tally.appended === 10)
  await before.stop(5_000)
  carriage.log.cutAt(place.topic, 0, 4)
  carriage.log.append(place.topic, 0, some(place, 20, 10))
  const ingest = await carriage.start()
  await until('twenty more', () => ingest.tally.appended === 20)
  assert.equal(lost.length, 1)
  assert.deepEqual(await numbers(carriage, place), upTo(30))
  assertBalanced(ingest)
})
