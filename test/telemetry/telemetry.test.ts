import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announce, openTelemetry } from '../../src/telemetry/index.ts'

const settings = { plane: 'worker', logLevel: 'info' } as const
const consumed = { tenant: 'acme', dataset: 'clicks', records: 2, bytes: 20 }

test('the window listens until it is closed', async () => {
  const lines: string[] = []
  const telemetry = openTelemetry({ ...settings, logTo: { write: (line) => lines.push(line) } })
  announce('worker.records.consumed', consumed)
  announce('dependency.back', { dependency: 'kafka' })
  await telemetry[Symbol.asyncDispose]()
  announce('worker.records.consumed', consumed)
  announce('dependency.back', { dependency: 'kafka' })
  assert.equal(lines.length, 1)
  assert.match(
    (await telemetry.metrics.exposition()).body,
    /events_consumed_total\{tenant="acme",dataset="clicks"\} 2\n/,
  )
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
