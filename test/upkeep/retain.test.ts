import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commitFlush } from '../../src/ingest/settle.ts'
import {
  deleteSettledRecords,
  markSettled,
  pruneAudit,
  pruneFlushes,
  retainDeadLetters,
  rotateLedger,
} from '../../src/upkeep/index.ts'
import { flushOf, letterOf, openGround } from '../kit/ground.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'

type Deleted = { topic: string; partition: number; beforeOffset: number }

function recording(topicIds: ReadonlyMap<string, string>, refuse: (of: Deleted) => boolean = () => false) {
  const deleted: Deleted[] = []
  const memory = openMemoryBus()
  const admin = {
    ...memory.admin,
    describeTopics: async (names: readonly string[]) =>
      names.flatMap((name) => (topicIds.has(name) ? [{ name, topicId: topicIds.get(name) ?? '', partitions: 1 }] : [])),
    async deleteRecords(of: readonly Deleted[]) {
      if (of.some(refuse)) throw new Error('one of them is away')
      deleted.push(...of.map(({ topic, partition, beforeOffset }) => ({ topic, partition, beforeOffset })))
    },
  }
  return { bus: { admin }, deleted }
}

test('records leave the bus only below what was settled longer ago than the retention', async (t) => {
  const { store, admin, tenant, partition } = await openGround(t)
  const at = await partition(await tenant())
  const { bus, deleted } = recording(new Map([[at.topic, at.topicId]]))
  const settle = (offset: number) => admin.query('UPDATE source_partitions SET next_offset = $1', [offset])
  const pass = (hours: number) => admin.query('UPDATE settled_marks SET at = at - make_interval(hours => $1)', [hours])
  await markSettled(store)
  assert.equal(await deleteSettledRecords(store, bus, 24), 0, 'nothing is settled')
  await settle(100)
  await markSettled(store)
  await pass(13)
  await settle(250)
  await markSettled(store)
  await markSettled(store)
  assert.equal((await admin.query('SELECT FROM settled_marks')).length, 2, 'no mark where nothing moved')
  assert.equal(await deleteSettledRecords(store, bus, 24), 0, 'too young')
  await pass(12)
  assert.equal(await deleteSettledRecords(store, bus, 24), 1)
  await settle(900)
  assert.equal(await deleteSettledRecords(store, bus, 24), 0, 'not twice')
  await pass(13)
  assert.equal(await deleteSettledRecords(store, bus, 24), 1)
  assert.deepEqual(
    deleted,
    [100, 250].map((beforeOffset) => ({ topic: at.topic, partition: 0, beforeOffset })),
  )
  assert.equal((await admin.query('SELECT FROM settled_marks')).length, 1, 'older marks are gone')
})

test('the records of a topic that was re-created under its name are not touched', async (t) => {
  const { store, admin, tenant, partition } = await openGround(t)
  const at = await partition(await tenant())
  await admin.query('UPDATE source_partitions SET next_offset = 50')
  await markSettled(store)
  await admin.query(`UPDATE settled_marks SET at = at - interval '2 days'`)
  const { bus, deleted } = recording(new Map([[at.topic, '11111111-1111-4111-8111-111111111111']]))
  assert.equal(await deleteSettledRecords(store, bus, 24), 0)
  assert.deepEqual(deleted, [])
})

test('a partition whose records cannot be deleted now keeps no other waiting', async (t) => {
  const { store, admin, tenant, partition } = await openGround(t)
  const places = [await partition(await tenant()), await partition(await tenant()), await partition(await tenant())]
  await admin.query('UPDATE source_partitions SET next_offset = 50')
  await markSettled(store)
  await admin.query(`UPDATE settled_marks SET at = at - interval '2 days'`)
  const ids = new Map(places.map((at) => [at.topic, at.topicId]))
  const first = recording(ids, (of) => of.topic === places[0]?.topic)
  await assert.rejects(deleteSettledRecords(store, first.bus, 24), /away/)
  assert.equal(first.deleted.length, 2)
  const second = recording(ids)
  assert.equal(await deleteSettledRecords(store, second.bus, 24), 1)
})

test('every partition has its turn, however many have records to forget', async (t) => {
  const { store, admin, tenant } = await openGround(t)
  await admin.query(
    `INSERT INTO source_partitions (topic_id, partition, topic, tenant_id, next_offset)
     SELECT md5(i::text)::uuid, p, 'topic' || i, $1, 50 FROM generate_series(1, 300) i, generate_series(0, 3) p`,
    [await tenant()],
  )
  await markSettled(store)
  await admin.query(`UPDATE settled_marks SET at = at - interval '2 days'`)
  const ids = await admin.query<{ topic: string; id: string }>(
    'SELECT DISTINCT topic, topic_id AS id FROM source_partitions',
  )
  const { bus, deleted } = recording(new Map(ids.map(({ topic, id }) => [topic, id])))
  assert.equal(await deleteSettledRecords(store, bus, 24), 1200)
  assert.equal(new Set(deleted.map((of) => `${of.topic}/${of.partition}`)).size, 1200)
})

