import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { DEAD_LETTER_REASONS } from '../../src/event/index.ts'
import {
  announce,
  listenWorker,
  openMetrics,
  type AnnouncementName,
  type Announcements,
} from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'
import { readExposition, sumOf, valuesOf } from '../kit/exposition.ts'
import { anySeed } from '../kit/seed.ts'

const OPEN = 'application/openmetrics-text'
const POINT = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true }
const CLOCK = { now: () => 100_000 }

function listening(t: TestContext, limits = { tenants: 60, datasets: 100, pinned: [] as string[] }) {
  const metrics = openMetrics({ plane: 'worker', processMetrics: false, limits })
  const stop = listenWorker(metrics, CLOCK)
  t.after(stop)
  return { metrics, stop, values: async () => valuesOf((await metrics.exposition()).body) }
}
const say = <N extends AnnouncementName>(name: N, some: Partial<Announcements[N]>): void =>
  announce(name, said(name, some))
const of = { tenant: 'acme', dataset: 'clicks' }

/** One announcement, and every series that it moves by how much; everything else must stay as it is. */
const MOVES: readonly (readonly [string, () => void, Readonly<Record<string, number>>])[] = [
  [
    'records read are counted, and a sample of their ages',
    () =>
      say('worker.records.consumed', {
        ...of,
        records: 7,
        freshness: [
          { receivedAtMs: 98_000, rows: 3 },
          { receivedAtMs: 100_500, rows: 1 },
        ],
      }),
    {
      'pulse_worker_events_consumed_total{dataset="clicks",tenant="acme"}': 7,
      'pulse_worker_freshness_seconds_count{stage="consumed"}': 4,
      'pulse_worker_freshness_seconds_sum{stage="consumed"}': 6,
      'pulse_worker_freshness_seconds_bucket{le="1",stage="consumed"}': 1,
    },
  ],
  [
    'duplicates',
    () => say('worker.duplicates.dropped', { ...of, events: 2 }),
    { 'pulse_worker_duplicates_dropped_total{tenant="acme"}': 2 },
  ],
  [
    'dead letters by reason',
    () => say('worker.events.dead_lettered', { ...of, reason: 'invalid', events: 3 }),
    { 'pulse_worker_events_dlq_total{reason="invalid",tenant="acme"}': 3 },
  ],
  [
    'replays',
    () => say('worker.records.replayed', { ...of, records: 5 }),
    { 'pulse_worker_events_replayed_total{tenant="acme"}': 5 },
  ],
  [
    'what is given back',
    () => say('worker.records.released', { ...of, records: 6 }),
    { 'pulse_worker_events_released_total{}': 6 },
  ],
  [
    'a committed flush',
    () =>
      say('worker.flush.committed', {
        ...of,
        trigger: 'rows',
        records: 9,
        rows: 8,
        files: 2,
        bytes: 5000,
        tookMs: 300,
        committedAtMs: 90_000,
        freshness: [{ receivedAtMs: 60_000, rows: 8 }],
      }),
    {
      'pulse_worker_events_appended_total{dataset="clicks",tenant="acme"}': 8,
      'pulse_worker_batch_flush_seconds_sum{dataset="clicks",tenant="acme"}': 0.3,
      'pulse_worker_batch_flushes_total{outcome="committed",trigger="rows"}': 1,
      'pulse_worker_freshness_seconds_sum{stage="committed"}': 240,
      'pulse_worker_freshness_seconds_bucket{le="30",stage="committed"}': 8,
      'pulse_worker_batch_rows_sum{}': 8,
      'pulse_worker_batch_bytes_sum{}': 5000,
      'pulse_worker_iceberg_data_files_total{dataset="clicks",tenant="acme"}': 2,
      'pulse_worker_iceberg_data_bytes_total{dataset="clicks",tenant="acme"}': 5000,
    },
  ],
  [
    'a failed flush',
    () => say('worker.flush.failed', { ...of, trigger: 'age', outcome: 'retried' }),
    {
      'pulse_worker_iceberg_append_errors_total{dataset="clicks",tenant="acme"}': 1,
      'pulse_worker_batch_flushes_total{outcome="retried",trigger="age"}': 1,
    },
  ],
  [
    'a commit that met a moved table',
    () =>
      say('worker.commit.finished', {
        flushId: 'f',
        tenant: 'acme',
        outcome: 'conflict',
        offsets: 'error',
        tookMs: 40,
        attempt: 1,
        conflicts: ['clicks'],
      }),
    {
      'pulse_worker_iceberg_commit_seconds_sum{outcome="conflict"}': 0.04,
      'pulse_worker_offset_commits_total{outcome="error"}': 1,
      'pulse_worker_iceberg_commit_conflicts_total{dataset="clicks",tenant="acme"}': 1,
    },
  ],
  [
    'a question to the ledger',
    () => say('worker.ledger.asked', { tenant: 'acme', ids: 9, known: 1, tookMs: 20 }),
    { 'pulse_worker_dedup_seconds_sum{}': 0.02 },
  ],
  [
    'partitions that come and go',
    () => say('worker.share.changed', { claimed: ['a', 'b'], released: ['c'], lost: ['d', 'e', 'f'] }),
    {
      'pulse_worker_partition_moves_total{kind="claimed"}': 2,
      'pulse_worker_partition_moves_total{kind="released"}': 1,
      'pulse_worker_partition_moves_total{kind="lost"}': 3,
    },
  ],
  [
    'the drain before a partition is given back',
    () => say('worker.share.drained', { cause: 'share_moved', partitions: 1, tookMs: 700 }),
    { 'pulse_worker_release_drain_seconds_sum{cause="share_moved"}': 0.7 },
  ],
  [
    'a pause of reading',
    () => say('worker.fetch.paused', { reason: 'buffer_full', tookMs: 1500 }),
    { 'pulse_worker_fetch_paused_seconds_total{reason="buffer_full"}': 1.5 },
  ],
  [
    'records from the future',
    () => say('worker.records.future', { tenant: 'acme', records: 4, aheadMs: 9000 }),
    { 'pulse_worker_future_records_total{}': 4 },
  ],
  [
    'a gap on the bus',
    () => say('worker.source.lost', { reason: 'records_missing', missing: 12 }),
    { 'pulse_worker_offset_gaps_total{}': 12, 'pulse_worker_sources_lost_total{reason="records_missing"}': 1 },
  ],
  [
    'a topic that was made again',
    () => say('worker.source.lost', { reason: 'recreated', missing: 0 }),
    { 'pulse_worker_sources_lost_total{reason="recreated"}': 1 },
  ],
  [
    'dead letters that the bus did not take',
    () => say('worker.dead_letters.unrelayed', { tenant: 'acme', events: 2, detail: '' }),
    { 'pulse_worker_dlq_publish_errors_total{}': 2 },
  ],
  [
    'rows taken out of a table',
    () => say('upkeep.rows.removed', { ...of, rows: 30 }),
    { 'pulse_worker_rows_removed_total{dataset="clicks",tenant="acme"}': 30 },
  ],
  [
    'a call to the object store',
    () => say('lake.call.finished', { operation: 'put', outcome: 'error', startedAtMs: 0, tookMs: 80, bytes: 0 }),
    { 'pulse_worker_object_store_seconds_sum{operation="put",outcome="error"}': 0.08 },
  ],
]

