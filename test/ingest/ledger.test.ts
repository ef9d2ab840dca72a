import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Client } from 'pg'
import { uuidv7 } from '../../src/event/index.ts'
import { knownIds, packIds, packRecords } from '../../src/ingest/ledger.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { flushOf, openGround, type Ground } from '../kit/ground.ts'
import { until } from '../kit/until.ts'

/** Makes the newest part of the ledger look `days` old. */
const age = (ground: Ground, days: number): Promise<unknown> =>
  ground.admin.query(`UPDATE ledger_epochs SET opened_at = clock_timestamp() - make_interval(days => $1)`, [days])
const rotate = (ground: Ground, days = 7): Promise<Record<string, unknown>[]> =>
  ground.store.asSystem((sql) => sql.query('SELECT * FROM ledger_rotate($1)', [days]))

async function withClient(ground: Ground, act: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: ground.pg.appUrl })
  await client.connect()
  try {
    await act(client)
  } finally {
    await client.end()
  }
}

async function prepare(t: Parameters<typeof openGround>[0]) {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  let pointer = 'm0'
  let offset = 0
  const add = async (ids: readonly string[]): Promise<string> => {
    offset += ids.length
    const commit = await flushOf(ground, dataset, worker, { ids, from: pointer, nextOffset: offset })
    const outcome = await commitFlush(ground.store, commit)
    if (outcome.kind === 'committed') pointer = commit.datasets[0]?.table?.to ?? ''
    else offset -= ids.length
    return outcome.kind
  }
  return { ground, dataset, worker, add }
}

test('ids are packed as Postgres reads them, in either case, and nothing else is', async (t) => {
  const ground = await openGround(t)
  const ids = [randomUUID(), uuidv7(), '00000000-0000-0000-0000-000000000000', 'FFFFFFFF-FFFF-4FFF-BFFF-FFFFFFFFFFFF']
  const [row] = await ground.pg.sql('app').query('SELECT $1::uuid[] AS ids', [packIds(ids, ids.length)])
  assert.deepEqual(
    row?.['ids'],
    ids.map((id) => id.toLowerCase()),
  )
  const [none] = await ground.pg.sql('app').query('SELECT $1::uuid[] AS ids', [packIds([], 0)])
  assert.deepEqual(none?.['ids'], [])
  for (const bad of [
    '',
    'x'.repeat(36),
    `${randomUUID().slice(0, 35)}g`,
    `${randomUUID().slice(0, 35)}é`,
    `{${randomUUID()}}`,
  ]) {
    assert.throws(() => packIds([bad], 1), TypeError)
  }
  assert.throws(() => packIds([randomUUID()], 2), TypeError)
})

test('known ids are those of the dataset and of the tenant that asks, whatever the part they are in', async (t) => {
  const { ground, dataset, add } = await prepare(t)
  const ids = [uuidv7(), randomUUID()]
  await add(ids)
  await age(ground, 8)
  await rotate(ground)
  const later = [uuidv7()]
  await add(later)
  const asked = [...ids, ...later, randomUUID()]
  assert.deepEqual(await knownIds(ground.store, dataset.tenantId, dataset.number, asked), new Set([...ids, ...later]))
  assert.deepEqual(await knownIds(ground.store, dataset.tenantId, dataset.number + 1, asked), new Set())
  assert.deepEqual(await knownIds(ground.store, await ground.tenant(), dataset.number, asked), new Set())
  assert.deepEqual(await knownIds(ground.store, dataset.tenantId, dataset.number, []), new Set())
})

test('the ledger rotates only once its newest part has covered its days, and keeps two parts', async (t) => {
  const { ground, dataset, add } = await prepare(t)
  const [first, second, third] = [[randomUUID()], [randomUUID()], [randomUUID()]]
  await add(first)
  assert.deepEqual(await rotate(ground), [])
  await age(ground, 6)
  assert.deepEqual(await rotate(ground), [])
  await age(ground, 8)
  assert.deepEqual(await rotate(ground), [{ added: 'processed_event_ids_2', dropped: null }])
  assert.deepEqual(await rotate(ground), [], 'the new part is young')
  await add(second)
  await age(ground, 8)
  assert.deepEqual(await rotate(ground), [{ added: 'processed_event_ids_3', dropped: 'processed_event_ids_1' }])
  await add(third)
  const all = [...first, ...second, ...third]
  assert.deepEqual(await knownIds(ground.store, dataset.tenantId, dataset.number, all), new Set([...second, ...third]))
  assert.deepEqual(await ground.admin.query('SELECT epoch FROM ledger_epochs ORDER BY 1'), [{ epoch: 2 }, { epoch: 3 }])
})

test('an id is a repeat on either side of a rotation, within and outside the range of the older part', async (t) => {
  const { ground, add } = await prepare(t)
  const old = [uuidv7(), uuidv7(), uuidv7()].toSorted()
  assert.equal(await add(old), 'committed')
  await age(ground, 8)
  await rotate(ground)
  for (const id of old) assert.equal(await add([id, uuidv7()]), 'known_ids', 'the lowest, the middle and the highest')
  const next = [uuidv7(), '00000000-0000-4000-8000-000000000000']
  assert.equal(await add(next), 'committed')
  assert.equal(await add(next), 'known_ids')
})

test('a flush of repeats alone is told so while its worker still waits for it', { timeout: 120_000 }, async (t) => {
  const { add } = await prepare(t)
  // A third of what one flush may take. The answer of all ids once took time by their square: minutes for so many.
  const ids = Array.from({ length: 60_000 }, () => randomUUID())
  assert.equal(await add(ids), 'committed')
  assert.equal(await add(ids), 'known_ids')
})