test('dead letters are kept their days and then dropped by day, and the days ahead are there', async (t) => {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  const [source] = worker.owned
  assert.ok(source)
  const partitions = async (): Promise<string[]> =>
    (
      await ground.admin.query<{ name: string }>(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'dead_letters'::regclass ORDER BY 1`,
      )
    ).map((row) => row.name)
  const day = (offset: number): string =>
    `dead_letters_${new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '')}`
  const before = await partitions()
  assert.ok(before.includes(`partitions.${day(7)}`) && before.includes(`partitions.${day(0)}`))
  for (const [name, from, to] of [
    [day(-31), -31, -30],
    [day(-30), -30, -29],
  ] as const) {
    await ground.admin.query(
      `CREATE TABLE partitions.${name} PARTITION OF dead_letters FOR VALUES FROM (current_date + ${from}) TO (current_date + ${to})`,
    )
    await ground.admin.query(`ALTER TABLE partitions.${name} OWNER TO pulse_definer`)
  }
  const commit = await flushOf(ground, dataset, worker, {
    ids: [],
    letters: [0, 1, 2].map((offset) => letterOf(dataset, source, offset)),
  })
  await commitFlush(ground.store, commit)
  await ground.admin.query('UPDATE dead_letters SET day = current_date - 31 WHERE source_offset = 0')
  await ground.admin.query('UPDATE dead_letters SET day = current_date - 30 WHERE source_offset = 1')
  assert.deepEqual(await retainDeadLetters(ground.store, 30), [day(-31)])
  assert.deepEqual(await ground.admin.query('SELECT source_offset::int AS at FROM dead_letters ORDER BY 1'), [
    { at: 1 },
    { at: 2 },
  ])
  await ground.admin.query(`DROP TABLE partitions.${day(5)}`)
  const answers = await Promise.all(Array.from({ length: 5 }, () => retainDeadLetters(ground.store, 30)))
  assert.deepEqual(answers.flat(), [])
  assert.ok((await partitions()).includes(`partitions.${day(5)}`), 'made again, by one of five at once')
  const bare = await ground.admin.query(
    `SELECT relname FROM pg_class WHERE relnamespace = 'partitions'::regnamespace AND relkind = 'r' AND relname LIKE 'dead%'
     AND relname NOT IN ($1) AND NOT (relrowsecurity AND relforcerowsecurity)`,
    [day(-30)],
  )
  assert.deepEqual(bare, [])
  await assert.rejects(retainDeadLetters(ground.store, 0), /at least one day/)
})

test('flushes are forgotten when nothing can name them any more, with their totals', async (t) => {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  await commitFlush(ground.store, await flushOf(ground, dataset, worker, { to: 'm1', nextOffset: 2 }))
  await commitFlush(ground.store, await flushOf(ground, dataset, worker, { from: 'm1', to: 'm2', nextOffset: 4 }))
  await ground.admin.query(`UPDATE flushes SET committed_at = committed_at - interval '31 days'`)
  await commitFlush(ground.store, await flushOf(ground, dataset, worker, { from: 'm2', nextOffset: 6 }))
  assert.equal(await pruneFlushes(ground.store, 30, 1), 2, 'in as many transactions as it takes')
  assert.equal(await pruneFlushes(ground.store, 30), 0)
  assert.equal((await ground.admin.query('SELECT FROM flush_totals')).length, 1)
})

test('the ledger is rotated when it is time, and says so', async (t) => {
  const { store, admin } = await openGround(t)
  assert.equal(await rotateLedger(store, 7), false)
  await admin.query(`UPDATE ledger_epochs SET opened_at = opened_at - interval '7 days'`)
  assert.equal(await rotateLedger(store, 7), true)
})

test('the audit forgets what is older than it is kept, a bounded piece at a time, and nothing that is younger, whoever it is about', async (t) => {
  const { store, admin, tenant } = await openGround(t)
  const ids = [await tenant(), await tenant()]
  await admin.query(
    `INSERT INTO audit (at, tenant_id, actor, action, entity, name)
    SELECT now() - make_interval(days => n), CASE n % 3 WHEN 0 THEN NULL ELSE ($1::uuid[])[n % 3] END, 'a', 'tenant.update', 'tenant', n::text
    FROM generate_series(1, 400) AS n`,
    [ids],
  )
  assert.equal(await pruneAudit(store, 365, 10), 36, '365 days and more ago')
  const [kept] = await admin.query<{ oldest: number; rows: number }>(
    `SELECT max(name::int) AS oldest, count(*)::int AS rows FROM audit WHERE action = 'tenant.update'`,
  )
  assert.deepEqual(kept, { oldest: 364, rows: 364 })
  assert.equal(await pruneAudit(store, 365), 0)
  for (const days of [1, 0, -1_000])
    assert.equal(await pruneAudit(store, days), days === 1 ? 335 : 0, 'the last thirty days are never forgotten')
  assert.equal((await admin.query(`SELECT FROM audit`)).length, 2 + 29)
})
