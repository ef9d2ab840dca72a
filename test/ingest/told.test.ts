import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '../../src/event/index.ts'
import type { FlushLake, FlushRecord } from '../../src/ingest/index.ts'
import { LakeFault } from '../../src/lake/index.ts'
import { currentContext } from '../../src/tenancy/index.ts'
import type { Announcements } from '../../src/telemetry/index.ts'
import { CommitUnknown } from '../../src/store/index.ts'
import { assertBalanced, at, openCarriage, recordOf, type Place } from '../kit/carriage.ts'
import { until } from '../kit/until.ts'

const sum = (points: readonly { rows: number }[]): number => points.reduce((total, { rows }) => total + rows, 0)
const received = (ms: number): Record<string, string> => ({ 'pulse-received-at': new Date(ms).toISOString() })
const traceOf = (n: number, flags: string): Record<string, string> => ({
  traceparent: `00-${n.toString(16).padStart(32, '0')}-${'b'.repeat(16)}-${flags}`,
})
const rows = (place: Place, count: number, headers: (n: number) => Record<string, string> = () => ({})) =>
  Array.from({ length: count }, (_, n) => recordOf(place, { timestamp: at(1), n }, { headers: headers(n) }))

test('a run says how old its records are by a few of them, and which came from a clock ahead of ours', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const consumed = carriage.heard('worker.records.consumed')
  const future = carriage.heard('worker.records.future')
  const now = Date.now()
  // A tenth of them from an hour ahead; what is a second ahead is what clocks are.
  const receivedAt = (n: number): number => (n % 10 === 3 ? now + 3_600_000 : n % 10 === 4 ? now + 1_000 : now - 60_000)
  carriage.log.append(
    place.topic,
    0,
    rows(place, 100, (n) => received(receivedAt(n))),
  )
  const ingest = await carriage.start()
  await until('rows', () => ingest.tally.appended === 100)
  assert.equal(
    consumed.reduce((all, { records }) => all + records, 0),
    100,
  )
  for (const { freshness, records } of consumed) {
    assert.equal(sum(freshness), records)
    assert.ok(freshness.length <= 10, `${freshness.length} times were read for ${records} records`)
  }
  assert.ok(consumed.some(({ freshness }) => freshness.some((one) => Math.abs(one.receivedAtMs - (now - 60_000)) < 1)))
  assert.equal(
    future.reduce((all, { records }) => all + records, 0),
    10,
  )
  assert.ok(
    future.every(({ aheadMs, tenant }) => Math.abs(aheadMs - 3_600_000) < 60_000 && tenant === place.tenantSlug),
  )
})

test('a commit says what made it due, when, how fresh, its steps and what the table has become', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const committed = carriage.heard('worker.flush.committed')
  const before = Date.now()
  carriage.log.append(
    place.topic,
    0,
    rows(place, 40, (n) => received(before - 1_000 * n)),
  )
  const ingest = await carriage.start()
  await until('rows', () => ingest.tally.appended === 40)
  const said = committed[0] as Announcements['worker.flush.committed']
  assert.equal(said.trigger, 'age')
  assert.ok(
    said.startedAtMs >= before && said.committedAtMs >= said.startedAtMs && said.committedAtMs <= Date.now() + 1,
  )
  assert.ok(Math.abs(said.committedAtMs - said.startedAtMs - said.tookMs) < 1)
  assert.equal(sum(said.freshness), said.rows)
  assert.ok(said.freshness.every(({ receivedAtMs }) => receivedAtMs <= before && receivedAtMs >= before - 40_000))
  assert.ok(said.freshness.length > 1 && said.freshness.length <= 16)
  assert.equal(said.snapshots, 1)
  assert.ok((said.metadataBytes ?? 0) > 500)
  assert.equal(said.span.traceId, said.flushId.replaceAll('-', ''))
  assert.match(said.span.spanId, /^[0-9a-f]{16}$/)
  const names = said.steps.map(({ name }) => name)
  assert.deepEqual(names, ['dedup', 'open_table', 'intent', 'encode', 'stage', 'commit'])
  for (const { startedAtMs, tookMs, name } of said.steps) {
    assert.ok(startedAtMs >= said.startedAtMs && startedAtMs + tookMs <= said.committedAtMs + 1, name)
    assert.ok(tookMs >= 0, name)
  }
})

