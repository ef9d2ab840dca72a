import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROUTE_TEMPLATES } from '../../src/api/index.ts'
import { SETTINGS } from '../../src/config/index.ts'
import {
  budgetCommand,
  budgetOf,
  MOST_LINES,
  MOST_ROUTES,
  MOST_SERIES,
  MOST_STATUSES,
  PROCESS_SERIES,
} from '../../src/telemetry/budget.ts'
import { DEFAULT_LIMITS } from '../../src/telemetry/bounds.ts'
import { METRICS, openMetrics } from '../../src/telemetry/index.ts'
import { PROBLEMS } from '../../src/problems/index.ts'
import { readExposition } from '../kit/exposition.ts'
import { crowd } from '../kit/crowd.ts'

test('at the default limits no scrape can pass five thousand series or twenty thousand lines', () => {
  const limits = { ...DEFAULT_LIMITS, pinned: [SETTINGS.PULSE_METRICS_PINNED.fallback ?? ''] }
  assert.equal(limits.tenants, Number(SETTINGS.PULSE_METRICS_TENANTS.fallback))
  assert.equal(limits.datasets, Number(SETTINGS.PULSE_METRICS_DATASETS.fallback))
  for (const plane of ['api', 'worker', 'canary'] as const) {
    const { series, lines } = budgetOf(plane, limits)
    assert.ok(series <= MOST_SERIES, `${plane}: ${series} series`)
    assert.ok(lines <= MOST_LINES, `${plane}: ${lines} lines`)
  }
})

test('no scrape of a crowded worker is larger than its budget, and the budget is no fairy tale', async (t) => {
  const limits = { tenants: 20, datasets: 60, pinned: ['pulse-canary'] }
  const metrics = openMetrics({ plane: 'worker', limits })
  crowd(t, metrics, { tenants: 40, datasets: 8 })
  const budget = budgetOf('worker', limits)
  const { body, bytes } = await metrics.exposition('application/openmetrics-text')
  const families = readExposition(body, 'openmetrics')
  const series = [...families.values()].reduce((sum, { samples }) => sum + samples.length, 0)
  for (const { name, series: most } of budget.metrics) {
    const family = families.get(
      METRICS[name as keyof typeof METRICS].kind === 'counter' ? name.replace(/_total$/, '') : name,
    )
    assert.ok(
      (family?.samples.length ?? 0) <= most,
      `${name} has ${family?.samples.length} series, and ${most} at most`,
    )
  }
  assert.ok(series > 0.9 * budget.series, `${series} of ${budget.series} series`)
  assert.ok(body.split('\n').length <= budget.lines)
  assert.ok(bytes.byteLength <= budget.bytes, `${bytes.byteLength} of ${budget.bytes} bytes`)
  const processSeries = [...families.values()]
    .filter(({ name }) => !name.startsWith('pulse_'))
    .flatMap(({ samples }) => samples)
  assert.ok(processSeries.length <= PROCESS_SERIES, `${processSeries.length} series of the process`)
})

test('the routes and statuses that the budget counts with are as many as there are, at least', () => {
  assert.ok(ROUTE_TEMPLATES.length < MOST_ROUTES, `${ROUTE_TEMPLATES.length} routes`)
  const statuses = new Set(Object.values(PROBLEMS).map(({ status }) => status))
  assert.ok(statuses.size + 4 <= MOST_STATUSES, `${statuses.size} statuses of problems, and 200, 201, 202, 308`)
})

test('the command prints each plane’s worst case, and fails where the limits allow too much', () => {
  const printed: string[] = []
  assert.equal(
    budgetCommand(DEFAULT_LIMITS, (text) => printed.push(text)),
    0,
  )
  assert.match(printed.join(''), /^worker {2}at most \d+ series, \d+ lines, \d+ KiB a scrape$/m)
  assert.equal(
    budgetCommand({ tenants: 200, datasets: 100, pinned: [] }, (text) => printed.push(text)),
    1,
  )
  assert.match(printed.join(''), /more than 5000 series/)
})
