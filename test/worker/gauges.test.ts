import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { bufferRow, openFor, take } from '../../src/ingest/buffer.ts'
import type { OwnedPartition, Share } from '../../src/ingest/claims.ts'
import { noteEnd } from '../../src/ingest/lag.ts'
import { laneOf, openBuffer } from '../../src/ingest/lane.ts'
import { lineBytes, lineMiddle } from '../../src/ingest/line.ts'
import { forgetAll, forgetSource, gaveBack, openSources, takeShare } from '../../src/ingest/shares.ts'
import { sourceKey, type Source } from '../../src/ingest/sources.ts'
import { openWindow } from '../../src/ingest/window.ts'
import type { Binding } from '../../src/registry/index.ts'
import { listen, openMetrics } from '../../src/telemetry/index.ts'
import { readGauges, type GaugeFacts } from '../../src/worker/gauges.ts'

const NOW = Date.UTC(2026, 2, 4, 5, 0, 0)
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString()

/** A worker's own state without its loops, and what a scrape shows of it. */
function openWorld(t: TestContext, over: Partial<GaugeFacts> = {}) {
  const sources = openSources()
  const buffer = openBuffer(1_000)
  const window = openWindow({
    buffer,
    sources: () => sources.byKey.values(),
    tenantSlug: (id) => (id.startsWith('unnamed') ? '_unknown' : `slug-${id}`),
  })
  const moves = { claimed: 0, released: 0, lost: 0, owned: 0 }
  t.after(
    listen('worker.share.changed', ({ claimed, released, lost, owned }) => {
      moves.claimed += claimed.length
      moves.released += released.length
      moves.lost += lost.length
      moves.owned = owned
    }),
  )
  const metrics = openMetrics({ plane: 'worker', processMetrics: false })
  const known = { answered: true, detail: '', tookMs: 1, agoMs: 1_000 }
  readGauges(metrics, {
    ingest: () => ({
      buffer,
      window,
      tally: buffer.tally,
      facts: () => ({
        worker: 'w',
        owned: sources.byKey.size,
        members: 1,
        shared: true,
        sinceTickMs: 10,
        sinceFlushTickMs: 20,
        sinceSharedMs: 500,
      }),
    }),
    bufferCapacityBytes: 1 << 20,
    partitions: () => 4,
    ledger: () => ({ rows: 12, oldestMs: NOW - 60_000 }),
    dependencies: () => ({ postgres: known, kafka: { ...known, answered: false }, minio: known }),
    lastSuccess: () => [['sweep', NOW - 5_000]],
    pool: () => ({ idle: 1, busy: 2, waiting: 3, max: 10 }),
    clock: () => NOW,
    ...over,
  })

  const partition = (tenantId: string, generation = 1): OwnedPartition => ({
    topicId: `topic-${tenantId}`,
    topic: `pulse.${tenantId}.events.raw`,
    partition: 0,
    tenantId,
    generation,
    flushes: 0,
    nextOffset: 0,
    settled: new Map(),
  })
  const share = (over: Partial<Share>): void => {
    const all = { claimed: [], released: [], lost: [], members: 2, owned: [], ...over }
    takeShare(sources, buffer, 'w', all, 0)
  }
  const sourceOf = (of: OwnedPartition): Source => sources.byKey.get(sourceKey(of)) as Source
  const names = { datasetId: 'd', datasetSlug: 'orders', datasetNumber: 1 }
  const lane = (of: OwnedPartition) => laneOf(buffer, of.tenantId, { ...names, tenantSlug: `slug-${of.tenantId}` })
  /** Buffers one row of the partition, received then. */
  const row = (of: OwnedPartition, receivedAt: string): void => {
    const source = sourceOf(of)
    const middle = lineMiddle(receivedAt, of.topic, 0)
    const value = Buffer.from('{}')
    const segment = openFor(buffer, lane(of), source, {} as Binding, source.position, lineBytes(middle, null, value), 0)
    const id = '01900000-0000-7000-8000-000000000001'
    const more = { id: Buffer.from(id), idText: id, middle, receivedAt, traceparent: '', extra: null }
    bufferRow(buffer, lane(of), segment, more, source.position, value)
    source.position += 1
    source.lastReceivedAt = receivedAt
  }
  /** Everything that the scrape says, comments left out. */
  const scrape = async (): Promise<Map<string, number>> => {
    const { body } = await metrics.exposition()
    const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
  }
  return { sources, buffer, moves, partition, share, sourceOf, lane, row, scrape }
}

