import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queriesOf, rowAsJson, rowAsText, rowName, sourceOf, type RowFacts } from '../../src/doctor/row.ts'
import { parse } from '../kit/grammars.ts'

const TENANT = '01a212c9-a063-71e4-915b-709a16ffdeb2'
const SOURCE = `pulse.${TENANT}.events.raw/2/534`
const EVENT = '01a212d9-326d-7e8e-86df-f2c9064d2666'
const FACTS: RowFacts = {
  eventId: EVENT,
  tenant: 'acme',
  dataset: 'orders',
  source: sourceOf(SOURCE),
  receivedAt: '2026-11-25T13:15:53.844759Z',
  trace: { traceId: '8172902e60836ea678e9c33f71aec006', sampled: true },
  flush: { flushId: '01a212d9-3a76-75fd-b04d-24a0f610a3ec', committedAt: '2026-11-25T13:15:55.949Z', worker: 'w' },
  snapshotId: '4711',
}

test('a row is named by its source, or by its event id and whose it is', () => {
  assert.deepEqual(rowName(SOURCE, {}), {
    kind: 'source',
    source: { topic: `pulse.${TENANT}.events.raw`, tenantId: TENANT, partition: 2, offset: 534 },
  })
  assert.deepEqual(rowName(EVENT.toUpperCase(), { tenant: 'acme' }), {
    kind: 'event',
    eventId: EVENT,
    tenant: 'acme',
    dataset: undefined,
  })
})

test('what names no row is refused with a sentence', () => {
  for (const odd of [
    '',
    'row',
    `${SOURCE}/1`,
    `pulse.${TENANT}.events.dlq/0/1`,
    `${SOURCE}x`,
    '../../0/1',
    '0'.repeat(9_999),
  ])
    assert.match(String(rowName(odd, { tenant: 'acme' })), /neither an event id nor a row's _source/, odd)
  assert.match(String(rowName(EVENT, {})), /--tenant SLUG/)
})

test('every query that is printed is one, in its language, whatever is known', () => {
  const some: readonly RowFacts[] = [
    FACTS,
    { ...FACTS, trace: undefined, flush: undefined },
    { ...FACTS, trace: { traceId: 'a'.repeat(32), sampled: false } },
  ]
  let count = 0
  for (const [what, query] of some.flatMap(queriesOf)) {
    assert.deepEqual(parse(what.startsWith('LogQL') ? 'LogQL' : 'TraceQL', query).faults, [], query)
    count += 1
  }
  assert.equal(count, 9)
})

test('who reads and what reads are told the same', () => {
  const text = rowAsText(FACTS)
  const json = JSON.parse(rowAsJson(FACTS)) as Record<string, unknown>
  for (const name of ['event_id', 'tenant', 'dataset', 'source', 'received_at', 'trace_id', 'flush_id', 'snapshot_id'])
    assert.ok(text.includes(String(json[name])), `${name} ${String(json[name])}`)
  const little = rowAsText({ ...FACTS, eventId: undefined, trace: undefined, flush: undefined, snapshotId: undefined })
  assert.match(little, /its record has left the bus/)
  assert.match(little, /first <= 534/, 'then the log is asked by offset')
})
