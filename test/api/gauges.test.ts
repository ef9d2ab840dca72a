import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readGauges } from '../../src/api/gauges.ts'
import { openMetrics } from '../../src/telemetry/index.ts'
import { valuesOf } from '../kit/exposition.ts'

const NOW = Date.UTC(2026, 2, 4, 5, 0, 0)
const UP = { answered: true, detail: '', tookMs: 1, agoMs: 0 }

test('every gauge of the API shows what is so at the scrape, and nothing of what is not known or over', async () => {
  const metrics = openMetrics({ plane: 'api', processMetrics: false })
  const counts = { collect: 3, preview: 2, admin: 1 }
  const pending = { records: 7, bytes: 900, oldestAgoMs: undefined as number | undefined }
  const dependencies = { postgres: UP, kafka: { ...UP, answered: false }, minio: { ...UP, answered: undefined } }
  const known: { partitions?: number; pool?: { idle: number; busy: number; waiting: number; max: number } } = {}
  const end = readGauges(metrics, {
    inflight: { counts, total: 6 },
    pending,
    pendingCapacityBytes: 1_000,
    partitions: () => known.partitions,
    dependencies: () => dependencies,
    pool: () => known.pool,
    clock: () => NOW,
  })
  const gauges = async (): Promise<Record<string, number>> =>
    Object.fromEntries(
      [...valuesOf((await metrics.exposition()).body)].filter(([key]) =>
        /^pulse_(api_(inflight|producer)|bus_partitions|dependency_up|db_pool)/.test(key),
      ),
    )
  const always = {
    'pulse_api_inflight_requests{class="collect"}': 3,
    'pulse_api_inflight_requests{class="preview"}': 2,
    'pulse_api_inflight_requests{class="admin"}': 1,
    'pulse_api_producer_queue_records{}': 7,
    'pulse_api_producer_queue_bytes{}': 900,
    'pulse_api_producer_queue_capacity_bytes{}': 1_000,
    'pulse_dependency_up{dependency="postgres"}': 1,
    'pulse_dependency_up{dependency="kafka"}': 0,
  }
  assert.deepEqual(await gauges(), always)
  known.partitions = 12
  known.pool = { idle: 1, busy: 2, waiting: 3, max: 10 }
  pending.oldestAgoMs = 1_500
  assert.deepEqual(await gauges(), {
    ...always,
    'pulse_api_producer_oldest_record_timestamp_seconds{}': NOW / 1000 - 1.5,
    'pulse_bus_partitions{}': 12,
    'pulse_db_pool_connections{state="idle"}': 1,
    'pulse_db_pool_connections{state="busy"}': 2,
    'pulse_db_pool_connections{state="waiting"}': 3,
    'pulse_db_pool_max_connections{}': 10,
  })
  pending.oldestAgoMs = undefined
  assert.ok(!('pulse_api_producer_oldest_record_timestamp_seconds{}' in (await gauges())))
  end()
  assert.deepEqual(await gauges(), {})
})
