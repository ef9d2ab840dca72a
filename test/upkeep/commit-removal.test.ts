import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client } from 'pg'
import { uuidv7 } from '../../src/event/index.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { commitRemoval, type RemovalCommit } from '../../src/upkeep/commit-removal.ts'
import { abandonIntent, openIntent } from '../../src/upkeep/index.ts'
import { dump, flushOf, openGround, type Ground, type GroundDataset } from '../kit/ground.ts'
import { openProxy } from '../kit/proxy.ts'
import { until } from '../kit/until.ts'

type Worker = Awaited<ReturnType<Ground['worker']>>

async function prepare(t: TestContext): Promise<{ ground: Ground; dataset: GroundDataset; worker: Worker }> {
  const ground = await openGround(t)
  const tenantId = await ground.tenant()
  const dataset = await ground.dataset(tenantId)
  await ground.partition(tenantId)
  return { ground, dataset, worker: await ground.worker() }
}

/** A removal of three rows from where the table is, its intent opened; every part can be replaced. */
async function removalOf(
  ground: Ground,
  dataset: GroundDataset,
  { member, owned }: Worker,
  more: Partial<RemovalCommit> = {},
): Promise<RemovalCommit> {
  const [source] = owned
  assert.ok(source)
  const flushId = uuidv7()
  const { tenantId, namespace, name } = dataset
  await openIntent(ground.store, { flushId, tenantId, worker: member.worker, locations: [dataset.location] })
  return {
    flushId,
    tenantId,
    worker: member.worker,
    fence: { topicId: source.topicId, partition: source.partition, generation: source.generation },
    datasetId: dataset.datasetId,
    table: { namespace, name, from: 'm0', to: `m-${flushId}` },
    rows: 3,
    expired: [
      { location: 'file:///old', after: 300 },
      { location: 'file:///attempt-1', after: 0 },
    ],
    ...more,
  }
}

/** Offers it, expects the outcome, and that not one row of any table is another one. */
async function refused(ground: Ground, commit: RemovalCommit, expected: unknown): Promise<void> {
  const before = await dump(ground)
  assert.deepEqual(await commitRemoval(ground.store, commit), expected)
  assert.deepEqual(await dump(ground), before)
}

test('a removal moves the pointer, is a flush of no records with what it removed, and takes its intent; offsets stay', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const { admin } = ground
  const sources = await admin.query('SELECT * FROM source_partitions')
  const commit = await removalOf(ground, dataset, worker)
  const outcome = await commitRemoval(ground.store, commit)
  assert.equal(outcome.kind, 'committed')
  assert.deepEqual(
    await admin.query('SELECT metadata_location, previous_metadata_location FROM iceberg_catalog.iceberg_tables'),
    [{ metadata_location: commit.table.to, previous_metadata_location: 'm0' }],
  )
  assert.deepEqual(
    await admin.query(
      `SELECT dataset_id, tenant_id, records::int, rows::int, duplicates::int, dead_letters::int, replayed::int, removed::int
       FROM flush_totals`,
    ),
    [
      {
        dataset_id: dataset.datasetId,
        tenant_id: dataset.tenantId,
        records: 0,
        rows: 0,
        duplicates: 0,
        dead_letters: 0,
        replayed: 0,
        removed: 3,
      },
    ],
  )
  assert.deepEqual(
    await admin.query(
      'SELECT location, round(extract(epoch FROM not_before - now()) / 300)::int AS graces FROM expired_files ORDER BY 1',
    ),
    [
      { location: 'file:///attempt-1', graces: 0 },
      { location: 'file:///old', graces: 1 },
    ],
  )
  assert.deepEqual(await admin.query('SELECT FROM flush_intents'), [])
  assert.deepEqual(await admin.query('SELECT * FROM source_partitions'), sources)
  // Offered again, as after a lost answer, it is the same commit.
  await refused(ground, commit, outcome)
})

