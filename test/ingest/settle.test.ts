import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client } from 'pg'
import { uuidv7 } from '../../src/event/index.ts'
import { NIL_DATASET, type FlushCommit } from '../../src/ingest/flush-commit.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { dump, flushOf, letterOf, openGround, type Ground, type GroundDataset } from '../kit/ground.ts'
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

/** Offers the commit, expects the outcome, and that not one row of any table is another one. */
async function refused(ground: Ground, commit: FlushCommit, expected: unknown): Promise<void> {
  const before = await dump(ground)
  assert.deepEqual(await commitFlush(ground.store, commit), expected)
  assert.deepEqual(await dump(ground), before)
}

async function rejected(ground: Ground, commit: FlushCommit, message: RegExp): Promise<void> {
  const before = await dump(ground)
  await assert.rejects(commitFlush(ground.store, commit), message)
  assert.deepEqual(await dump(ground), before)
}

const one = <T>(rows: readonly T[]): T => {
  assert.equal(rows.length, 1)
  return rows[0] as T
}

test('a commit moves pointer, ledger, totals, dead letters, offsets and expired files together, and takes its intent', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const source = one(worker.owned)
  const ids = [uuidv7(), uuidv7(), uuidv7()]
  const letters = [letterOf(dataset, source, 4), letterOf(dataset, source, 3)]
  const commit = await flushOf(ground, dataset, worker, {
    ids,
    letters,
    duplicates: 2,
    nextOffset: 7,
    expired: ['file:///old'],
  })
  const outcome = await commitFlush(ground.store, { ...commit, orphans: ['file:///attempt-1'] })
  assert.equal(outcome.kind, 'committed')

  const { admin } = ground
  const table = one(
    await admin.query('SELECT metadata_location, previous_metadata_location FROM iceberg_catalog.iceberg_tables'),
  )
  assert.deepEqual(table, { metadata_location: `m-${commit.flushId}`, previous_metadata_location: 'm0' })
  const ledger = await admin.query(
    'SELECT event_id, tenant_id, dataset_number, flush_number::int FROM processed_event_ids ORDER BY 1',
  )
  const flush_number = outcome.kind === 'committed' ? outcome.flushNumber : 0
  assert.deepEqual(
    ledger,
    ids
      .toSorted()
      .map((event_id) => ({ event_id, tenant_id: dataset.tenantId, dataset_number: dataset.number, flush_number })),
  )
  const totals = one(
    await admin.query(`SELECT flush_id, worker, dataset_id, records::int, rows::int, duplicates::int, dead_letters::int, replayed::int
    FROM flushes JOIN flush_totals USING (flush_number)`),
  )
  assert.deepEqual(totals, {
    flush_id: commit.flushId,
    worker: worker.member.worker,
    dataset_id: dataset.datasetId,
    records: 7,
    rows: 3,
    duplicates: 2,
    dead_letters: 2,
    replayed: 0,
  })
  const dead = await admin.query(
    'SELECT source_offset::int, key, value, headers, reason, received_at, flush_number::int FROM dead_letters ORDER BY number',
  )
  assert.deepEqual(
    dead.map((row) => row['source_offset']),
    [3, 4],
  )
  assert.deepEqual(dead[0]?.['value'], letters[0]?.value)
  assert.deepEqual(dead[0]?.['headers'], letters[0]?.headers)
  assert.equal(one(await admin.query('SELECT next_offset::int FROM settled_offsets'))['next_offset'], 7)
  assert.equal(one(await admin.query('SELECT next_offset::int FROM source_partitions'))['next_offset'], 7)
  const files = await admin.query('SELECT location, not_before > now() AS waits FROM expired_files ORDER BY 1')
  assert.deepEqual(files, [
    { location: 'file:///attempt-1', waits: false },
    { location: 'file:///old', waits: true },
  ])
  assert.deepEqual(await admin.query('SELECT * FROM flush_intents'), [])
})

test('the same commit offered again is the same commit', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker)
  const first = await commitFlush(ground.store, commit)
  await refused(ground, commit, first)
})

test('an old generation is refused by name and moves nothing', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker)
  const [source] = worker.owned
  await worker.member.giveBack(worker.owned)
  await worker.member.share() // the same worker again, but with another generation
  await refused(ground, commit, { kind: 'fenced', partitions: [{ topicId: source?.topicId, partition: 0 }] })
})

