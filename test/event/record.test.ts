import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEAD_LETTER_REASONS, dlqTopic, rawTopic, RECORD_HEADERS } from '../../src/event/index.ts'

test('topics are named after the tenant, headers after Pulse', () => {
  assert.equal(rawTopic('t'), 'pulse.t.events.raw')
  assert.equal(dlqTopic('t'), 'pulse.t.events.dlq')
  assert.ok(Object.values(RECORD_HEADERS).every((name) => name === 'traceparent' || name.startsWith('pulse-')))
  assert.equal(new Set(DEAD_LETTER_REASONS).size, 6)
})