test('one id on both sides of a rotation, from two connections at once, is one row', async (t) => {
  const { ground, dataset, worker } = await prepare(t)
  await ground.partition(dataset.tenantId)
  const { owned } = await worker.member.share()
  const other = await ground.openStore()
  let pointer = 'm0'
  for (let round = 0; round < 6; round++) {
    await age(ground, 8)
    const id = round % 2 === 0 ? uuidv7() : randomUUID()
    const commits = await Promise.all(
      owned.map((source, i) =>
        flushOf(
          ground,
          dataset,
          { member: worker.member, owned: [source] },
          { ids: [id], from: pointer, to: `m-${round}-${i}`, nextOffset: round + 1 },
        ),
      ),
    )
    const [a, b] = await Promise.all([
      commitFlush(ground.store, commits[0]!),
      commitFlush(other, commits[1]!),
      rotate(ground),
    ])
    const kinds = [a, b].map((outcome) => outcome.kind).toSorted()
    assert.equal(kinds[0], 'committed')
    assert.equal(kinds[1], 'table_moved')
    const loser = a.kind === 'committed' ? 1 : 0
    pointer = `m-${round}-${1 - loser}`
    // The one that lost stages again on the new table: now the ledger must know the id, in whichever part.
    const again = await flushOf(
      ground,
      dataset,
      { member: worker.member, owned: [owned[loser]!] },
      { ids: [id], from: pointer, nextOffset: round + 1 },
    )
    assert.deepEqual(await commitFlush(loser === 0 ? ground.store : other, again), {
      kind: 'known_ids',
      datasets: [{ datasetId: dataset.datasetId, eventIds: [id] }],
    })
    assert.equal((await ground.admin.query('SELECT FROM processed_event_ids WHERE event_id = $1', [id])).length, 1)
  }
})

test('a rotation waits for the commits under way, and commits wait for it', async (t) => {
  const { ground, add } = await prepare(t)
  await age(ground, 8)
  await withClient(ground, async (client) => {
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock_shared(ledger_lock())') // what a commit holds
    let hasRotated = false
    const rotating = rotate(ground).then((rows) => {
      hasRotated = true
      return rows
    })
    await until(
      'the rotation waits for a lock',
      async () =>
        (await ground.admin.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length === 1,
    )
    assert.equal(hasRotated, false)
    const committing = add([uuidv7()])
    await until(
      'the commit waits behind it',
      async () =>
        (await ground.admin.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).length === 2,
    )
    await client.query('COMMIT')
    assert.equal((await rotating).length, 1)
    assert.equal(await committing, 'committed')
    assert.deepEqual(await ground.admin.query('SELECT DISTINCT epoch FROM processed_event_ids'), [{ epoch: 2 }])
  })
})

test('two workers that rotate at once rotate once', async (t) => {
  const { ground } = await prepare(t)
  await age(ground, 8)
  const answers = await Promise.all([rotate(ground), rotate(ground), rotate(ground)])
  assert.equal(answers.flat().length, 1)
})

test('the runtime role can neither shorten the ledger below a day nor touch its parts', async (t) => {
  const { ground } = await prepare(t)
  const app = ground.pg.sql('app')
  for (const days of [0, -1, null])
    await assert.rejects(app.query('SELECT ledger_rotate($1)', [days]), /at least one day/)
  for (const statement of [
    'SELECT ledger_open(9)',
    'SELECT * FROM partitions.processed_event_ids_1',
    'DROP TABLE partitions.processed_event_ids_1',
    'CREATE TABLE partitions.mine ()',
    'CREATE TABLE public.mine ()',
    'DELETE FROM processed_event_ids',
    'TRUNCATE processed_event_ids',
    'UPDATE processed_event_ids SET epoch = 1',
    'INSERT INTO ledger_epochs VALUES (9)',
    'UPDATE flushes SET worker = NULL',
    'TRUNCATE source_partitions CASCADE',
    'DELETE FROM dead_letters',
  ])
    await assert.rejects(app.query(statement), /permission denied|must be owner/, statement)
})

test('an id in the ledger costs at most 140 bytes with its index', async (t) => {
  const { ground, dataset } = await prepare(t)
  const count = 200_000
  const size = async (): Promise<number> =>
    Number(
      (
        await ground.admin.query<{ bytes: string }>(
          `SELECT pg_total_relation_size('partitions.processed_event_ids_1') AS bytes`,
        )
      )[0]?.bytes,
    )
  await withClient(ground, async (app) => {
    for (const make of [uuidv7, randomUUID]) {
      const before = await size()
      for (let at = 0; at < count; at += 20_000) {
        const ids = Array.from({ length: 20_000 }, () => make())
        await app.query('BEGIN')
        await app.query(`SELECT set_config('app.current_tenant_id', $1, true)`, [dataset.tenantId])
        await app.query('SELECT ledger_add($1, $2, $3, 1, $4)', [
          dataset.tenantId,
          dataset.number,
          packIds(ids, ids.length),
          packRecords([Buffer.alloc(ids.length * 8)], ids.length),
        ])
        await app.query('COMMIT')
      }
      const bytes = ((await size()) - before) / count
      t.diagnostic(`${make.name || 'v7'}: ${bytes.toFixed(1)} bytes an id`)
      assert.ok(bytes <= 140, `${bytes} bytes an id`)
    }
  })
})