test('a commit that builds on a flush which Postgres has lost is refused, and so is one that does not know of the last', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  assert.equal(
    (await commitFlush(ground.store, await flushOf(ground, dataset, worker, { to: 'm1' }))).kind,
    'committed',
  )
  const commit = await flushOf(ground, dataset, worker, { from: 'm1', nextOffset: 9 })
  for (const flushes of [0, 2]) {
    const [source] = commit.sources
    assert.ok(source)
    await refused(
      ground,
      { ...commit, sources: [{ ...source, flushes }] },
      { kind: 'fenced', partitions: [{ topicId: source.topicId, partition: 0 }] },
    )
  }
  assert.equal((await commitFlush(ground.store, commit)).kind, 'committed')
})

test('a partition that was given back and not claimed since is refused, too: its generation alone says nothing', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker)
  await worker.member.giveBack(worker.owned)
  await refused(ground, commit, { kind: 'fenced', partitions: [{ topicId: commit.sources[0]?.topicId, partition: 0 }] })
})

test('a partition that another worker claimed is refused', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker)
  await worker.member.leave()
  const successor = await ground.worker()
  assert.equal(successor.owned.length, 1)
  await refused(ground, commit, { kind: 'fenced', partitions: [{ topicId: commit.sources[0]?.topicId, partition: 0 }] })
})

test("a partition that is not there, or is another tenant's, is refused", async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const other = await ground.dataset(await ground.tenant())
  await ground.partition(other.tenantId)
  const both = { member: worker.member, owned: (await worker.member.share()).owned }
  const commit = await flushOf(ground, dataset, worker)
  const foreign = both.owned.find((of) => of.tenantId === other.tenantId)
  assert.ok(foreign)
  const sources = [
    ...commit.sources,
    { topicId: foreign.topicId, partition: 0, generation: foreign.generation, flushes: 0 },
  ]
  await refused(
    ground,
    { ...commit, sources },
    { kind: 'fenced', partitions: [{ topicId: foreign.topicId, partition: 0 }] },
  )
  const unknown = { topicId: uuidv7(), partition: 3 }
  await refused(
    ground,
    { ...commit, sources: [{ ...unknown, generation: 1, flushes: 0 }] },
    { kind: 'fenced', partitions: [unknown] },
  )
})

test('a table that moved is named with where it is now', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker, { from: 'm-older' })
  await refused(ground, commit, { kind: 'table_moved', tables: [{ datasetId: dataset.datasetId, current: 'm0' }] })
})

test('a table that is missing leaves the commit by name, and the rest goes on without it', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const broken = await ground.dataset(dataset.tenantId)
  await ground.admin.query('DELETE FROM iceberg_catalog.iceberg_tables WHERE table_name = $1', [broken.name])
  const whole = await flushOf(ground, dataset, worker)
  const part = await flushOf(ground, broken, worker)
  const commit = { ...whole, datasets: [...whole.datasets, ...part.datasets] }
  await refused(ground, commit, { kind: 'table_moved', tables: [{ datasetId: broken.datasetId, current: null }] })
  assert.equal((await commitFlush(ground.store, whole)).kind, 'committed')
})

test("another tenant's dataset has no table here", async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const other = await ground.dataset(await ground.tenant())
  const commit = await flushOf(ground, dataset, worker, {
    change: (of) => ({
      ...of,
      datasetId: other.datasetId,
      datasetNumber: other.number,
      table: { namespace: other.namespace, name: other.name, from: 'm0', to: 'm1' },
    }),
  })
  await refused(ground, commit, { kind: 'table_moved', tables: [{ datasetId: other.datasetId, current: null }] })
})

test('ids that the ledger knows are named, all of them and of every dataset, and nothing moves', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const second = await ground.dataset(dataset.tenantId)
  const known = [uuidv7(), uuidv7()]
  assert.equal(
    (await commitFlush(ground.store, await flushOf(ground, dataset, worker, { ids: known, nextOffset: 2, to: 'm1' })))
      .kind,
    'committed',
  )
  const mixed = await flushOf(ground, dataset, worker, {
    ids: [uuidv7(), ...known, uuidv7()],
    from: 'm1',
    nextOffset: 6,
  })
  const other = await flushOf(ground, second, worker, { ids: known, nextOffset: 6 })
  const outcome = { kind: 'known_ids', datasets: [{ datasetId: dataset.datasetId, eventIds: known }] }
  await refused(ground, { ...mixed, datasets: [...other.datasets, ...mixed.datasets] }, outcome)
  assert.equal((await commitFlush(ground.store, other)).kind, 'committed', 'the same ids are new to another dataset')
})

test('an id twice in one flush is a defect of the caller, not a duplicate', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const id = uuidv7()
  await rejected(ground, await flushOf(ground, dataset, worker, { ids: [id, id] }), /duplicate key/)
})