test('each trigger is told: rows, bytes, a share that moves, a worker that stops', async (t) => {
  const carriage = await openCarriage(t)
  const committed = carriage.heard('worker.flush.committed')
  const drained = carriage.heard('worker.share.drained')
  const place = await carriage.place()
  const slow = { flushSeconds: 1_000, leaseSeconds: 2 }
  const first = await carriage.start({ limits: { ...slow, flushRows: 30 } })
  carriage.log.append(place.topic, 0, rows(place, 30))
  await until('rows', () => first.tally.appended === 30)
  carriage.log.append(place.topic, 0, rows(place, 5))
  await until('buffered', () => first.tally.buffered === 5)
  await first.stop(5_000)
  assert.deepEqual(
    committed.map(({ trigger }) => trigger),
    ['rows', 'shutdown'],
  )
  assert.deepEqual(
    drained.map(({ cause, partitions }) => [cause, partitions]),
    [['shutdown', 1]],
  )
  const pressed = await carriage.start({ limits: { ...slow, bufferBytes: 1 << 20 } })
  const large = 'x'.repeat(20_000)
  const many = Array.from({ length: 60 }, (_, n) => recordOf(place, { timestamp: at(1), n, name: large }))
  carriage.log.append(place.topic, 0, many)
  await until('flushed for want of room', () => committed.some(({ trigger }) => trigger === 'bytes'))
  await pressed.stop(5_000)

  // Another member: partitions whose rows wait are flushed and given back.
  const paused = carriage.heard('worker.fetch.paused')
  const moving = await carriage.place({ partitions: 8 })
  const one = await carriage.start({ limits: slow })
  await until('all are read', () => one.sources.byKey.size === 9)
  for (let partition = 0; partition < 8; partition += 1) carriage.log.append(moving.topic, partition, rows(moving, 3))
  await until('buffered', () => one.tally.buffered >= 24)
  const two = await carriage.start({ limits: slow })
  await until(
    'some have moved',
    () => two.sources.byKey.size > 0 && one.sources.byKey.size + two.sources.byKey.size === 9,
  )
  assert.ok(committed.some(({ trigger }) => trigger === 'release'))
  const moved = drained.filter(({ cause }) => cause === 'share_moved')
  assert.equal(
    moved.reduce((all, { partitions }) => all + partitions, 0),
    two.sources.byKey.size,
  )
  assert.ok(moved.every(({ tookMs }) => tookMs >= 0 && tookMs < 60_000))
  await until('the pause is told', () => paused.some(({ reason, tookMs }) => reason === 'release' && tookMs > 0))
  assertBalanced(one)
})

test('sampled contexts are carried to the commit, dead letters first, each once; the others cost nothing', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const committed = carriage.heard('worker.flush.committed')
  const before = Date.now()
  const bad = { ...place, dataset: { ...place.dataset } }
  carriage.log.append(place.topic, 0, [
    ...rows(place, 3, () => traceOf(1, '01')),
    ...rows(place, 2, () => traceOf(2, '00')),
    ...rows(place, 1, () => traceOf(3, '03')),
    recordOf(bad, { timestamp: at(1), n: 'no number' }, { headers: traceOf(4, '01') }),
    ...rows(place, 2, () => traceOf(1, '01')),
    { ...recordOf(place, { n: 1 }, { headers: traceOf(5, '01') }), key: 'no id' },
  ])
  const ingest = await carriage.start()
  await until('all', () => ingest.tally.appended === 8 && ingest.tally.deadLettered === 2)
  const carried = committed.flatMap(({ contexts }) => contexts)
  const told = carried.map(({ traceparent, records, deadLetters, reason, firstOffset }) => [
    Number(traceparent.slice(30, 35)),
    records,
    deadLetters,
    reason,
    firstOffset,
  ])
  assert.deepEqual(told, [
    [4, 1, 1, 'unconvertible', 6],
    [5, 1, 1, 'malformed', 9],
    [1, 5, 0, undefined, 0],
    [3, 1, 0, undefined, 5],
  ])
  for (const { consumedAtMs, topic, partition } of carried) {
    assert.ok(consumedAtMs >= before - 1 && consumedAtMs <= Date.now() + 1)
    assert.deepEqual([topic, partition], [place.topic, 0])
  }
  assert.ok(committed.every(({ span }) => span.sampled))
})

test('of very many sampled contexts a bounded number is told, and the rest counted', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const committed = carriage.heard('worker.flush.committed')
  carriage.log.append(
    place.topic,
    0,
    rows(place, 3_000, (n) => traceOf(n + 1, '01')),
  )
  const ingest = await carriage.start()
  await until('all', () => ingest.tally.appended === 3_000)
  let told = 0
  for (const { contexts, contextsLeftOut, records } of committed) {
    assert.ok(contexts.length <= 1_024)
    assert.equal(contexts.length + contextsLeftOut, records)
    told += contexts.length
  }
  assert.ok(told >= 1_024)
})

