import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { runApi } from '../../src/api/index.ts'
import { rawTopic } from '../../src/event/index.ts'
import { METRICS, type MetricName } from '../../src/telemetry/index.ts'
import { runWorker } from '../../src/worker/index.ts'
import { askerOf, makeJourney } from '../kit/api-server.ts'
import { moves } from '../kit/moved.ts'
import { until } from '../kit/until.ts'
import { openWorkerGround } from '../kit/worker-ground.ts'

/**
 * The stages of an event's journey, run one by one on the real thing, each with the metrics that one run of it has to move. One
 * that a stage moves and does not declare is as wrong as one that it declares and does not move.
 */
const REQUEST = ['pulse_api_requests_total', 'pulse_api_request_seconds'] as const
const READ = [
  ...REQUEST,
  'pulse_api_collect_events_total',
  'pulse_api_collect_bytes_total',
  'pulse_api_collect_batch_events',
] as const
const ACCEPT = [...READ, 'pulse_api_collect_publish_seconds', 'pulse_api_collect_clock_skew_seconds'] as const
const REFUSE = [...REQUEST, 'pulse_api_collect_rejected_total'] as const
const PREVIEW = [...REQUEST, 'pulse_api_dataset_preview_total', 'pulse_api_dataset_preview_seconds'] as const
const READ_ROWS = [
  'pulse_api_dataset_preview_rows_total',
  'pulse_api_dataset_preview_bytes_read_total',
  'pulse_api_dataset_preview_files_read_total',
] as const
const CLAIM = ['pulse_worker_partition_moves_total'] as const
const CONSUME = ['pulse_worker_events_consumed_total', 'pulse_worker_freshness_seconds'] as const
const FLUSH = [
  'pulse_worker_batch_flushes_total',
  'pulse_worker_batch_flush_seconds',
  'pulse_worker_batch_rows',
  'pulse_worker_iceberg_commit_seconds',
  'pulse_worker_offset_commits_total',
  'pulse_worker_object_store_seconds',
] as const
const APPEND = [
  'pulse_worker_events_appended_total',
  'pulse_worker_freshness_seconds',
  'pulse_worker_batch_bytes',
  'pulse_worker_iceberg_data_files_total',
  'pulse_worker_iceberg_data_bytes_total',
] as const
const RELEASE = ['pulse_worker_partition_moves_total', 'pulse_worker_release_drain_seconds'] as const

/** What takes a fault or a long time is moved where that is made: the file, and the announcement that it waits for. */
const ELSEWHERE: Readonly<Partial<Record<MetricName, readonly [file: string, announcement: string]>>> = {
  pulse_api_shed_total: ['test/api/refused.test.ts', 'shed'],
  pulse_worker_offset_gaps_total: ['test/ingest/fetching.test.ts', 'worker.source.lost'],
  pulse_worker_sources_lost_total: ['test/ingest/fetching.test.ts', 'worker.source.lost'],
  pulse_worker_future_records_total: ['test/ingest/told.test.ts', 'worker.records.future'],
  pulse_worker_fetch_paused_seconds_total: ['test/ingest/told.test.ts', 'worker.fetch.paused'],
  pulse_worker_events_replayed_total: ['test/worker/law.test.ts', 'pulse_worker_events_replayed_total'],
  pulse_worker_events_released_total: ['test/worker/law.test.ts', 'pulse_worker_events_released_total'],
  pulse_worker_iceberg_append_errors_total: ['test/ingest/told.test.ts', 'worker.flush.failed'],
  pulse_worker_iceberg_commit_conflicts_total: ['test/ingest/told.test.ts', 'worker.commit.finished'],
  pulse_worker_rows_removed_total: ['test/upkeep/removal.test.ts', 'upkeep.rows.removed'],
  pulse_worker_dedup_seconds: ['test/ingest/told.test.ts', 'worker.ledger.asked'],
  pulse_worker_dlq_publish_errors_total: ['test/upkeep/relay.test.ts', 'worker.dead_letters.unrelayed'],
  pulse_api_dataset_preview_files_pruned_total: ['test/preview/preview.test.ts', 'preview.finished'],
  pulse_canary_sent_total: ['test/canary/rounds.test.ts', 'canary.sent'],
  pulse_canary_refused_total: ['test/canary/rounds.test.ts', 'canary.sent'],
  pulse_canary_verified_total: ['test/canary/rounds.test.ts', 'canary.verified'],
  pulse_canary_strayed_total: ['test/canary/rounds.test.ts', 'canary.strayed'],
  pulse_canary_roundtrip_seconds: ['test/canary/rounds.test.ts', 'canary.returned'],
  pulse_db_query_seconds: ['test/store/names.test.ts', 'name'],
  pulse_dependency_check_seconds: ['test/places/dependencies.test.ts', 'dependency.checked'],
  pulse_log_lines_total: ['test/telemetry/log.test.ts', 'onLine'],
  pulse_log_lines_dropped_total: ['test/telemetry/sink.test.ts', 'onDropped'],
  pulse_telemetry_overflow_total: ['test/telemetry/metrics.test.ts', 'pulse_telemetry_overflow_total'],
  pulse_telemetry_spans_total: ['test/telemetry/traces/traces.test.ts', 'telemetry.spans.lost'],
}

