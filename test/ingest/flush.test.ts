import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import type { FlushLake, FlushRecord } from '../../src/ingest/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { sweep } from '../../src/upkeep/index.ts'
import { assertBalanced, at, openCarriage, recordOf, type Carriage, type Place } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

const some = (place: Place, count: number, from = 0) =>
  Array.from({ length: count }, (_, n) => recordOf(place, { timestamp: at((n % 3) + 1), n: from + n }))

const numbers = async (carriage: Carriage, place: Place): Promise<number[]> =>
  (await carriage.rows(place)).map((row) => Number(row['n'])).sort((a, b) => a - b)

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

async function intents(carriage: Carriage): Promise<Array<{ flush_id: string; condemned: boolean }>> {
  return carriage.pg.sql('admin').query('SELECT flush_id, condemned_at IS NOT NULL AS condemned FROM flush_intents')
}

/** Files of the table that neither a snapshot, nor the catalog, nor `expired_files` knows of. */
async function totalsOf(carriage: Carriage): Promise<Record<string, number>> {
  const [row] = await carriage.pg.sql('admin').query<Record<string, number>>(
    `SELECT coalesce(sum(records), 0)::int AS records, coalesce(sum(rows), 0)::int AS rows,
       coalesce(sum(duplicates), 0)::int AS duplicates, coalesce(sum(dead_letters), 0)::int AS dead_letters FROM flush_totals`,
  )
  return row ?? {}
}

test('an id that comes twice is one row: within a flush, across flushes, and the next flush asks before it writes', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const id = uuidv7()
  let asked = 0
  const ingest = await carriage.start({
    record: (real): FlushRecord => ({ ...real, knownIds: (...given) => ((asked += 1), real.knownIds(...given)) }),
  })
  carriage.log.append(place.topic, 0, [
    recordOf(place, { timestamp: at(1), n: 1 }, { id }),
    recordOf(place, { timestamp: at(1), n: 2 }, { id: id.toUpperCase() }),
  ])
  await until('the first flush', () => ingest.tally.appended === 1 && ingest.tally.duplicates === 1)
  assert.equal(asked, 0)
  carriage.log.append(place.topic, 0, [
    recordOf(place, { timestamp: at(1), n: 3 }, { id }),
    recordOf(place, { timestamp: at(1), n: 4 }),
  ])
  await until('the second flush', () => ingest.tally.appended === 2 && ingest.tally.duplicates === 2)
  assert.equal(asked, 0, 'the commit itself found out')
  carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(1), n: 5 }, { id })])
  await until('the third flush', () => ingest.tally.duplicates === 3)
  assert.equal(asked, 1)
  assertBalanced(ingest)
  assert.deepEqual(await numbers(carriage, place), [1, 4])
  assert.deepEqual(await totalsOf(carriage), { records: 5, rows: 2, duplicates: 3, dead_letters: 0 })
  assert.deepEqual(carriage.heard('worker.flush.failed'), [])
})

test('rows that do not convert become dead letters alone, and a corrected event with the same id takes its place', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const [id, other] = [uuidv7(), uuidv7()]
  carriage.log.append(place.topic, 0, [
    ...some(place, 50),
    recordOf(place, { timestamp: at(1), n: 'no number' }, { id }),
    recordOf(place, { timestamp: at(1), n: 1000 }, { id }),
    recordOf(place, { timestamp: 'no time', n: 2000 }, { id: other, headers: { more: 'x' } }),
    ...some(place, 50, 50),
  ])
  const ingest = await carriage.start()
  await until('everything is settled', () => ingest.tally.appended === 101 && ingest.tally.deadLettered === 2)
  assertBalanced(ingest)
  assert.deepEqual(await numbers(carriage, place), [...upTo(100), 1000])
  const letters = await carriage.letters(place)
  assert.deepEqual(
    letters.map((letter) => [letter['offset'], letter['reason'], letter['event_id']]),
    [
      [50, 'unconvertible', id],
      [52, 'unconvertible', other],
    ],
  )
  assert.equal((letters[0]?.['headers'] as unknown[] | undefined)?.length, 4)
  assert.equal((letters[1]?.['headers'] as unknown[] | undefined)?.length, 5)
  assert.equal(JSON.parse(String(letters[1]?.['value'])).data.n, 2000)
})