const LAG = ['pulse_worker_lag_records', 'pulse_worker_lag_seconds']
const PER_TENANT = [
  ...LAG,
  'pulse_worker_committed_watermark_timestamp_seconds',
  'pulse_worker_oldest_unflushed_timestamp_seconds',
]
const of = (scraped: Map<string, number>, names: readonly string[], tenant = ''): string[] =>
  [...scraped.keys()].filter((key) => names.some((name) => key.startsWith(`${name}{`)) && key.includes(tenant))

test('a revoked partition is not in the very next scrape, nor is anything once the whole group is lost', async (t) => {
  const { sources, buffer, moves, partition, share, sourceOf, row, scrape } = openWorld(t)
  const [a, b, c] = [partition('a'), partition('b'), partition('c')]
  const holds = (): void => assert.equal(moves.owned, moves.claimed - moves.released - moves.lost)
  share({ claimed: [a, b, c] })
  for (const one of [a, b, c]) {
    noteEnd(sourceOf(one), { earliest: 0, latest: 0 }, NOW - 60_000)
    noteEnd(sourceOf(one), { earliest: 0, latest: 9 }, NOW - 30_000)
    row(one, at(-50))
  }
  const before = await scrape()
  for (const tenant of ['slug-a', 'slug-b', 'slug-c']) {
    assert.equal(of(before, PER_TENANT, tenant).length, 4, tenant)
    assert.equal(before.get(`pulse_worker_lag_records{tenant="${tenant}"}`), 9)
    assert.equal(before.get(`pulse_worker_lag_seconds{tenant="${tenant}"}`), 50)
  }
  assert.equal(before.get('pulse_worker_partitions_owned'), 3)
  holds()

  // Taken by another worker: its rows are given back, and nothing is left of it at once.
  share({ lost: [b] })
  const revoked = await scrape()
  assert.deepEqual(of(revoked, PER_TENANT, 'slug-b'), [])
  assert.equal(of(revoked, PER_TENANT).length, 8)
  assert.equal(revoked.get('pulse_worker_partitions_owned'), 2)
  holds()

  // Claimed anew: what was known under the old claim is not.
  share({ claimed: [partition('b', 2)] })
  assert.deepEqual(of(await scrape(), LAG, 'slug-b'), [], 'nobody has looked yet')
  noteEnd(sourceOf(b), { earliest: 0, latest: 4 }, NOW)
  assert.equal((await scrape()).get('pulse_worker_lag_records{tenant="slug-b"}'), 4)
  holds()

  // Given back after its flush.
  share({ released: [c] })
  gaveBack(sources, buffer, [sourceOf(c)], { worker: 'w', members: 2, nowMs: 10 })
  assert.deepEqual(of(await scrape(), PER_TENANT, 'slug-c'), [])
  holds()

  // Fenced in a commit: the ingest forgets it before anybody else says so.
  assert.equal(forgetSource(sources, buffer, sourceOf(b)), true)
  assert.deepEqual(of(await scrape(), LAG, 'slug-b'), [])

  // The membership ended: everything may be somebody else's by now.
  forgetAll(sources, buffer)
  const after = await scrape()
  assert.deepEqual(of(after, PER_TENANT), [])
  assert.equal(after.get('pulse_worker_partitions_owned'), 0)
  assert.equal(after.get('pulse_worker_ledger_imbalance'), 0)
})

