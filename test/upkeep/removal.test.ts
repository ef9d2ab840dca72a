import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Ingest } from '../../src/ingest/index.ts'
import { loadTable, pointerOf, type ObjectStore, type Table } from '../../src/lake/index.ts'
import { CommitUnknown, type Store } from '../../src/store/index.ts'
import { CANARY_DATASET, CANARY_SLUG } from '../../src/tenancy/index.ts'
import { expireFiles, removeDays, startUpkeep, sweep } from '../../src/upkeep/index.ts'
import { at, openCarriage, recordOf, type Carriage, type Place } from '../kit/carriage.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'
import { chance } from '../kit/seed.ts'
import { until } from '../kit/until.ts'

/** Noon of a day of March 2026, in which all that follows happens. */
const noon = (day: number): number => Date.UTC(2026, 2, day, 12)

interface Stage {
  readonly carriage: Carriage
  readonly place: Place
  readonly ingest: Ingest
  /** Publishes one event for each day, `n` counting on, and waits until all are rows. */
  carry(days: readonly number[]): Promise<void>
  publish(days: readonly number[]): void
  /** As the worker of the ingest, on a day of March. */
  remove(day: number, parts?: { store?: Store; objects?: ObjectStore; worker?: string }): Promise<number>
  rows(): Promise<number[]>
  /** What the lake should have: `n` by day. */
  readonly model: Map<number, number>
}

async function openStage(owner: TestContext, start: Parameters<Carriage['start']>[0] = {}): Promise<Stage> {
  const carriage = await openCarriage(owner)
  const place = await carriage.place()
  const ingest = await carriage.start({ ...start, limits: { flushSeconds: 0.02, ...start.limits } })
  const model = new Map<number, number>()
  const rows = async (): Promise<number[]> =>
    (await carriage.rows(place)).map((row) => Number(row['n'])).toSorted((a, b) => a - b)
  const publish = (days: readonly number[]): void => {
    for (const day of days) {
      model.set(model.size, day)
      carriage.log.append(place.topic, 0, [recordOf(place, { timestamp: at(day), n: model.size - 1 })])
    }
  }
  return {
    carriage,
    place,
    ingest,
    model,
    publish,
    async carry(days) {
      publish(days)
      await until('the rows', async () => (await totals(carriage, place)).rows === model.size)
    },
    remove: (day, parts = {}) =>
      removeDays(
        {
          store: carriage.store,
          objects: carriage.objects,
          worker: ingest.facts().worker,
          retention: { keepSnapshots: 100, keepMs: 3_600_000 },
          graceSeconds: 300,
          now: () => noon(day),
          ...parts,
        },
        { tenant: place.tenantSlug, dataset: place.dataset.slug, keepDays: 1 },
      ),
    rows,
  }
}

const totals = async ({ pg }: Carriage, { dataset }: Place): Promise<{ rows: number; removed: number }> => {
  const [sums] = await pg.sql('admin').query<{ rows: number; removed: number }>(
    `SELECT coalesce(sum(rows), 0)::int AS rows, coalesce(sum(removed), 0)::int AS removed
     FROM flush_totals WHERE dataset_id = $1`,
    [dataset.id],
  )
  return sums as { rows: number; removed: number }
}

const tableOf = async ({ store, objects }: Carriage, place: Place): Promise<Table> => {
  const location = await store.asTenant(place.tenantId, (sql) =>
    pointerOf(sql, place.dataset.namespace, place.dataset.slug),
  )
  return loadTable(objects, location as string)
}

/** The law, with its new term: what flushes added minus what was removed is what the table has, and says it has. */
async function lawHolds({ carriage, place, rows }: Stage): Promise<void> {
  const { rows: added, removed } = await totals(carriage, place)
  assert.equal((await rows()).length, added - removed, 'rows in the files = rows added - rows removed')
  assert.equal((await tableOf(carriage, place)).snapshot?.totalRows, added - removed, 'total-records says the same')
}

const intents = ({ pg }: Carriage): Promise<Record<string, unknown>[]> =>
  pg.sql('admin').query('SELECT * FROM flush_intents')
const filesOf = async ({ objects, warehouse }: Carriage): Promise<string[]> => {
  const found: string[] = []
  for await (const { location } of objects.list(`${warehouse}/`)) found.push(location)
  return found
}