const familyOf = (key: string): string => key.replace(/(_bucket|_sum|_count)?\{.*$/, '')
const ABOUT_ITSELF = /^pulse_telemetry_|^pulse_tenant_bucket_info/

for (const [what, act, moved] of MOVES) {
  test(`${what}: each series moves by as much as was said, and no other metric does`, async (t) => {
    const { values } = listening(t)
    const before = await values()
    act()
    const after = await values()
    for (const [key, by] of Object.entries(moved)) {
      assert.ok(after.has(key), key)
      assert.ok(Math.abs((after.get(key) ?? 0) - (before.get(key) ?? 0) - by) < 1e-9, `${key} is ${after.get(key)}`)
    }
    const families = new Set(
      [...after].filter(([key, value]) => value !== (before.get(key) ?? 0)).map(([key]) => familyOf(key)),
    )
    assert.deepEqual(
      [...families].filter((name) => !ABOUT_ITSELF.test(name)).sort(),
      [...new Set(Object.keys(moved).map(familyOf))].sort(),
    )
  })
}

test('the series of a tenant and a dataset are all born at zero when either is first heard of', async (t) => {
  const { values } = listening(t)
  say('worker.records.consumed', { ...of, records: 0 })
  const now = await values()
  for (const reason of DEAD_LETTER_REASONS)
    assert.equal(now.get(`pulse_worker_events_dlq_total{reason="${reason}",tenant="acme"}`), 0)
  for (const name of [
    'iceberg_append_errors_total',
    'events_appended_total',
    'iceberg_commit_conflicts_total',
    'rows_removed_total',
  ])
    assert.equal(now.get(`pulse_worker_${name}{dataset="clicks",tenant="acme"}`), 0, name)
  assert.equal(now.get('pulse_worker_duplicates_dropped_total{tenant="acme"}'), 0)
})

test('a table’s snapshots and metadata are those of its last commit, and are forgotten when a partition leaves', async (t) => {
  const { values } = listening(t)
  say('worker.flush.committed', { ...of, snapshots: 4, metadataBytes: 900 })
  say('worker.flush.committed', { ...of, snapshots: 5, metadataBytes: 950 })
  for (const dataset of [of.dataset, 'views'])
    say('worker.flush.committed', { ...of, dataset, snapshots: undefined, metadataBytes: undefined })
  const names = new Set(['pulse_worker_iceberg_snapshots', 'pulse_worker_iceberg_metadata_bytes'])
  const told = (now: Map<string, number>) =>
    [...now].filter(([key]) => names.has(familyOf(key))).map(([, value]) => value)
  assert.deepEqual(told(await values()), [5, 950])
  say('worker.share.changed', { claimed: ['p'] })
  assert.deepEqual(told(await values()), [5, 950])
  say('worker.share.changed', { lost: ['p'] })
  assert.deepEqual(told(await values()), [])
})

test('a flush leads to its own trace, and freshness to a request that it carried', async (t) => {
  const { metrics } = listening(t)
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const context = {
    traceparent,
    records: 1,
    deadLetters: 0,
    reason: undefined,
    consumedAtMs: 0,
    topic: 't',
    partition: 0,
    firstOffset: 0,
  }
  say('worker.flush.committed', {
    ...of,
    tookMs: 70,
    span: POINT,
    contexts: [context],
    committedAtMs: 3000,
    freshness: [{ receivedAtMs: 0, rows: 2 }],
  })
  say('worker.flush.committed', { ...of, tookMs: 20, committedAtMs: 50_000, freshness: [{ receivedAtMs: 0, rows: 2 }] })
  const families = readExposition((await metrics.exposition(OPEN)).body, 'openmetrics')
  const told = (name: string) =>
    families
      .get(name)
      ?.samples.flatMap(({ labels, exemplar }) => (exemplar === undefined ? [] : [[labels['le'], exemplar]]))
  assert.deepEqual(told('pulse_worker_batch_flush_seconds'), [
    ['0.1', { labels: { trace_id: POINT.traceId, span_id: POINT.spanId }, value: 0.07 }],
  ])
  assert.deepEqual(told('pulse_worker_freshness_seconds'), [
    ['5', { labels: { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16) }, value: 3 }],
  ])
})

