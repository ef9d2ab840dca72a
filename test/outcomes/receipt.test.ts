import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { writeRecord } from '../../src/ingest/ledger.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import { receiptOf, type Receipt, type Watermarks } from '../../src/outcomes/index.ts'
import type { Store } from '../../src/store/index.ts'
import { flushOf, openGround } from '../kit/ground.ts'
import { putLetters } from '../kit/letters.ts'
import type { Owner } from '../kit/postgres.ts'

const MARK = '2026-11-25T08:00:00.000000Z'

async function prepare(owner: Owner) {
  const ground = await openGround(owner)
  const tenantId = await ground.tenant()
  const dataset = await ground.dataset(tenantId)
  await ground.partition(tenantId)
  const worker = await ground.worker()
  const asked = { ends: 0 }
  /** Called when the bus is asked, before it answers. */
  let meanwhile: () => Promise<void> = async () => {}
  const watermarks: Watermarks = {
    async ends() {
      asked.ends += 1
      await meanwhile()
      return { tenantId, atMs: 0, partitions: [] }
    },
    of: async () => MARK,
    async [Symbol.asyncDispose]() {},
  }
  const receipt = (eventId: string, of = dataset, as = tenantId): Promise<Receipt> =>
    receiptOf({ store: ground.store, watermarks }, as, { id: of.datasetId, slug: of.name }, eventId)
  const commit = async (ids: readonly string[], from: string): Promise<string> => {
    const flush = await flushOf(ground, dataset, worker, { ids, from, nextOffset: ids.length })
    const [first] = flush.datasets
    const table = first?.table === undefined ? undefined : { ...first.table, snapshotId: 512345678901234 }
    assert.ok(first !== undefined && table !== undefined)
    const records = Buffer.alloc(ids.length * 8)
    ids.forEach((_, index) => writeRecord(records, index * 8, 32_767, 2 ** 40 + index))
    const { kind } = await commitFlush(ground.store, { ...flush, datasets: [{ ...first, table, records }] })
    assert.equal(kind, 'committed')
    return flush.flushId
  }
  return {
    ground,
    tenantId,
    dataset,
    worker,
    asked,
    receipt,
    commit,
    during: (act: () => Promise<void>) => void (meanwhile = act),
  }
}

test('a committed event is answered with its snapshot, its flush and when, and the bus is not asked', async (t) => {
  const { ground, tenantId, dataset, receipt, commit, asked } = await prepare(t)
  const [id, other] = [uuidv7(), randomUUID()]
  const flushId = await commit([id, other].toSorted(), 'm0')
  const [flush] = await ground.admin.query<{ at: Date }>('SELECT committed_at AS at FROM flushes')
  for (const [index, one] of [id, other].toSorted().entries()) {
    const { committed_at: at, ...rest } = (await receipt(one)) as Receipt & { status: 'committed' }
    assert.deepEqual(
      { ...rest, event_id: one },
      {
        event_id: one,
        dataset: dataset.name,
        status: 'committed',
        snapshot_id: '512345678901234',
        flush_id: flushId,
        source: `pulse.${tenantId}.events.raw/32767/${2 ** 40 + index}`,
      },
    )
    assert.equal(Date.parse(at), flush?.at.getTime())
  }
  assert.equal(asked.ends, 0)
})

test('an event that is nowhere is not settled, with the watermark; one that commits while the bus is asked is committed', async (t) => {
  const { dataset, receipt, commit, during } = await prepare(t)
  const id = uuidv7()
  const { remembers_since: since, ...rest } = (await receipt(id)) as Receipt & { status: 'not_settled' }
  assert.deepEqual(rest, {
    event_id: id,
    dataset: dataset.name,
    status: 'not_settled',
    watermark: MARK,
    dead_letter: null,
  })
  assert.ok(Date.parse(since) <= Date.now())
  during(async () => void (await commit([id], 'm0')))
  assert.equal((await receipt(id)).status, 'committed')
})

