import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBalanced, at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

const some = (place: Place, count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => recordOf(place, { timestamp: at(1), n: from + n }))

test('a worker whose membership ended while a flush was under way joins anew and reads on, whatever the late flush says', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const admin = carriage.pg.sql('admin')
  carriage.log.append(place.topic, 0, some(place, 10))
  const fenced = carriage.heard('worker.flush.fenced')
  const names = new Set<string>()
  let ended = false
  const ingest = await carriage.start({
    limits: { leaseSeconds: 1 },
    async point(name) {
      if (name !== 'flush.before_commit' || ended) return
      ended = true
      names.add(ingest.facts().worker)
      await admin.query(`UPDATE worker_members SET expires_at = clock_timestamp() - interval '1 second'`)
      // Claimed again, by itself under a new name, before the old flush comes to its commit.
      await until('claimed again', () => ingest.facts().owned === 1 && !names.has(ingest.facts().worker))
    },
  })
  await until('ten rows', () => ingest.tally.appended === 10)
  assert.equal(fenced.length, 1)
  assert.equal(ingest.facts().owned, 1)
  carriage.log.append(place.topic, 0, some(place, 5, 10))
  await until('and five more', () => ingest.tally.appended === 15)
  assertBalanced(ingest)
  assert.deepEqual(
    (await carriage.rows(place)).map((row) => Number(row['n'])).sort((a, b) => a - b),
    Array.from({ length: 15 }, (_, n) => n),
  )
})

test('a flush that outlives its membership moves no offset past what was forgotten with it, although nobody else has claimed the partition', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const admin = carriage.pg.sql('admin')
  carriage.log.append(place.topic, 0, some(place, 40))
  let ended = false
  const ingest = await carriage.start({
    limits: { leaseSeconds: 1, flushMaxRows: 10 },
    async point(name) {
      if (name !== 'flush.staged' || ended) return
      ended = true
      await until('more to be buffered than the flush takes', () => ingest.tally.buffered === 30)
      // It cannot join anew before the flush has come to its commit, as where Postgres hangs.
      await admin.query('REVOKE INSERT ON worker_members FROM pulse_app')
      await admin.query(`UPDATE worker_members SET expires_at = clock_timestamp() - interval '1 second'`)
      await until('everything to be forgotten', () => ingest.sources.byKey.size === 0)
    },
  })
  await until('the flush to be over', () => ended && ingest.tally.inFlight === 0)
  await admin.query('GRANT INSERT ON worker_members TO pulse_app')
  await until('it to read on', () => ingest.sources.byKey.size === 1)
  carriage.log.append(place.topic, 0, some(place, 1, 40))
  await until('all of them to be settled', () => ingest.tally.appended >= 41, 10_000)
  assertBalanced(ingest)
  assert.deepEqual(
    (await carriage.rows(place)).map((row) => Number(row['n'])).sort((a, b) => a - b),
    Array.from({ length: 41 }, (_, n) => n),
  )
})

test("what a second worker's share is moves to it after it was flushed, and nothing is read twice", async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place({ partitions: 16 })
  const first = await carriage.start({ limits: { flushSeconds: 1_000 } })
  await until('it owns all', () => first.facts().owned === 16)
  for (let partition = 0; partition < 16; partition += 1)
    carriage.log.append(place.topic, partition, some(place, 10, partition * 10))
  await until('all is buffered', () => first.tally.buffered === 160)
  const second = await carriage.start()
  await until(
    'the shares are settled',
    () => second.facts().owned > 0 && first.facts().owned + second.facts().owned === 16,
  )
  assert.ok(first.tally.appended > 0, 'what moved was flushed first')
  await first.stop(5_000)
  await until('the second owns all', () => second.facts().owned === 16)
  const rows = (await carriage.rows(place)).map((row) => Number(row['n'])).sort((a, b) => a - b)
  assert.deepEqual(
    rows,
    Array.from({ length: 160 }, (_, n) => n),
  )
  assert.equal(second.tally.consumed, 0)
  assertBalanced(first)
})

test('a partition that is ours in Postgres and that nobody reads is given back and claimed anew', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const ingest = await carriage.start()
  await until('it owns one', () => ingest.facts().owned === 1)
  ingest.sources.byKey.clear()
  carriage.log.append(place.topic, 0, some(place, 3))
  await until('three rows', () => ingest.tally.appended === 3, 5_000)
})