test('what does not hold is answered by name, and nothing moves', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const { admin } = ground
  const commit = await removalOf(ground, dataset, worker)
  const { fence, table } = commit
  const fenced = { kind: 'fenced' }
  await refused(ground, { ...commit, worker: 'somebody-else' }, fenced)
  await refused(ground, { ...commit, fence: { ...fence, generation: fence.generation - 1 } }, fenced)
  await refused(ground, { ...commit, fence: { ...fence, generation: fence.generation + 1 } }, fenced)
  await refused(ground, { ...commit, fence: { ...fence, partition: 7 } }, fenced)
  await refused(ground, { ...commit, fence: { ...fence, topicId: uuidv7() } }, fenced)

  const other = await ground.dataset(await ground.tenant())
  await refused(ground, { ...commit, tenantId: other.tenantId }, fenced)
  await refused(ground, { ...commit, datasetId: other.datasetId }, { kind: 'table_moved', current: null })
  await refused(
    ground,
    { ...commit, datasetId: other.datasetId, table: { ...table, namespace: other.namespace, name: other.name } },
    { kind: 'table_moved', current: null },
  )
  await refused(ground, { ...commit, table: { ...table, from: 'm-elsewhere' } }, { kind: 'table_moved', current: 'm0' })

  await abandonIntent(ground.store, commit)
  await refused(ground, commit, { kind: 'condemned' })
  await refused(ground, { ...commit, flushId: uuidv7() }, { kind: 'condemned' })
  await admin.query('UPDATE source_partitions SET retired_at = now()')
  await refused(ground, commit, fenced)
})

test('a flush and a removal of one table, whichever is first: the second finds that the table moved', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const flush = await flushOf(ground, dataset, worker)
  const removal = await removalOf(ground, dataset, worker)
  assert.equal((await commitRemoval(ground.store, removal)).kind, 'committed')
  assert.deepEqual(await commitFlush(ground.store, flush), {
    kind: 'table_moved',
    tables: [{ datasetId: dataset.datasetId, current: removal.table.to }],
  })
  // The removal counts no flush of the partition: the same flush, staged again, is still fenced rightly.
  const [one] = flush.datasets
  assert.ok(one?.table)
  const staged = { ...flush, datasets: [{ ...one, table: { ...one.table, from: removal.table.to } }] }
  assert.equal((await commitFlush(ground.store, staged)).kind, 'committed')
  const late = await removalOf(ground, dataset, worker, { table: { ...removal.table, from: removal.table.to } })
  await refused(ground, late, { kind: 'table_moved', current: one.table.to })
})

test('a removal waits for whoever holds its partition, and is judged by what became of it', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const removal = await removalOf(ground, dataset, worker)
  const holder = new Client({ connectionString: ground.pg.adminUrl })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM source_partitions FOR NO KEY UPDATE')
  let answered: unknown
  const committing = commitRemoval(ground.store, removal).then((outcome) => (answered = outcome))
  const waiting = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%commit_removal%'`
  await until('it to wait', async () => (await ground.admin.query(waiting)).length === 1)
  assert.equal(answered, undefined)
  await holder.query('UPDATE source_partitions SET generation = generation + 1')
  await holder.query('COMMIT')
  await holder.end()
  assert.deepEqual(await committing, { kind: 'fenced' }, 'and sees what the one before it did')
})

for (const lost of ['request', 'answer'] as const) {
  test(`when the COMMIT loses its ${lost}, the same removal is offered again and is there once`, async (t) => {
    const { ground, dataset, worker } = await prepare(t)
    const removal = await removalOf(ground, dataset, worker)
    const proxy = await openProxy(t, ground.pg.appUrl)
    const store = await ground.openStore(proxy.url)
    proxy.cutNext(lost)
    assert.equal((await commitRemoval(store, removal)).kind, 'committed')
    assert.equal(proxy.cuts, 1)
    assert.deepEqual(await ground.admin.query('SELECT removed::int FROM flush_totals'), [{ removed: 3 }])
  })
}
