import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listen, type Announcements } from '../../src/telemetry/index.ts'
import { collectInto, TRACE } from '../kit/collect.ts'

test('each request says once per dataset what became of its events', async (t) => {
  const said: Announcements['collect.settled'][] = []
  t.after(listen('collect.settled', (one) => void said.push(one)))
  const { collect, answerWith } = collectInto({ a: { properties: {} }, b: { properties: {} } })
  answerWith((_record, index) => (index === 2 ? { code: 'timeout', detail: 'none' } : null))
  const event = (dataset: string, more = '') =>
    `{"dataset":"${dataset}","data":{"timestamp":"2026-11-25T08:00:00Z"${more}}}`
  const lines = [event('a'), event('b'), event('a', ',"x":1'), event('none'), 'nonsense', event('a')]
  await collect({ body: lines.join('\n'), contentType: 'application/x-ndjson' })
  const base = { tenant: 'acme', traceId: TRACE.traceId }
  const bytes = (...at: number[]) => at.reduce((sum, index) => sum + (lines[index]?.length ?? 0), 0)
  assert.deepEqual(said, [
    { ...base, dataset: 'a', accepted: 1, rejected: 1, failed: 1, bytes: bytes(0, 2, 5) },
    { ...base, dataset: 'b', accepted: 1, rejected: 0, failed: 0, bytes: bytes(1) },
    { ...base, dataset: '_unknown', accepted: 0, rejected: 2, failed: 0, bytes: bytes(3, 4) },
  ])
})