const closing: (() => Promise<unknown> | void)[] = []
const owner = { after: (act: () => Promise<unknown> | void) => void closing.push(act) }
after(async () => {
  for (const close of closing.toReversed()) await close()
})

type Ground = Awaited<ReturnType<typeof openWorkerGround>>
let ground: Ground
let ask: ReturnType<typeof askerOf>
let tenant: string
before(async () => {
  ground = await openWorkerGround(owner)
  const api = await runApi(ground.settings({ PULSE_API_PORT: '0' }))
  owner.after(() => api.stop())
  ask = askerOf(`http://127.0.0.1:${api.ports.api}`)
  const journey = await makeJourney({ ask })
  tenant = journey.tenant
})

const ids = ['01900000-0000-7000-8000-0000000000a1', '01900000-0000-7000-8000-0000000000a2'] as const
const event = (id: string, n: unknown) => ({
  event_id: id,
  dataset: 'events',
  data: { timestamp: '2026-03-01T02:03:04Z', n },
})
const send = async (status: number, events: readonly unknown[], headers = {}): Promise<void> => {
  const answer = await ask('POST', '/v1/collect', { tenant, body: { events }, headers })
  assert.equal(answer.status, status, answer.text)
}
const startWorker = () => runWorker(ground.settings({ PULSE_FLUSH_SECONDS: '1000', PULSE_LEASE_SECONDS: '600' }))
let worker: Awaited<ReturnType<typeof startWorker>>
const position = async (): Promise<number> => {
  const answer = await fetch(`http://127.0.0.1:${worker.ports.health}/partitions`)
  const all = (await answer.json()) as { position: number }[]
  return all.reduce((sum, one) => sum + one.position, 0)
}
const consumed = (records: number) => until(`${records} records read`, async () => (await position()) === records)

const STAGES: readonly (readonly [
  what: string,
  plane: 'api' | 'worker',
  declared: readonly MetricName[],
  run: () => Promise<unknown>,
])[] = [
  ['accept', 'api', ACCEPT, () => send(202, [event(ids[0], 1), event(ids[1], 2)])],
  [
    'refuse an event',
    'api',
    [...READ, 'pulse_api_collect_rejected_total'],
    () => send(422, [event(ids[0], 'no number')]),
  ],
  ['refuse a request', 'api', REFUSE, () => send(415, [], { 'content-type': 'text/csv' })],
  ['know nobody', 'api', [...REFUSE, 'pulse_api_auth_failures_total'], () => ask('POST', '/v1/collect', { body: {} })],
  [
    'change a tenant',
    'api',
    [...REQUEST, 'pulse_api_config_changes_total'],
    () => ask('POST', '/v1/tenants', { body: { slug: 'other-one', name: 'O' } }),
  ],
  ['preview an empty dataset', 'api', PREVIEW, () => ask('GET', '/v1/datasets/events/preview', { tenant })],
  [
    'claim and consume',
    'worker',
    [...CLAIM, ...CONSUME],
    async () => {
      worker = await startWorker()
      closing.push(() => worker.stop())
      await consumed(2)
    },
  ],
  ['flush, commit and release', 'worker', [...FLUSH, ...APPEND, ...RELEASE], () => worker.stop()],
  ['preview rows', 'api', [...PREVIEW, ...READ_ROWS], () => ask('GET', '/v1/datasets/events/preview', { tenant })],
  ['accept what was sent before', 'api', ACCEPT, () => send(202, [event(ids[0], 1), event(ids[1], 2)])],
  [
    'consume repeats, and what nobody can read',
    'worker',
    [...CLAIM, ...CONSUME],
    async () => {
      await using publisher = ground.bus.publisher()
      const [verdict] = await publisher.publish([
        { topic: rawTopic(tenant), key: Buffer.from(ids[0]), value: Buffer.from('no JSON'), headers: { entries: [] } },
      ])
      assert.equal(verdict, null)
      worker = await startWorker()
      closing.push(() => worker.stop())
      await consumed(5)
    },
  ],
  [
    'drop duplicates and keep what nobody can read',
    'worker',
    [...FLUSH, ...RELEASE, 'pulse_worker_duplicates_dropped_total', 'pulse_worker_events_dlq_total'],
    () => worker.stop(),
  ],
]

test('each stage moves the metrics that it declares, and no other', async (t) => {
  for (const [what, plane, declared, run] of STAGES) await t.test(what, () => moves(plane, declared, run))
})

test('every counter and histogram is moved by a stage here, or in the test that is named for it', async () => {
  const here = new Set<string>(STAGES.flatMap(([, , declared]) => declared))
  const all = (Object.keys(METRICS) as MetricName[]).filter((name) => METRICS[name].kind !== 'gauge')
  assert.deepEqual(
    all.filter((name) => !here.has(name) && ELSEWHERE[name] === undefined),
    [],
  )
  for (const [name, [file, announcement]] of Object.entries(ELSEWHERE)) {
    assert.ok(!here.has(name), `${name} is moved here`)
    const text = await readFile(join(resolve(import.meta.dirname, '../..'), file), 'utf8').catch(() => '')
    assert.ok(text.includes(announcement), `${name}: ${file} says nothing of ${announcement}`)
  }
})