test('whatever becomes of records, the scrape itself obeys the law', async (t) => {
  const seed = anySeed()
  const slug = fc.constantFrom('a', 'b', 'c', 'd')
  const becomes = fc.constantFrom('buffered', 'appended', 'duplicates', 'dlq', 'replayed', 'released', 'inflight')
  const step = fc.tuple(slug, fc.constantFrom('x', 'y'), fc.nat({ max: 50 }), becomes)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { metrics, stop } = listening(t, { tenants: 2, datasets: 10, pinned: [] })
      const buffered = new Map<string, number>()
      let inflight = 0
      metrics.read('pulse_worker_buffer_rows', () =>
        [...buffered].map(([key, rows]) => [{ tenant: key[0] ?? '', dataset: key[1] ?? '' }, rows] as const),
      )
      metrics.read('pulse_worker_inflight_rows', () => [[{}, inflight]])
      for (const [tenant, dataset, records, became] of steps) {
        const pair = { tenant, dataset }
        say('worker.records.consumed', { ...pair, records })
        if (became === 'buffered') buffered.set(tenant + dataset, (buffered.get(tenant + dataset) ?? 0) + records)
        if (became === 'inflight') inflight += records
        if (became === 'appended') say('worker.flush.committed', { ...pair, rows: records })
        if (became === 'duplicates') say('worker.duplicates.dropped', { ...pair, events: records })
        if (became === 'dlq') say('worker.events.dead_lettered', { ...pair, reason: 'malformed', events: records })
        if (became === 'replayed') say('worker.records.replayed', { ...pair, records })
        if (became === 'released') say('worker.records.released', { ...pair, records })
      }
      stop()
      const { body } = await metrics.exposition()
      const terms = [
        'events_appended_total',
        'duplicates_dropped_total',
        'events_dlq_total',
        'events_replayed_total',
        'events_released_total',
        'buffer_rows',
        'inflight_rows',
      ]
      assert.equal(
        sumOf(body, 'pulse_worker_events_consumed_total'),
        terms.reduce((sum, term) => sum + sumOf(body, `pulse_worker_${term}`), 0),
      )
    }),
    { seed, numRuns: 30 },
  )
})
