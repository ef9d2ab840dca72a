import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { lagOf, noteEnd } from '../../src/ingest/lag.ts'
import { openSource, type Source } from '../../src/ingest/sources.ts'

const NOW = Date.UTC(2026, 2, 4, 5, 0, 0)
const ago = (seconds: number): string => new Date(NOW - seconds * 1_000).toISOString()

function source(nextOffset = 100, over: Partial<Source> = {}): Source {
  const at = { topicId: 'id', topic: 'pulse.t.events.raw', partition: 0, tenantId: 't', generation: 1, flushes: 0 }
  return Object.assign(openSource({ ...at, nextOffset, settled: new Map() }), over)
}

test('a partition of which the bus has not said where it ends shows no lag, made up or not', () => {
  assert.equal(lagOf(source(), 100, undefined, NOW), undefined)
  assert.equal(lagOf(source(), 100, NOW - 60_000, NOW), undefined)
})

test('an empty topic, and one that is read and committed to its end, are not behind', () => {
  const empty = source(0)
  noteEnd(empty, { earliest: 0, latest: 0 }, NOW)
  assert.deepEqual(lagOf(empty, 0, undefined, NOW), { records: 0, seconds: 0 })
  const done = source(500)
  noteEnd(done, { earliest: 500, latest: 500 }, NOW - 1e9)
  assert.deepEqual(lagOf(done, 500, undefined, NOW), { records: 0, seconds: 0 }, 'however long nothing came')
})

test('what retention took below the start of the log is not behind: nobody can read it', () => {
  const one = source(100)
  noteEnd(one, { earliest: 900, latest: 1_000 }, NOW)
  assert.equal(lagOf(one, 100, undefined, NOW)?.records, 100)
  noteEnd(one, { earliest: 1_000, latest: 1_000 }, NOW)
  assert.deepEqual(lagOf(one, 100, undefined, NOW), { records: 0, seconds: 0 })
})

test('a log that ends before what was committed, cut back or made anew, is not behind', () => {
  const one = source(100)
  noteEnd(one, { earliest: 0, latest: 7 }, NOW)
  assert.deepEqual(lagOf(one, 100, undefined, NOW), { records: 0, seconds: 0 })
})

test('seconds are the age of the oldest record in memory', () => {
  const one = source(110, { lastReceivedAt: ago(5) })
  noteEnd(one, { earliest: 0, latest: 110 }, NOW)
  assert.deepEqual(lagOf(one, 100, NOW - 30_000, NOW), { records: 10, seconds: 30 })
})

test('what is still on the bus is no older than the last look that found nothing, nor than the last record read', () => {
  const one = source(100)
  noteEnd(one, { earliest: 0, latest: 100 }, NOW - 40_000)
  noteEnd(one, { earliest: 0, latest: 120 }, NOW - 10_000)
  assert.deepEqual(lagOf(one, 100, undefined, NOW), { records: 20, seconds: 40 }, 'it came after that look')
  one.lastReceivedAt = ago(15)
  assert.equal(lagOf(one, 100, undefined, NOW)?.seconds, 15, 'it came after that record')
  one.lastReceivedAt = ago(90)
  assert.equal(lagOf(one, 100, undefined, NOW)?.seconds, 40, 'the later of the two is the bound')
})

test('of a backlog that nobody has read from, seconds begin when it was first seen, and end when it is read', () => {
  const one = source(100)
  noteEnd(one, { earliest: 0, latest: 120 }, NOW - 25_000)
  noteEnd(one, { earliest: 0, latest: 130 }, NOW - 5_000)
  assert.deepEqual(lagOf(one, 100, undefined, NOW), { records: 30, seconds: 25 })
  one.position = 130
  noteEnd(one, { earliest: 0, latest: 130 }, NOW)
  assert.deepEqual(lagOf(one, 130, undefined, NOW), { records: 0, seconds: 0 })
  noteEnd(one, { earliest: 0, latest: 131 }, NOW + 1_000)
  assert.equal(lagOf(one, 130, undefined, NOW + 1_000)?.seconds, 1, 'the old beginning is forgotten')
})

test('whatever the bus says and the clocks show, lag is never negative, never more than the log, and none where all is committed', () => {
  const time = fc.option(fc.integer({ min: NOW - 1e9, max: NOW + 1e6 }), { nil: undefined })
  fc.assert(
    fc.property(
      fc.record({
        committed: fc.nat(1_000),
        ahead: fc.nat(1_000),
        earliest: fc.nat(1_000),
        length: fc.nat(1_000),
        held: time,
        last: time,
        looks: fc.array(fc.integer({ min: NOW - 1e9, max: NOW }), { minLength: 1, maxLength: 3 }),
      }),
      ({ committed, ahead, earliest, length, held, last, looks }) => {
        const one = source(committed + ahead)
        if (last !== undefined) one.lastReceivedAt = new Date(last).toISOString()
        for (const at of looks) noteEnd(one, { earliest, latest: earliest + length }, at)
        const lag = lagOf(one, committed, held, NOW)
        assert.ok(lag !== undefined && lag.records >= 0 && lag.seconds >= 0, JSON.stringify(lag))
        assert.ok(lag.records <= length, 'no more than there is')
        assert.equal(lag.records === 0, committed >= earliest + length || length === 0)
        if (lag.records === 0) assert.equal(lag.seconds, 0)
      },
    ),
  )
})