test('a condemned intent and one that is not there are refused', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker)
  await ground.admin.query('UPDATE flush_intents SET condemned_at = now()')
  await refused(ground, commit, { kind: 'condemned' })
  await ground.admin.query('DELETE FROM flush_intents')
  await refused(ground, commit, { kind: 'condemned' })
})

test('settled offsets never go backwards and never lie outside the fence', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  assert.equal(
    (await commitFlush(ground.store, await flushOf(ground, dataset, worker, { nextOffset: 10, to: 'm1' }))).kind,
    'committed',
  )
  await rejected(ground, await flushOf(ground, dataset, worker, { nextOffset: 9, from: 'm1' }), /backwards/)
  const commit = await flushOf(ground, dataset, worker, {
    from: 'm1',
    nextOffset: 12,
    change: (of) => ({ ...of, settled: [...of.settled, { topicId: uuidv7(), partition: 0, nextOffset: 1 }] }),
  })
  await rejected(ground, commit, /outside its fence/)
})

test('a late, lower reading position leaves the higher one', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const second = await ground.dataset(dataset.tenantId)
  assert.equal(
    (await commitFlush(ground.store, await flushOf(ground, dataset, worker, { nextOffset: 10 }))).kind,
    'committed',
  )
  assert.equal(
    (await commitFlush(ground.store, await flushOf(ground, second, worker, { nextOffset: 6 }))).kind,
    'committed',
  )
  assert.equal(one(await ground.admin.query('SELECT next_offset::int FROM source_partitions'))['next_offset'], 10)
})

test('totals that drop a record, and rows without ids or without a table, are refused', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const miscounted = await flushOf(ground, dataset, worker, {
    change: (of) => ({ ...of, totals: { ...of.totals, records: 5 } }),
  })
  await rejected(ground, miscounted, /nothing_is_dropped/)
  const more = await flushOf(ground, dataset, worker, {
    change: (of) => ({ ...of, totals: { ...of.totals, records: 3, rows: 3 } }),
  })
  await rejected(ground, more, /adds 3 rows but names 2 ids/)
  const {
    datasets: [named],
  } = await flushOf(ground, dataset, worker)
  assert.ok(named)
  const { table: _, ...tableless } = named
  await rejected(ground, { ...more, datasets: [tableless] }, /names 2 ids, table/)
})

test('a flush without rows settles its records without a table', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const source = one(worker.owned)
  const letter = { ...letterOf(dataset, source, 0), datasetId: null, reason: 'unknown_dataset' as const }
  const commit = await flushOf(ground, dataset, worker, {
    ids: [],
    letters: [letter],
    change: (of) => ({ ...of, datasetId: NIL_DATASET, datasetNumber: 0 }),
  })
  assert.equal((await commitFlush(ground.store, commit)).kind, 'committed')
  assert.equal(one(await ground.admin.query('SELECT dataset_id FROM settled_offsets'))['dataset_id'], NIL_DATASET)
})

/** Holds a table's row of the catalog, until the answered function is called. */
async function holdTable(ground: Ground, dataset: GroundDataset): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: ground.pg.adminUrl })
  await client.connect()
  await client.query('BEGIN')
  await client.query('SELECT FROM iceberg_catalog.iceberg_tables WHERE table_name = $1 FOR UPDATE', [dataset.name])
  return async () => {
    await client.query('COMMIT')
    await client.end()
  }
}

const untilWaiting = (ground: Ground, count: number): Promise<unknown> =>
  until(`${count} transactions wait for a lock`, async () => {
    const waiting = await ground.admin.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )
    return waiting.length === count
  })

test('a commit that is under way keeps its partition: the successor claims it afterwards and reads on behind it', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const commit = await flushOf(ground, dataset, worker, { nextOffset: 9 })
  const release = await holdTable(ground, dataset)
  const offered = commitFlush(ground.store, commit)
  await untilWaiting(ground, 1)
  await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp()')
  const successor = await ground.worker()
  assert.deepEqual(successor.owned, [], 'not while it is locked')
  await release()
  assert.equal((await offered).kind, 'committed')
  const [claimed] = (await successor.member.share()).claimed
  assert.deepEqual([claimed?.nextOffset, claimed?.generation], [9, 2])
})

test('of two commits for one table one waits and then finds that the table moved', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  await ground.partition(dataset.tenantId)
  const { owned } = await worker.member.share()
  assert.equal(owned.length, 2)
  const commits = await Promise.all(
    owned.map((source) =>
      flushOf(ground, dataset, { member: worker.member, owned: [source] }, { to: `m-${source.topicId}` }),
    ),
  )
  const release = await holdTable(ground, dataset)
  const offered = commits.map((commit) => commitFlush(ground.store, commit))
  await untilWaiting(ground, 2)
  await release()
  const outcomes = await Promise.all(offered)
  assert.deepEqual(outcomes.map((outcome) => outcome.kind).toSorted(), ['committed', 'table_moved'])
  const winner = commits[outcomes.findIndex((outcome) => outcome.kind === 'committed')]
  const moved = outcomes.find((outcome) => outcome.kind === 'table_moved')
  assert.equal(moved?.kind === 'table_moved' && moved.tables[0]?.current, winner?.datasets[0]?.table?.to)
})

