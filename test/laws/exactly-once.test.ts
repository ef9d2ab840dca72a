import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import { rotateLedger } from '../../src/upkeep/index.ts'
import { openGround, type GroundDataset } from '../kit/ground.ts'
import { chance } from '../kit/seed.ts'
import { Carrier, type Lake } from './carrier.ts'
import {
  everyDeadLetterIsARow,
  everyRecordIsCountedOnce,
  nothingIsDropped,
  offsetsNeverPassWhatIsSettled,
  oneIdIsOneRow,
  theLedgerIsWhatWasWritten,
  type Log,
  type LoggedRecord,
} from './laws.ts'

const CAMPAIGNS = Number(process.env['TEST_CAMPAIGNS'] ?? 3)
const STEPS = Number(process.env['TEST_STEPS'] ?? 250)

test('distinct ids = rows, and every record is settled once, whatever two workers, the clock and the sweeper do', async (t) => {
  for (let campaign = 0; campaign < CAMPAIGNS; campaign++) {
    await t.test(`campaign ${campaign + 1}`, async (t) => {
      const cleanUp: (() => void | Promise<void>)[] = []
      t.after(async () => {
        for (const act of cleanUp) await act()
      })
      await campaignOf({ after: (act) => void cleanUp.push(act) }, (line) => t.diagnostic(line))
    })
  }
})

async function campaignOf(
  owner: { after(act: () => void | Promise<void>): void },
  say: (line: string) => void,
): Promise<void> {
  const luck = chance()
  say(`seed ${luck.seed}`)
  const ground = await openGround(owner)
  const tenantId = await ground.tenant()
  const datasets: GroundDataset[] = [await ground.dataset(tenantId), await ground.dataset(tenantId)]
  const log = new Map<string, readonly LoggedRecord[]>()
  const pool = Array.from({ length: 60 }, () => uuidv7())
  for (let i = 0; i < 3; i++) {
    const at = await ground.partition(tenantId)
    const records = Array.from({ length: luck.between(20, 60) }, (): LoggedRecord => ({
      datasetId: luck.pick(datasets).datasetId,
      eventId: luck.next() < 0.6 ? luck.pick(pool) : uuidv7(),
      isBad: luck.next() < 0.1,
    }))
    log.set(`${at.topicId}/0`, records)
  }
  const lake: Lake = new Map()
  const world = { log: log as Log, lake, datasets }
  const workers = [
    new Carrier(ground, ground.store, world, luck),
    new Carrier(ground, await ground.openStore(), world, luck),
  ]
  const step = async (worker: Carrier): Promise<void> => {
    const dice = luck.next()
    if (worker.asleep !== undefined) {
      if (dice < 0.5) return
      const commit = worker.asleep
      worker.asleep = undefined
      return void (await worker.offer(commit))
    }
    if (dice < 0.2) return worker.share()
    if (dice < 0.5) return worker.read()
    if (dice < 0.7) {
      const commit = await worker.plan()
      if (commit !== undefined) await worker.offer(commit)
      return
    }
    if (dice < 0.94) {
      worker.asleep = await worker.plan()
      if (luck.next() < 0.2)
        await ground.admin.query('UPDATE worker_members SET expires_at = clock_timestamp() WHERE worker = $1', [
          worker.asleep?.worker,
        ])
      return
    }
    if (dice < 0.96) return worker.die()
    if (dice < 0.98) {
      // Two parts and no more: what is older than the dedup window may come again, by its definition.
      const [{ parts } = { parts: 0 }] = await ground.admin.query<{ parts: number }>(
        'SELECT count(*)::int AS parts FROM ledger_epochs',
      )
      if (parts < 2) await ground.admin.query(`UPDATE ledger_epochs SET opened_at = opened_at - interval '8 days'`)
      return void (await rotateLedger(ground.store, 7))
    }
    await ground.admin.query('UPDATE flush_intents SET condemned_at = clock_timestamp()')
  }
  const check = async (): Promise<void> => {
    await nothingIsDropped(ground)
    await theLedgerIsWhatWasWritten(ground)
    await everyDeadLetterIsARow(ground)
    await offsetsNeverPassWhatIsSettled(ground, log)
    await everyRecordIsCountedOnce(ground, log)
    oneIdIsOneRow(await rowsOf())
  }
  const rowsOf = async (): Promise<Map<string, readonly string[]>> => {
    const tables = await ground.admin.query<{ id: string; at: string }>(
      `SELECT d.id, t.metadata_location AS at FROM pdm_datasets d
       JOIN iceberg_catalog.iceberg_tables t ON t.table_namespace = d.namespace AND t.table_name = d.table_name`,
    )
    return new Map(tables.map(({ id, at }) => [id, lake.get(at) ?? []]))
  }

  for (let i = 0; i < STEPS; i++) {
    await Promise.all(workers.map(step))
    if (i % 20 === 0) await check()
  }
  // Then calm: one worker is gone, the other one carries what is left.
  const last = workers[0] as Carrier
  for (const worker of workers) {
    worker.asleep = undefined
    await worker.die()
  }
  for (let i = 0; i < 400; i++) {
    await last.share()
    last.read()
    const commit = await last.plan()
    if (commit !== undefined) await last.offer(commit)
    if (last.isIdle && (await isDone(ground, log))) break
  }
  await check()
  for (const [i, worker] of workers.entries())
    say(`worker ${i}: ${[...worker.met].map((of) => of.join(' ')).join(', ')}`)
  const rows = await rowsOf()
  for (const dataset of datasets) {
    const mine = [...log.values()].flat().filter((one) => one.datasetId === dataset.datasetId && !one.isBad)
    assert.deepEqual(new Set(rows.get(dataset.datasetId)), new Set(mine.map((one) => one.eventId)))
  }
  const bad = [...log.values()].flat().filter((one) => one.isBad).length
  assert.equal((await ground.admin.query('SELECT FROM dead_letters')).length, bad)
  for (const worker of workers) assert.ok((worker.met.get('committed') ?? 0) > 0, 'both workers had their part')
}

/** Whether every record of every partition is settled. */
async function isDone(ground: Awaited<ReturnType<typeof openGround>>, log: Log): Promise<boolean> {
  const [row] = await ground.admin.query<{ records: number }>(
    'SELECT coalesce(sum(records), 0)::int AS records FROM flush_totals',
  )
  return row?.records === [...log.values()].flat().length
}
