import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce, openTelemetry } from '../../src/telemetry/index.ts'
import { said } from '../kit/announcements.ts'

const about = { commit: 'abc', configHash: '0' }
const settings = { plane: 'worker', logLevel: 'info' } as const
const consumed = said('worker.records.consumed', { tenant: 'acme', dataset: 'clicks', records: 2 })

test('the window listens until it is closed', async () => {
  const lines: string[] = []
  const telemetry = openTelemetry({ ...settings, about, logTo: { write: (line) => lines.push(line) } })
  announce('worker.records.consumed', consumed)
  announce('dependency.back', { dependency: 'kafka' })
  const open = await telemetry.metrics.exposition()
  assert.match(open.body, /^pulse_build_info\{version="[^"]+",commit="abc",node="[^"]+",plane="worker"\} 1$/m)
  await telemetry[Symbol.asyncDispose]()
  announce('worker.records.consumed', consumed)
  announce('dependency.back', { dependency: 'kafka' })
  assert.equal(lines.length, 1)
  const { body } = await telemetry.metrics.exposition()
  assert.match(body, /^pulse_worker_events_consumed_total\{tenant="acme",dataset="clicks"\} 2$/m)
  assert.match(body, /^pulse_log_lines_total\{level="info",plane="worker"\} 1$/m)
})

test('switched off, the endpoint answers and nobody listens', async () => {
  const lines: string[] = []
  await using telemetry = openTelemetry({ ...settings, enabled: false, logTo: { write: (line) => lines.push(line) } })
  announce('worker.records.consumed', consumed)
  announce('dependency.back', { dependency: 'kafka' })
  const { body } = await telemetry.metrics.exposition()
  assert.match(body, /^# TYPE pulse_worker_events_consumed_total counter$/m)
  assert.doesNotMatch(body, /acme/)
  assert.deepEqual(lines, [])
})
