import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBus } from '../../src/bus/index.ts'
import { freePort } from '../../src/store/index.ts'

const topics = [{ name: 'pulse.t.raw', partitions: 1, configs: {} }]

test('an admin call that reaches no broker ends with the publish timeout', async () => {
  const brokers = [`127.0.0.1:${await freePort()}`]
  await using bus = openBus({ brokers, clientId: 'nobody', publishTimeoutMs: 300 })
  const beganAt = performance.now()
  await assert.rejects(bus.admin.ensureTopics(topics), { name: 'BusUnreachable' })
  const tookMs = performance.now() - beganAt
  assert.ok(tookMs < 10_000, `it waited ${tookMs} ms, as if somebody were there`)
})

test('an admin call that is under way ends when the client is closed', async () => {
  const brokers = [`127.0.0.1:${await freePort()}`]
  const bus = openBus({ brokers, clientId: 'nobody', publishTimeoutMs: 600_000 })
  const refused = assert.rejects(bus.admin.ensureTopics(topics), /did not succeed/)
  const beganAt = performance.now()
  await bus[Symbol.asyncDispose]()
  await refused
  const tookMs = performance.now() - beganAt
  assert.ok(tookMs < 10_000, `it went on for ${tookMs} ms`)
})