test('without a sampled context a flush is sampled by a rate, a failed one by another; its calls are within it', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const [committed, failed] = [carriage.heard('worker.flush.committed'), carriage.heard('worker.flush.failed')]
  const within: unknown[] = []
  let faults = 0
  const ingest = await carriage.start({
    limits: { tracesPerSecond: 0 },
    lake: (real): FlushLake => ({
      ...real,
      async write(job) {
        within.push(currentContext())
        if ((faults += 1) === 1) throw new LakeFault('store_refused', 'on purpose')
        return real.write(job)
      },
    }),
  })
  carriage.log.append(place.topic, 0, rows(place, 3))
  await until('rows', () => ingest.tally.appended === 3)
  assert.deepEqual([committed[0]?.span.sampled, failed[0]?.span.sampled], [false, false], 'none is kept at 0')
  const tenant = { tenantId: place.tenantId, tenantSlug: place.tenantSlug }
  assert.deepEqual(
    within,
    [failed[0], committed[0]].map((said) => ({ ...tenant, trace: said?.span })),
  )
  assert.deepEqual([failed[0]?.outcome, failed[0]?.code, failed[0]?.trigger], ['retried', 'store_refused', 'age'])
  await ingest.stop(1_000)

  const kept = await carriage.start({ limits: { tracesPerSecond: 1 } })
  carriage.log.append(place.topic, 0, rows(place, 3))
  await until('rows', () => kept.tally.appended === 3)
  assert.equal(committed.at(-1)?.span.sampled, true, 'a quiet worker keeps every flush')
})

test('every attempt to commit is told: one that was never answered and looked up, one that met a moved table, one that held', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const attempts = carriage.heard('worker.commit.finished')
  let commits = 0
  const ingest = await carriage.start({
    record: (real): FlushRecord => ({
      ...real,
      async commit(commit, onUnanswered) {
        commits += 1
        if (commits === 1) {
          onUnanswered?.('unknown')
          return real.commit(commit, onUnanswered)
        }
        if (commits === 2) {
          const [dataset] = commit.datasets
          const tables = [{ datasetId: dataset?.datasetId ?? '', current: dataset?.table?.from ?? null }]
          return { kind: 'table_moved', tables }
        }
        if (commits === 3) throw new CommitUnknown('never answered, on purpose')
        return real.commit(commit, onUnanswered)
      },
    }),
  })
  carriage.log.append(place.topic, 0, rows(place, 2))
  await until('rows', () => ingest.tally.appended === 2)
  carriage.log.append(place.topic, 0, rows(place, 2))
  await until('rows', () => ingest.tally.appended === 4)
  assert.deepEqual(
    attempts.map(({ outcome, offsets, attempt, conflicts }) => [outcome, offsets, attempt, conflicts.join()]),
    [
      ['unknown', 'error', 1, ''],
      ['ok', 'ok', 1, ''],
      ['conflict', 'error', 1, 'events'],
      ['unknown', 'error', 2, ''],
      ['ok', 'ok', 2, ''],
    ],
  )
  assert.ok(attempts.every(({ tookMs, tenant }) => tookMs >= 0 && tenant === place.tenantSlug))
})

test('the ledger is asked where repeats are likely, and says how many ids it knew', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const asked = carriage.heard('worker.ledger.asked')
  const ids = [uuidv7(), uuidv7()]
  const both = () => ids.map((id, n) => recordOf(place, { timestamp: at(1), n }, { id }))
  const ingest = await carriage.start()
  carriage.log.append(place.topic, 0, both())
  await until('rows', () => ingest.tally.appended === 2)
  for (const duplicates of [2, 4]) {
    carriage.log.append(place.topic, 0, both())
    await until('duplicates', () => ingest.tally.duplicates === duplicates)
  }
  assert.deepEqual(
    asked.map(({ tenant, ids: count, known }) => [tenant, count, known]),
    [[place.tenantSlug, 2, 2]],
  )
})

test('the watermark follows what is committed, waits for what is not, and goes on while nothing comes', async (t) => {
  const carriage = await openCarriage(t)
  const place = await carriage.place()
  const ingest = await carriage.start({ limits: { flushSeconds: 1_000, flushRows: 5 } })
  const watermark = (): number | undefined => [...ingest.window.watermarks()][0]?.[1]
  const old = Date.now() - 3_600_000
  carriage.log.append(
    place.topic,
    0,
    rows(place, 5, (n) => received(old + n)),
  )
  await until('committed', () => ingest.tally.appended === 5)
  const first = await until('looked', () => watermark(), 5_000)
  assert.ok(first >= old + 4, 'all that was read is committed')
  await until('it goes on by itself', () => (watermark() ?? 0) > Date.now() - 5_000, 10_000)
  carriage.log.append(
    place.topic,
    0,
    rows(place, 1, () => received(old)),
  )
  await until('one waits', () => ingest.tally.buffered === 1)
  assert.equal(watermark(), old, 'it is not past the one that waits')
  const [, lag] = [...ingest.window.lag(Date.now())][0] ?? []
  assert.equal(lag?.records, 1)
  assert.ok(Math.abs((lag?.seconds ?? 0) - 3_600) < 60)
  await ingest.stop(5_000)
  assert.equal(watermark(), undefined, 'nothing is owned any more')
})
