import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { assertBalanced, at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { chance } from '../kit/seed.ts'
import { until } from '../kit/until.ts'

/** How many rounds: a longer campaign is a setting of its own. */
const ROUNDS = Number(process.env['TEST_ROUNDS'] ?? 12)

test('whatever fails while workers come and go: every event is one row or one dead letter, and every book balances', async (t) => {
  const seeded = chance()
  t.diagnostic(`seed ${seeded.seed}`)
  const carriage = await openCarriage(t)
  const place = await carriage.place({ partitions: 3 })
  const places: Place[] = [place, await carriage.addDataset(place, 'second')]
  const failing = (share: number): boolean => seeded.next() < share
  const rows = new Map<string, number>()
  let refused = 0
  let consumed = 0

  const start = () =>
    carriage.start({
      limits: { flushSeconds: 0.02, flushMaxRows: seeded.between(1, 60), leaseSeconds: 2 },
      async point(name) {
        if (name === 'flush.before_commit' && failing(0.05)) {
          await carriage.pg.sql('admin').query('UPDATE flush_intents SET condemned_at = clock_timestamp()')
        }
        if (name === 'flush.before_commit' && failing(0.05)) {
          await carriage.pg
            .sql('admin')
            .query('UPDATE source_partitions SET owner = NULL, generation = generation + 1 WHERE partition = 0')
        }
      },
      lake: (real) => ({
        ...real,
        load: (...given) =>
          failing(0.03) ? Promise.reject(new LakeFault('store_away', 'on purpose')) : real.load(...given),
        write: (...given) =>
          failing(0.05) ? Promise.reject(new LakeFault('store_away', 'on purpose')) : real.write(...given),
        async stage(...given) {
          if (!failing(0.1)) return real.stage(...given)
          if (failing(0.5)) await real.stage(...given)
          throw new LakeFault('store_away', 'on purpose, perhaps half-way')
        },
      }),
      record: (real) => ({
        ...real,
        async commit(commit) {
          if (failing(0.1)) throw carriage.away()
          const outcome = await real.commit(commit)
          if (failing(0.1)) throw carriage.away()
          return outcome
        },
      }),
    })

  let workers = [await start()]
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let partition = 0; partition < 3; partition += 1) {
      const records = Array.from({ length: seeded.between(0, 40) }, (_, n) => {
        const into = seeded.pick(places)
        const known = [...rows.keys()]
        const again = failing(0.1) && known.length > 0 ? seeded.pick(known) : undefined
        // One id is one dataset's here, so that what must become of it is plain.
        if (again !== undefined)
          return recordOf(places[rows.get(again) as number] as Place, { timestamp: at(2), n }, { id: again })
        if (failing(0.05)) {
          refused += 1
          return recordOf(into, { timestamp: at(1), n: 'no number' })
        }
        const id = uuidv7()
        rows.set(id, places.indexOf(into))
        return recordOf(into, { timestamp: at(seeded.between(1, 4)), n }, { id })
      })
      carriage.log.append(place.topic, partition, records)
    }
    if (failing(0.3)) carriage.log.loseNextAnswers(1)
    if (failing(0.3)) workers.push(await start())
    if (failing(0.4) && workers.length > 0) {
      const [gone] = workers.splice(seeded.between(0, workers.length - 1), 1)
      await gone?.stop(seeded.between(0, 1) * 2_000)
      if (gone !== undefined) assertBalanced(gone)
      consumed += gone?.tally.consumed ?? 0
    }
    for (const worker of workers) assertBalanced(worker)
  }
  if (workers.length === 0) workers = [await start()]
  const end = [0, 1, 2].map((partition) => carriage.log.end(place.topic, partition))
  await until(
    'everything is settled',
    async () => {
      for (const worker of workers) assertBalanced(worker)
      const sources = await carriage.pg
        .sql('admin')
        .query<{ next_offset: string }>('SELECT next_offset FROM source_partitions ORDER BY partition')
      return sources.every((source, partition) => Number(source.next_offset) === end[partition])
    },
    60_000,
  )
  for (const worker of workers) await worker.stop(5_000)
  for (const [index, one] of places.entries()) {
    const found = (await carriage.rows(one)).map((row) => String(row['_event_id'])).sort()
    assert.deepEqual(found, [...rows].flatMap(([id, of]) => (of === index ? [id] : [])).sort())
  }
  const letters = await carriage.letters(place)
  assert.equal(letters.length, refused)
  assert.deepEqual(new Set(letters.map((letter) => letter['reason'])), new Set(refused > 0 ? ['unconvertible'] : []))
  t.diagnostic(
    `${rows.size} rows, ${refused} dead letters, ${consumed + workers.reduce((sum, one) => sum + one.tally.consumed, 0)} consumed`,
  )
})