test('days before yesterday go, yesterday and today stay; what went is counted, announced, and no new row when sent again', async (t) => {
  const stage = await openStage(t)
  const { carriage, place } = stage
  const told = carriage.heard('upkeep.rows.removed')
  await stage.carry([1, 2, 3])
  await stage.carry([1, 3])
  assert.equal(await stage.remove(3), 2)
  assert.deepEqual(await stage.rows(), [1, 2, 4])
  await lawHolds(stage)
  const table = await tableOf(carriage, place)
  assert.deepEqual(
    told.map(({ tenant, dataset, table: name, snapshotId, rows, files }) => [
      tenant,
      dataset,
      name,
      snapshotId,
      rows,
      files,
    ]),
    [[place.tenantSlug, 'events', `${place.dataset.namespace}.events`, String(table.currentSnapshotId), 2, 2]],
  )
  assert.deepEqual(await intents(carriage), [])
  assert.equal(await stage.remove(3), 0, 'nothing is left to remove')
  assert.equal((await tableOf(carriage, place)).currentSnapshotId, table.currentSnapshotId)

  const ids = await carriage.pg.sql('admin').query<{ id: string }>('SELECT event_id AS id FROM processed_event_ids')
  assert.equal(ids.length, 5, 'the ledger remembers what left the table')
  carriage.log.append(
    place.topic,
    0,
    ids.map(({ id }) => recordOf(place, { timestamp: at(1), n: 99 }, { id })),
  )
  await stage.carry([3])
  assert.deepEqual(await stage.rows(), [1, 2, 4, 5])
  await lawHolds(stage)
})

test('a flush that is about to commit finds that the table moved, and adds its rows to what is left', async (t) => {
  let act: (() => Promise<unknown>) | undefined
  const stage = await openStage(t, {
    point: async (name) => {
      if (name !== 'flush.before_commit' || act === undefined) return
      const once = act
      act = undefined
      await once()
    },
  })
  await stage.carry([1, 3])
  act = () => stage.remove(3)
  await stage.carry([1, 2])
  assert.deepEqual(await stage.rows(), [1, 2, 3], 'an old row that came after the removal waits for the next')
  await lawHolds(stage)
  assert.equal(await stage.remove(3), 1)
  assert.deepEqual(await stage.rows(), [1, 3])
})

test('a removal that is about to commit finds that the table moved, and takes up what came', async (t) => {
  const stage = await openStage(t)
  const { carriage } = stage
  await stage.carry([1, 3])
  let isFirst = true
  const store: Store = {
    ...carriage.store,
    async callAsTenant(...given) {
      if (isFirst) {
        isFirst = false
        await stage.carry([1, 2])
      }
      return carriage.store.callAsTenant(...given)
    },
  }
  assert.equal(await stage.remove(3, { store }), 2)
  assert.deepEqual(await stage.rows(), [1, 3])
  await lawHolds(stage)
  const [{ count } = { count: 0 }] = await carriage.pg
    .sql('admin')
    .query<{ count: number }>('SELECT count(*)::int AS count FROM expired_files WHERE not_before <= now()')
  assert.ok(count >= 3, 'manifest, list and metadata of the first attempt are nobody’s')
})

test('flushes and removals beside each other, in whatever order: no row is lost, none comes back', async (t) => {
  const { between, next, seed } = chance()
  const stage = await openStage(t, {
    limits: { flushSeconds: 0.01 },
    point: () => new Promise((resolve) => setTimeout(resolve, between(0, 4))),
  })
  let removed = 0
  let today = 3
  for (let round = 0; round < 60; round += 1) {
    stage.publish(Array.from({ length: between(1, 4) }, () => today - between(0, 2)))
    if (next() < 0.3 && today < 28) today += 1
    if (next() < 0.7) {
      await new Promise((resolve) => setTimeout(resolve, between(0, 25)))
      removed += await stage.remove(today)
    }
  }
  await until(
    'every event to be a row',
    async () => (await totals(stage.carriage, stage.place)).rows === stage.model.size,
  )
  removed += await stage.remove(today)
  const expected = [...stage.model].filter(([, day]) => day >= today - 1).map(([n]) => n)
  assert.deepEqual(await stage.rows(), expected, `TEST_SEED=${seed}`)
  assert.equal(removed, stage.model.size - expected.length, `TEST_SEED=${seed}`)
  await lawHolds(stage)
  assert.deepEqual(await intents(stage.carriage), [])
})

