import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dlqTopic, uuidv7 } from '../../src/event/index.ts'
import { commitFlush } from '../../src/ingest/settle.ts'
import type { ObjectStore } from '../../src/lake/index.ts'
import { listen } from '../../src/telemetry/index.ts'
import { CommitUnknown, type Store } from '../../src/store/index.ts'
import { abandonIntent, openIntent, startUpkeep } from '../../src/upkeep/index.ts'
import { flushOf, letterOf, openGround } from '../kit/ground.ts'
import { openMemoryBus } from '../kit/memory-bus.ts'
import { until } from '../kit/until.ts'

const settings = {
  dedupDays: 7,
  deadLetterDays: 30,
  auditDays: 365,
  busRetentionHours: 1,
  snapshotsKeep: 100,
  snapshotSeconds: 3_600,
  readerGraceSeconds: 300,
}

test('every task is done without anybody asking, a fault in one is told and stops no other, and stopping is prompt', async (t) => {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.partition(dataset.tenantId)
  const worker = await ground.worker()
  const [source] = worker.owned
  assert.ok(source)
  const bus = openMemoryBus()
  await bus.admin.ensureTopics([{ name: dlqTopic(dataset.tenantId), partitions: 1 }])
  await commitFlush(
    ground.store,
    await flushOf(ground, dataset, worker, {
      letters: [letterOf(dataset, source, 2)],
      nextOffset: 3,
      expired: ['file:///old'],
    }),
  )
  await ground.admin.query(`UPDATE expired_files SET not_before = now()`)
  await ground.admin.query(`UPDATE ledger_epochs SET opened_at = opened_at - interval '8 days'`)
  const flushId = uuidv7()
  await openIntent(ground.store, { flushId, tenantId: dataset.tenantId, worker: 'w', locations: [dataset.location] })
  await abandonIntent(ground.store, { tenantId: dataset.tenantId, flushId })
  const removed: string[] = []
  const objects = {
    remove: async (location: string) => void removed.push(location),
    list: () => {
      throw new Error('the lake cannot be listed')
    },
  } as unknown as ObjectStore
  const finished = new Map<string, string>()
  t.after(
    listen('upkeep.task.finished', ({ task, outcome, tookMs }) => {
      assert.ok(tookMs >= 0)
      finished.set(task, `${finished.get(task) ?? ''} ${outcome}`.trim())
    }),
  )
  const defects: string[] = []
  t.after(listen('process.defect', (said) => void defects.push(`${said.where}: ${said.detail}`)))

  const upkeep = startUpkeep({ store: ground.store, bus, objects, settings, worker: () => worker.member.worker })
  await until('the letter is relayed', () => bus.records.get(dlqTopic(dataset.tenantId))?.length === 1)
  await until('the file is removed', () => removed.includes('file:///old'))
  await until('the ledger is rotated', async () => (await ground.admin.query('SELECT FROM ledger_epochs')).length === 2)
  await until('the marks are set', async () => (await ground.admin.query('SELECT FROM settled_marks')).length === 1)
  await until('the fault is told', () => defects.length === 1)
  assert.deepEqual(defects, ['upkeep sweep: the lake cannot be listed'])
  const names = ['canary', 'expire', 'forget', 'mark', 'partitions', 'relay', 'retain', 'sweep']
  await until('every task has ended once', () => finished.size === names.length)
  assert.deepEqual([...finished.keys()].sort(), names)
  for (const [task, outcomes] of finished) assert.match(outcomes, task === 'sweep' ? /^failed/ : /^ok/, task)
  const last = new Map(upkeep.lastSuccess())
  assert.deepEqual([...last.keys()].sort(), names)
  for (const [task, ms] of last)
    if (task !== 'sweep') assert.ok(ms > (last.get('sweep') ?? 0), `${task} after the start`)
  const stoppedAt = performance.now()
  await upkeep[Symbol.asyncDispose]()
  await upkeep.done
  assert.ok(performance.now() - stoppedAt < 10_000)
})

test('two workers that keep up at once do the common tasks once an interval', async (t) => {
  const ground = await openGround(t)
  const dataset = await ground.dataset(await ground.tenant())
  await ground.admin.query(`INSERT INTO expired_files SELECT 'f' || i, $1, now() FROM generate_series(1, 50) i`, [
    dataset.tenantId,
  ])
  const removed: string[] = []
  const objects = { remove: async (location: string) => void removed.push(location) } as unknown as ObjectStore
  const stopping = new AbortController()
  const outcomes: string[] = []
  t.after(listen('upkeep.task.finished', ({ task, outcome }) => void (task === 'expire' && outcomes.push(outcome))))
  const both = ['a', 'b'].map((worker) =>
    startUpkeep({ store: ground.store, bus: openMemoryBus(), objects, settings, worker, signal: stopping.signal }),
  )
  await until('all are removed', () => removed.length >= 50 && outcomes.length === 2)
  assert.deepEqual(outcomes.toSorted(), ['ok', 'others_turn'])
  for (const upkeep of both) {
    const last = new Map(upkeep.lastSuccess())
    assert.ok((last.get('expire') ?? 0) >= (last.get('mark') ?? 0) - 1_000, "another's turn counts for all")
  }
  stopping.abort()
  await Promise.all(both.map((upkeep) => upkeep.done))
  assert.equal(removed.length, 50)
})

test('a commit whose answer is lost is no defect of a task: the next turn does what is left', async (t) => {
  const ground = await openGround(t)
  const outcomes = new Set<string>()
  t.after(listen('upkeep.task.finished', ({ outcome }) => void outcomes.add(outcome)))
  const defects: string[] = []
  t.after(listen('process.defect', ({ detail }) => void defects.push(detail)))
  const lost = () => Promise.reject(new CommitUnknown('lost on purpose'))
  const store: Store = { ...ground.store, asSystem: lost, asTenant: lost }
  const objects = { list: lost, remove: lost } as unknown as ObjectStore
  const upkeep = startUpkeep({ store, bus: openMemoryBus(), objects, settings, worker: () => 'w' })
  await until('a task has ended', () => outcomes.size > 0)
  await upkeep[Symbol.asyncDispose]()
  await upkeep.done
  assert.deepEqual([[...outcomes], defects], [['away'], []])
})