test('a dead letter is answered by its newest; sent again it is under way; committed it is that', async (t) => {
  const { ground, tenantId, dataset, receipt, commit } = await prepare(t)
  const id = uuidv7()
  const letter = { tenantId, datasetId: dataset.datasetId, eventId: id.toUpperCase(), value: '{}' }
  const [, newest] = await putLetters(ground.admin, [letter, { ...letter, pointer: '/data/n' }])
  const dead = (await receipt(id)) as Receipt & { status: 'dead_lettered' }
  assert.deepEqual(
    [dead.status, dead.dead_letter.id, dead.dead_letter.reason, dead.dead_letter.pointer],
    ['dead_lettered', newest, 'unconvertible', '/data/n'],
  )
  await ground.admin.query('UPDATE dead_letters SET replayed_at = now() WHERE number = $1', [newest])
  const underway = (await receipt(id)) as Receipt & { status: 'not_settled' }
  assert.deepEqual([underway.status, underway.dead_letter?.id], ['not_settled', newest])
  await commit([id], 'm0')
  assert.equal((await receipt(id)).status, 'committed')
})

test('no receipt tells of another tenant’s event, nor of another dataset’s', async (t) => {
  const { ground, tenantId, dataset, receipt, commit } = await prepare(t)
  const [committed, dead] = [uuidv7(), uuidv7()]
  await commit([committed], 'm0')
  await putLetters(ground.admin, [{ tenantId, datasetId: dataset.datasetId, eventId: dead, value: '{}' }])
  const stranger = await ground.tenant()
  const [theirs, second] = [await ground.dataset(stranger), await ground.dataset(tenantId)]
  for (const id of [committed, dead]) {
    assert.equal((await receipt(id, theirs, stranger)).status, 'not_settled')
    assert.equal((await receipt(id, dataset, stranger)).status, 'not_settled', 'not even by the id of the dataset')
    assert.equal((await receipt(id, second)).status, 'not_settled')
  }
})

test('a receipt is found by index, whatever the ledger and the letters hold', async (t) => {
  const { ground, tenantId, dataset, commit } = await prepare(t)
  const ids = Array.from({ length: 5_000 }, () => uuidv7())
  await commit(ids, 'm0')
  const letter = { tenantId, datasetId: dataset.datasetId, value: '{}' }
  await putLetters(ground.admin, [letter, letter])
  const scans = await ground.store.asTenant(tenantId, async (sql) => {
    await sql.query('SELECT * FROM event_outcome($1, $2)', [dataset.datasetId, ids[4_000]])
    await sql.query('SELECT * FROM event_outcome($1, $2)', [dataset.datasetId, randomUUID()])
    return sql.query<{ name: string; scans: number; probes: number }>(
      `SELECT relname AS name, seq_scan::int AS scans, idx_scan::int AS probes FROM pg_stat_xact_all_tables
       WHERE relname LIKE 'processed_event_ids\\__%' OR relname LIKE 'dead_letters\\__%' OR relname IN ('flushes', 'flush_totals')`,
    )
  })
  assert.deepEqual(
    scans.filter((one) => one.scans > 0),
    [],
  )
  assert.equal(scans.find(({ name }) => name === 'processed_event_ids_1')?.probes, 2)
})

test('a worker of before, that says neither snapshot nor records, commits as ever; its receipts have neither', async (t) => {
  const { ground, dataset, receipt, worker } = await prepare(t)
  const id = uuidv7()
  const flush = await flushOf(ground, dataset, worker, { ids: [id] })
  const before: Store = {
    ...ground.store,
    callAsTenant: (tenantId, text, values = [], options) =>
      ground.store.callAsTenant(tenantId, text.replace(', $9', ''), values.slice(0, 8), options),
  }
  assert.equal((await commitFlush(before, flush)).kind, 'committed')
  const told = (await receipt(id)) as Receipt & { status: 'committed' }
  assert.deepEqual([told.status, told.snapshot_id, told.source], ['committed', null, null])
})