test('only the owner of the first partition acts, and one that lost it meanwhile is refused and leaves nothing', async (t) => {
  const stage = await openStage(t)
  const { carriage, place } = stage
  await stage.carry([1, 3])
  assert.equal(await stage.remove(3, { worker: 'somebody-else' }), 0)
  const before = await tableOf(carriage, place)
  const store: Store = {
    ...carriage.store,
    async callAsTenant(...given) {
      await carriage.pg.sql('admin').query('UPDATE source_partitions SET generation = generation + 1')
      return carriage.store.callAsTenant(...given)
    },
  }
  assert.equal(await stage.remove(3, { store }), 0)
  assert.equal((await tableOf(carriage, place)).metadataLocation, before.metadataLocation)
  assert.deepEqual(await stage.rows(), [0, 1])
  const [intent] = await intents(carriage)
  assert.ok(intent?.['condemned_at'] instanceof Date && intent['worker'] === null)
  const flushId = String(intent['flush_id'])
  const its = async (): Promise<string[]> => (await filesOf(carriage)).filter((location) => location.includes(flushId))
  assert.equal((await its()).length, 3)
  for (let turn = 0; turn < 2; turn += 1) await sweep(carriage.store, carriage.objects, { againAfterSeconds: 0 })
  assert.deepEqual([await its(), await intents(carriage)], [[], []])
  await lawHolds(stage)
})

test('a worker that dies at any step leaves the table as it was, and files that the sweeper takes', async (t) => {
  const stage = await openStage(t)
  const { carriage } = stage
  await stage.carry([1, 3])
  const before = (await filesOf(carriage)).toSorted()
  let written = 0
  for (let step = 0; step <= 3; step += 1) {
    let puts = 0
    const stuck = Promise.withResolvers<void>()
    const never = new Promise<never>(() => {})
    // Dead at the first, second or third file, or with all of them written.
    const objects: ObjectStore = {
      ...carriage.objects,
      async put(location, body) {
        if (puts === step) stuck.resolve()
        if (puts++ >= step) return never
        await carriage.objects.put(location, body)
      },
    }
    const store: Store = {
      ...carriage.store,
      callAsTenant: () => {
        stuck.resolve()
        return never
      },
    }
    void stage.remove(3, { objects, store })
    await stuck.promise
    written += step
    await until('its files', async () => (await filesOf(carriage)).length === before.length + written)
  }
  assert.deepEqual(await stage.rows(), [0, 1])
  await carriage.pg
    .sql('admin')
    .query(`UPDATE flush_intents SET started_at = now() - interval '1 hour', worker = 'gone'`)
  for (let turn = 0; turn < 2; turn += 1) await sweep(carriage.store, carriage.objects, { againAfterSeconds: 0 })
  assert.deepEqual((await filesOf(carriage)).toSorted(), before)
  assert.deepEqual(await intents(carriage), [])
  assert.equal(await stage.remove(3), 1, 'the next one does it')
  await lawHolds(stage)
})

test('one that the sweeper has given up changes nothing', async (t) => {
  const stage = await openStage(t)
  const { carriage } = stage
  await stage.carry([1, 3])
  const store: Store = {
    ...carriage.store,
    async callAsTenant(...given) {
      await carriage.pg.sql('admin').query('UPDATE flush_intents SET condemned_at = now()')
      return carriage.store.callAsTenant(...given)
    },
  }
  assert.equal(await stage.remove(3, { store }), 0)
  assert.deepEqual(await stage.rows(), [0, 1])
})

test('an answer that is lost is looked up: the removal is there once, and told once', async (t) => {
  const stage = await openStage(t)
  const { carriage } = stage
  const told = carriage.heard('upkeep.rows.removed')
  await stage.carry([1, 3])
  let calls = 0
  const store: Store = {
    ...carriage.store,
    async callAsTenant<R>(...given: Parameters<Store['callAsTenant']>) {
      const rows = await carriage.store.callAsTenant<R>(...given)
      if ((calls += 1) === 1) throw new CommitUnknown('lost on purpose')
      return rows
    },
  }
  assert.equal(await stage.remove(3, { store }), 1)
  assert.deepEqual([calls, told.length], [2, 1])
  await lawHolds(stage)
})