test('a worker that was asleep while its lease ended cannot commit late, nor hold its successor up', async (t) => {
  const { ground, dataset, worker: sleeper } = await prepare(t)
  const commit = await flushOf(ground, dataset, sleeper)
  await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp()')
  const successor = await ground.worker()
  assert.equal(successor.owned.length, 1)
  assert.equal(successor.owned[0]?.generation, (sleeper.owned[0]?.generation ?? 0) + 1)
  await refused(ground, commit, { kind: 'fenced', partitions: [{ topicId: commit.sources[0]?.topicId, partition: 0 }] })
  assert.equal(await sleeper.member.heartbeat(), false)
  assert.equal((await sleeper.member.share()).lost.length, 1)
  const [limits] = await ground.pg
    .sql('app')
    .query(
      `SELECT current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle`,
    )
  assert.deepEqual(limits, { lock: '2s', idle: '4s' })
})

for (const lost of ['answer', 'request'] as const) {
  test(`when the ${lost === 'answer' ? 'answer to COMMIT' : 'COMMIT itself'} is lost the flush is committed exactly once`, async (t) => {
    const { ground, dataset, worker } = await prepare(t)
    const proxy = await openProxy(t, ground.pg.appUrl)
    const store = await ground.openStore(proxy.url)
    const commit = await flushOf(ground, dataset, worker)
    proxy.cutNext(lost)
    const outcome = await commitFlush(store, commit)
    assert.equal(outcome.kind, 'committed')
    assert.equal(proxy.cuts, 1)
    assert.equal((await ground.admin.query('SELECT FROM flushes')).length, 1)
    assert.equal((await ground.admin.query('SELECT FROM processed_event_ids')).length, 2)
  })
}

test('while Postgres stays away a commit is refused with a problem in bounded time, and succeeds later', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const proxy = await openProxy(t, ground.pg.appUrl)
  const store = await ground.openStore(proxy.url)
  const commit = await flushOf(ground, dataset, worker)
  proxy.away(true)
  await assert.rejects(commitFlush(store, commit, { chaseMs: 300 }), { code: 'dependency_away' })
  proxy.away(false)
  assert.equal((await commitFlush(store, commit)).kind, 'committed')
})

test('dead letters keep what no text column can, and one source is one row', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const source = one(worker.owned)
  const odd = {
    ...letterOf(dataset, source, 0),
    eventId: 'not a uuid \0',
    error: `a NUL \0, half a pair \ud800, ${'long '.repeat(1000)}`,
    pointer: '/\0',
    value: Buffer.from([0, 0xff, 0xfe, 0x80]),
    key: null,
    headers: [
      [Buffer.from('bin'), Buffer.from([0xff, 0])],
      ['nul', '\0'],
      ['plain', 'é'],
    ] as const,
    traceparent: '',
    receivedAt: 'yesterday',
  }
  const commit = await flushOf(ground, dataset, worker, { ids: [], letters: [odd] })
  assert.equal((await commitFlush(ground.store, commit)).kind, 'committed')
  const again = await flushOf(ground, dataset, worker, { ids: [], letters: [odd] })
  assert.equal((await commitFlush(ground.store, again)).kind, 'committed')
  const row = one(await ground.admin.query('SELECT * FROM dead_letters'))
  assert.deepEqual(row['value'], odd.value)
  assert.equal(row['key'], null)
  assert.equal(row['received_at'], null)
  assert.equal(row['event_id'], 'not a uuid \uFFFD')
  assert.deepEqual(row['headers'], [
    ['bin', { base64: '/wA=' }],
    ['nul', { base64: 'AA==' }],
    ['plain', 'é'],
  ])
})

test('a commit that finds no partition for its dead letters makes it and goes on', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  const [today] = await ground.admin.query<{ name: string }>(
    `SELECT 'partitions.dead_letters_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD') AS name`,
  )
  await ground.admin.query(`DROP TABLE ${today?.name}`)
  const commit = await flushOf(ground, dataset, worker, { ids: [], letters: [letterOf(dataset, one(worker.owned), 0)] })
  assert.equal((await commitFlush(ground.store, commit)).kind, 'committed')
  assert.equal((await ground.admin.query('SELECT FROM dead_letters')).length, 1)
})
