import assert from 'node:assert/strict'
import {
  listenApi,
  listenWorker,
  METRICS,
  openMetrics,
  resourceOf,
  type MetricName,
} from '../../src/telemetry/index.ts'
import { listenCanary } from '../../src/telemetry/listen-canary.ts'
import { listenProcess } from '../../src/telemetry/listen-process.ts'
import { readExposition } from './exposition.ts'

type Plane = 'api' | 'worker' | 'canary'
const LISTEN = { api: listenApi, worker: listenWorker, canary: listenCanary }

/** What goes on by itself in every process, whatever a stage does: looks at Postgres, bus and lake. */
const BY_ITSELF: ReadonlySet<string> = new Set(['pulse_db_query_seconds', 'pulse_dependency_check_seconds'])

/**
 * Runs a stage with a registry that captures, and holds what moved to what the stage declares: each counter and histogram of
 * `moves`, and no other of its plane. Gauges are facts of whoever runs, and not of a stage.
 */
export async function moves(
  plane: Plane,
  declared: readonly MetricName[],
  stage: () => Promise<unknown>,
): Promise<void> {
  const metrics = openMetrics({ plane, processMetrics: false })
  const stop = LISTEN[plane](metrics)
  const ours = listenProcess(metrics, resourceOf(plane), { commit: '', configHash: '' })
  try {
    const before = await totals(metrics)
    await stage()
    const after = await totals(metrics)
    const moved = [...after].flatMap(([name, total]) =>
      total === before.get(name) || BY_ITSELF.has(name) ? [] : [name],
    )
    assert.deepEqual(moved.sort(), [...declared].sort())
  } finally {
    stop()
    ours.stop()
  }
}

/** Of each counter the sum of its series, of each histogram its observations. */
async function totals(metrics: ReturnType<typeof openMetrics>): Promise<Map<string, number>> {
  const families = readExposition((await metrics.exposition()).body)
  return new Map(
    [...families.values()].flatMap(({ name, samples }) => {
      const { kind } = METRICS[name as MetricName]
      if (kind === 'gauge' || name.startsWith('pulse_telemetry_overflow')) return []
      const counted = samples.filter((one) => kind === 'counter' || one.name === `${name}_count`)
      return [[name, counted.reduce((sum, { value }) => sum + value, 0)] as const]
    }),
  )
}