test('a lake that is away is an error, and the next turn does it', async (t) => {
  const stage = await openStage(t)
  const { carriage } = stage
  await stage.carry([1, 3])
  const objects: ObjectStore = { ...carriage.objects, put: () => Promise.reject(new Error('no room on purpose')) }
  await assert.rejects(stage.remove(3, { objects }), /no room on purpose/)
  assert.ok((await intents(carriage))[0]?.['condemned_at'] instanceof Date, 'its files are the sweeper’s at once')
  assert.equal(await stage.remove(3), 1)
  await lawHolds(stage)
})

test('files of days that went are deleted once no retained snapshot has them and readers had their grace', async (t) => {
  const stage = await openStage(t)
  const { carriage, place } = stage
  await stage.carry([1, 3])
  const old = (await filesOf(carriage)).filter((location) => location.includes('timestamp_day=2026-03-01'))
  assert.equal(old.length, 1)
  assert.equal(await stage.remove(3), 1)
  const expired = async (): Promise<string[]> =>
    (await carriage.pg.sql('admin').query<{ location: string }>('SELECT location FROM expired_files')).map(
      (row) => row.location,
    )
  assert.ok(!(await expired()).includes(old[0] as string), 'the snapshot before still has it')
  // A later commit of one snapshot kept expires those before it.
  await stage.carry([1])
  await removeDays(
    {
      store: carriage.store,
      objects: carriage.objects,
      worker: stage.ingest.facts().worker,
      retention: { keepSnapshots: 1, keepMs: 0 },
      graceSeconds: 0,
      now: () => noon(3) + 2 * 3_600_000,
    },
    { tenant: place.tenantSlug, dataset: place.dataset.slug, keepDays: 1 },
  )
  await stage.carry([3])
  await removeDays(
    {
      store: carriage.store,
      objects: carriage.objects,
      worker: stage.ingest.facts().worker,
      retention: { keepSnapshots: 1, keepMs: 0 },
      graceSeconds: 0,
      now: () => noon(6),
    },
    { tenant: place.tenantSlug, dataset: place.dataset.slug, keepDays: 1 },
  )
  assert.ok((await expired()).includes(old[0] as string))
  await expireFiles(carriage.store, carriage.objects)
  assert.ok(!(await filesOf(carriage)).includes(old[0] as string))
})

test('upkeep does it for the canary’s dataset and for no other', async (t) => {
  const stage = await openStage(t)
  const { carriage, place, ingest } = stage
  const told = carriage.heard('upkeep.rows.removed')
  const other = await carriage.place()
  carriage.log.append(other.topic, 0, [recordOf(other, { timestamp: at(1), n: 0 })])
  await until('a row of somebody else', async () => (await totals(carriage, other)).rows === 1)
  await stage.carry([1, 2])
  const admin = carriage.pg.sql('admin')
  await admin.query('UPDATE tenants SET slug = $1 WHERE id = $2', [CANARY_SLUG, place.tenantId])
  await admin.query('UPDATE pdm_datasets SET slug = $1 WHERE id = $2', [CANARY_DATASET, place.dataset.id])
  const upkeep = startUpkeep({
    store: carriage.store,
    bus: openMemoryBus(),
    objects: carriage.objects,
    settings: {
      dedupDays: 7,
      deadLetterDays: 30,
      auditDays: 365,
      busRetentionHours: 1,
      snapshotsKeep: 100,
      snapshotSeconds: 3_600,
      readerGraceSeconds: 300,
    },
    worker: () => ingest.facts().worker,
  })
  await until('the turn', () => told.length > 0)
  await upkeep[Symbol.asyncDispose]()
  assert.deepEqual(
    told.map(({ tenant, dataset, rows }) => [tenant, dataset, rows]),
    [[CANARY_SLUG, CANARY_DATASET, 2]],
  )
  assert.deepEqual([(await carriage.rows(other)).length, (await carriage.rows(place)).length], [1, 0])
})