test('what a take holds is in flight and still unflushed; what is committed is neither', async (t) => {
  const { buffer, partition, share, lane, row, scrape } = openWorld(t)
  const a = partition('a')
  share({ claimed: [a] })
  row(a, at(-40))
  row(a, at(-45))
  const key = '{tenant="slug-a",dataset="orders"}'
  const buffered = await scrape()
  assert.equal(buffered.get(`pulse_worker_buffer_rows${key}`), 2)
  assert.equal(buffered.get(`pulse_worker_oldest_unflushed_timestamp_seconds${key}`), NOW / 1_000 - 45)
  take(buffer, lane(a), 10)
  const flying = await scrape()
  assert.equal(flying.get(`pulse_worker_buffer_rows${key}`), 0)
  assert.equal(flying.get('pulse_worker_inflight_rows'), 2)
  assert.equal(flying.get(`pulse_worker_oldest_unflushed_timestamp_seconds${key}`), NOW / 1_000 - 45)
  assert.equal(flying.get('pulse_worker_buffer_bytes'), buffer.bytes)
})

test('of tenants that nobody knows by name only those are shown that are behind', async (t) => {
  const { partition, share, sourceOf, scrape } = openWorld(t)
  const [idle, busy] = [partition('unnamed-1'), partition('unnamed-2')]
  share({ claimed: [idle, busy] })
  for (const one of [idle, busy]) noteEnd(sourceOf(one), { earliest: 0, latest: 0 }, NOW)
  assert.deepEqual(of(await scrape(), LAG), [])
  noteEnd(sourceOf(busy), { earliest: 0, latest: 3 }, NOW)
  assert.equal((await scrape()).get('pulse_worker_lag_records{tenant="_unknown"}'), 3)
})

test('every fact is shown as it is, and one that nobody knows is not there', async (t) => {
  const known = await openWorld(t).scrape()
  assert.equal(known.get('pulse_bus_partitions'), 4)
  assert.equal(known.get('pulse_worker_buffer_capacity_bytes'), 1 << 20)
  assert.equal(known.get('pulse_worker_topic_discovery_timestamp_seconds'), (NOW - 500) / 1_000)
  assert.equal(known.get('pulse_worker_loop_tick_timestamp_seconds{loop="consume"}'), (NOW - 10) / 1_000)
  assert.equal(known.get('pulse_worker_loop_tick_timestamp_seconds{loop="flush"}'), (NOW - 20) / 1_000)
  assert.equal(known.get('pulse_worker_loop_tick_timestamp_seconds{loop="health"}'), (NOW - 1_000) / 1_000)
  assert.equal(
    known.get('pulse_worker_maintenance_last_success_timestamp_seconds{task="sweep"}'),
    (NOW - 5_000) / 1_000,
  )
  assert.equal(known.get('pulse_worker_dedup_ledger_rows'), 12)
  assert.equal(known.get('pulse_worker_dedup_ledger_oldest_timestamp_seconds'), (NOW - 60_000) / 1_000)
  assert.equal(known.get('pulse_dependency_up{dependency="postgres"}'), 1)
  assert.equal(known.get('pulse_dependency_up{dependency="kafka"}'), 0)
  assert.equal(known.get('pulse_db_pool_connections{state="waiting"}'), 3)
  assert.equal(known.get('pulse_db_pool_max_connections'), 10)
  const nothing = { answered: undefined, detail: '', tookMs: 0, agoMs: 0 }
  const unknown = await openWorld(t, {
    ingest: () => undefined,
    partitions: () => undefined,
    ledger: () => undefined,
    dependencies: () => ({ postgres: nothing, kafka: nothing, minio: nothing }),
    lastSuccess: () => [],
    pool: () => undefined,
  }).scrape()
  const shown = [...unknown.keys()].filter((key) => /^pulse_(worker|bus|dependency_up|db_pool)/.test(key))
  const gauges = [...known.keys()].filter((key) =>
    /_(timestamp_seconds|partitions|owned|ledger_rows|inflight_rows|up|connections)\b/.test(key),
  )
  assert.ok(gauges.length > 10)
  assert.deepEqual(
    shown.filter((key) => gauges.includes(key)),
    [],
  )
})