test('records of two schema versions in one flush are each read with their own map', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const second = await carriage.addDataset(place, 'other')
  await carriage.pg
    .sql('admin')
    .query(
      'INSERT INTO dataset_bindings (tenant_id, dataset_id, schema_id, shape) SELECT tenant_id, dataset_id, $1, shape FROM dataset_bindings WHERE dataset_id = $2',
      [second.dataset.schemaId, place.dataset.id],
    )
  const records = upTo(9).map((n) =>
    recordOf(
      place,
      { timestamp: at(1), n },
      { headers: { 'pulse-schema': n % 2 === 0 ? place.dataset.schemaId : second.dataset.schemaId } },
    ),
  )
  carriage.log.append(place.topic, 0, records)
  const ingest = await carriage.start()
  await until('nine rows', () => ingest.tally.appended === 9)
  assert.deepEqual(await numbers(carriage, place), upTo(9))
  const [row] = await carriage.pg.sql('admin').query('SELECT count(*)::int AS n FROM flushes')
  assert.equal(row?.['n'], 1)
})

test('what was in memory when a worker ended is read by the next one, exactly once, and what was settled is only counted', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const quiet = await carriage.addDataset(place, 'quiet')
  const first = await carriage.start({ limits: { flushRows: 10, flushSeconds: 1000 } })
  carriage.log.append(place.topic, 0, [recordOf(quiet, { timestamp: at(1), n: 500 }), ...some(place, 20)])
  await until('twenty rows', () => first.tally.appended === 20)
  assert.equal(await first.stop(0), false)
  assertBalanced(first)
  assert.equal(first.tally.released, 1)
  carriage.log.append(place.topic, 0, some(place, 5, 20))
  const second = await carriage.start()
  await until('the rest', () => second.tally.appended === 6)
  assert.equal(second.tally.replayed, 20)
  assertBalanced(second)
  assert.deepEqual(await numbers(carriage, place), upTo(25))
  assert.deepEqual(await numbers(carriage, quiet), [500])
})

test('stopping flushes what is buffered and gives everything back at once', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const first = await carriage.start({ limits: { flushSeconds: 1000, leaseSeconds: 600 } })
  carriage.log.append(place.topic, 0, some(place, 30))
  await until('thirty buffered', () => first.tally.buffered === 30)
  assert.equal(await first.stop(8_000), true)
  assertBalanced(first)
  assert.deepEqual(await numbers(carriage, place), upTo(30))
  const second = await carriage.start()
  await until('the successor owns it', () => second.facts().owned === 1, 4_000)
})

test('a table that is gone parks its dataset alone; when it is back nothing is missing', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const healthy = await carriage.addDataset(place, 'healthy')
  const parked = carriage.heard('worker.dataset.parked')
  const admin = carriage.pg.sql('admin')
  const [table] = await admin.query<Record<string, unknown>>(
    `DELETE FROM iceberg_catalog.iceberg_tables WHERE table_name = 'events' RETURNING *`,
  )
  carriage.log.append(place.topic, 0, [...some(place, 10), ...some(healthy, 10), ...some(place, 10, 10)])
  const ingest = await carriage.start()
  await until('the healthy one goes on', () => ingest.tally.appended === 10)
  await until('parked twice', () => parked.length >= 2)
  assert.equal(parked[0]?.dataset, 'events')
  assert.match(parked[0]?.detail ?? '', /not in the catalog/)
  assert.equal(ingest.tally.buffered + ingest.tally.inFlight, 20)
  const [source] = await admin.query<{ next_offset: string }>('SELECT next_offset FROM source_partitions')
  assert.equal(Number(source?.next_offset), 0, 'what is parked holds the partition back')
  await admin.query(
    `INSERT INTO iceberg_catalog.iceberg_tables VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      'catalog_name',
      'table_namespace',
      'table_name',
      'metadata_location',
      'previous_metadata_location',
      'iceberg_type',
    ].map((name) => table?.[name]),
  )
  await until('all rows', () => ingest.tally.appended === 30)
  assertBalanced(ingest)
  assert.deepEqual(await numbers(carriage, place), upTo(20))
  assert.deepEqual(await intents(carriage), [])
})

test('past the bound the records of a broken table become dead letters that can be replayed', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const healthy = await carriage.addDataset(place, 'healthy')
  await carriage.pg
    .sql('admin')
    .query(
      `UPDATE iceberg_catalog.iceberg_tables SET metadata_location = 'file:///nowhere' WHERE table_name = 'events'`,
    )
  carriage.log.append(place.topic, 0, [...some(place, 5), ...some(healthy, 5)])
  const ingest = await carriage.start({ limits: { parkSeconds: 1 } })
  await until('dead letters', () => ingest.tally.deadLettered === 5)
  carriage.log.append(place.topic, 0, [...some(place, 2, 5), ...some(healthy, 2, 5)])
  await until('more of them', () => ingest.tally.deadLettered === 7 && ingest.tally.appended === 7)
  assertBalanced(ingest)
  const letters = await carriage.letters(place)
  assert.deepEqual(new Set(letters.map((letter) => letter['reason'])), new Set(['table_unavailable']))
  assert.equal(letters.length, 7)
  assert.equal(JSON.parse(String(letters[0]?.['value'])).data.n, 0)
})

test('a lake that does not answer costs time and nothing else', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, some(place, 10))
  let faults = 3
  const fail = <T>(act: () => Promise<T>): Promise<T> =>
    (faults -= 1) >= 0 ? Promise.reject(new LakeFault('store_away', 'away on purpose')) : act()
  const ingest = await carriage.start({
    limits: { parkSeconds: 0 },
    lake: (real): FlushLake => ({
      ...real,
      load: (...given) => fail(() => real.load(...given)),
      write: (...given) => fail(() => real.write(...given)),
      stage: (...given) => fail(() => real.stage(...given)),
    }),
  })
  await until('ten rows', () => ingest.tally.appended === 10)
  assertBalanced(ingest)
  assert.equal(ingest.tally.deadLettered, 0)
  assert.deepEqual(await numbers(carriage, place), upTo(10))
})

test('an answer to COMMIT that is lost changes nothing: the rows are there once', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, some(place, 10))
  let calls = 0
  const ingest = await carriage.start({
    record: (real): FlushRecord => ({
      ...real,
      async commit(commit) {
        calls += 1
        if (calls === 1) throw carriage.away()
        const outcome = await real.commit(commit)
        if (calls === 2) throw carriage.away()
        return outcome
      },
    }),
  })
  await until('ten rows', () => ingest.tally.appended === 10)
  assert.equal(calls, 3)
  assertBalanced(ingest)
  assert.deepEqual(await numbers(carriage, place), upTo(10))
  assert.deepEqual(await totalsOf(carriage), { records: 10, rows: 10, duplicates: 0, dead_letters: 0 })
})

test("a flush whose partition was taken meanwhile commits nothing, and its records are the new owner's", async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, some(place, 10))
  const fenced = carriage.heard('worker.flush.fenced')
  const released = carriage.heard('worker.records.released')
  let stolen = false
  const ingest = await carriage.start({
    async point(name) {
      if (name !== 'flush.before_commit' || stolen) return
      stolen = true
      await carriage.pg.sql('admin').query('UPDATE source_partitions SET generation = generation + 1, owner = NULL')
    },
  })
  await until('ten rows', () => ingest.tally.appended === 10)
  assertBalanced(ingest)
  assert.equal(fenced.length, 1)
  assert.equal(
    released.reduce((sum, one) => sum + one.records, 0),
    10,
  )
  assert.equal(ingest.tally.consumed, 20, 'read again after it was claimed again')
  assert.deepEqual(await numbers(carriage, place), upTo(10))
  assert.deepEqual(
    (await intents(carriage)).map((one) => one.condemned),
    [true],
    "the files are the sweeper's",
  )
})

test('a table that another worker moves under a flush is staged again, and both flushes stand', async (t) => {
  const carriage = await openCarriage(t)
  // So many that it takes more than bad luck for one of the two to get none.
  const PARTITIONS = 16
  const place = await carriage.place({ partitions: PARTITIONS })
  const committed = carriage.heard('worker.flush.committed')
  const two = await carriage.start()
  let waited = false
  const one = await carriage.start({
    async point(name) {
      if (name !== 'flush.before_commit' || waited) return
      waited = true
      const before = two.tally.appended
      await until('the other worker moved the table', () => two.tally.appended > before, 5_000)
    },
  })
  await until(
    'both have a share',
    () => one.facts().owned > 0 && two.facts().owned > 0 && one.facts().owned + two.facts().owned === PARTITIONS,
  )
  const ROUNDS = 5
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let partition = 0; partition < PARTITIONS; partition += 1)
      carriage.log.append(place.topic, partition, some(place, 5, (round * PARTITIONS + partition) * 5))
    await until('the round', () => one.tally.appended + two.tally.appended === (round + 1) * PARTITIONS * 5)
  }
  assertBalanced(one)
  assertBalanced(two)
  assert.deepEqual(await numbers(carriage, place), upTo(ROUNDS * PARTITIONS * 5))
  assert.ok(committed.some((one) => one.attempts > 1))
})

test('a condemned flush is written again under another name', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  carriage.log.append(place.topic, 0, some(place, 10))
  let condemned = 0
  const ingest = await carriage.start({
    async point(name) {
      if (name !== 'flush.before_commit' || (condemned += 1) > 2) return
      await carriage.pg.sql('admin').query('UPDATE flush_intents SET condemned_at = clock_timestamp()')
    },
  })
  await until('ten rows', () => ingest.tally.appended === 10)
  assertBalanced(ingest)
  assert.equal((await intents(carriage)).length, 2)
  assert.deepEqual(await numbers(carriage, place), upTo(10))
})

test('a dataset that is parked with much buffered keeps little, and reads the rest again when its table is back', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const healthy = await carriage.addDataset(place, 'healthy')
  const admin = carriage.pg.sql('admin')
  await admin.query(`UPDATE iceberg_catalog.iceberg_tables SET table_name = 'away' WHERE table_name = 'events'`)
  const big = upTo(300).map((n) => recordOf(place, { timestamp: at(1), n, name: 'x'.repeat(10_000) }))
  const ingest = await carriage.start({ limits: { bufferBytes: 16 << 20, flushMaxRows: 100 } })
  carriage.log.append(place.topic, 0, [
    ...big.slice(0, 200),
    ...some(healthy, 10),
    ...big.slice(200),
    ...some(healthy, 10, 10),
  ])
  await until('the healthy one goes on', () => ingest.tally.appended === 20)
  await until(
    'little is kept',
    () => ingest.tally.inFlight === 0 && ingest.tally.buffered < 150 && ingest.buffer.bytes < 2 << 20,
  )
  assertBalanced(ingest)
  assert.ok(ingest.tally.released > 100)
  await admin.query(`UPDATE iceberg_catalog.iceberg_tables SET table_name = 'events' WHERE table_name = 'away'`)
  await until('all rows', () => ingest.tally.appended === 320, 30_000)
  assertBalanced(ingest)
  assert.deepEqual(await numbers(carriage, place), upTo(300))
  assert.deepEqual(await numbers(carriage, healthy), upTo(20))
  await until('settled to the end', async () => {
    const [source] = await admin.query<{ next_offset: string }>('SELECT next_offset FROM source_partitions')
    return Number(source?.next_offset) === 320
  })
})

test('a commit that Postgres acknowledged and then lost is noticed by the next one, and everything is read again', async (t) => {
  const carriage = await openCarriage(t)
  const [place, fenced] = [await carriage.place(), carriage.heard('worker.flush.fenced')]
  const quiet = await carriage.addDataset(place, 'quiet')
  let lost = 0
  const ingest = await carriage.start({
    // A failover to a copy that lags, a database restored from yesterday: said, and never so.
    record: (real): FlushRecord => ({
      ...real,
      // All six, in one flush or in two.
      commit: async (commit) => {
        if (lost >= 6) return real.commit(commit)
        lost += commit.datasets.reduce((sum, { totals }) => sum + totals.records, 0)
        return { kind: 'committed', flushNumber: 1 }
      },
    }),
  })
  carriage.log.append(place.topic, 0, [...some(place, 5), recordOf(quiet, { timestamp: at(1), n: 100 })])
  await until('they seem to be settled', () => ingest.tally.appended === 6)
  assert.deepEqual(await numbers(carriage, place), [])
  carriage.log.append(place.topic, 0, some(place, 5, 5))
  await until('all of them', async () => (await carriage.rows(place)).length === 10)
  await until('of the quiet dataset, too', async () => (await carriage.rows(quiet)).length === 1)
  assert.deepEqual(await numbers(carriage, place), upTo(10))
  assert.equal(fenced.length, 1)
  assertBalanced(ingest)
})

test('a worker that slept until its flush was swept and forgotten leaves no file behind when it wakes', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const forget = () => carriage.pg.sql('admin').query('DELETE FROM flush_intents')
  let slept = 0
  const ingest = await carriage.start({
    // The sweeper's two turns have passed meanwhile: the files that it found are gone, and so is the intent.
    point: async (name) => void (name === 'flush.intent_opened' && (slept += 1) === 1 && (await forget())),
  })
  carriage.log.append(place.topic, 0, some(place, 9))
  await until('nine rows', () => ingest.tally.appended === 9)
  await sweep(carriage.store, carriage.objects)
  const [row] = await carriage.pg.sql('admin').query<{ id: string }>('SELECT flush_id AS id FROM flushes')
  const files: string[] = []
  for await (const { location } of carriage.objects.list(`${carriage.warehouse}/`)) files.push(location)
  const table = files.filter((file) => !/00000-[^/]*$/.test(file))
  assert.ok(table.length > 0)
  assert.deepEqual(
    table.filter((file) => !file.includes(row?.id ?? '-')),
    [],
  )
})
