import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGivenUp, park, type Parked } from '../../src/ingest/park.ts'

test('the delays of a broken table double from a second to a minute and end exactly at the bound', () => {
  let parked: Parked | undefined
  let nowMs = 0
  const delays: number[] = []
  while (!isGivenUp(parked, nowMs, 600)) {
    parked = park(parked, 'table', nowMs, 600)
    delays.push(parked.untilMs - nowMs)
    nowMs = parked.untilMs
  }
  assert.deepEqual(
    delays.slice(0, 8),
    [1, 2, 4, 8, 16, 32, 60, 60].map((seconds) => seconds * 1000),
  )
  assert.equal(nowMs, 600_000)
})

test('a lake that is away is tried again within five seconds, for ever, and never gives records up', () => {
  let parked: Parked | undefined
  let nowMs = 0
  for (let i = 0; i < 1_000; i += 1) {
    parked = park(parked, 'lake', nowMs, 1)
    assert.ok(parked.untilMs - nowMs <= 5_000)
    nowMs = parked.untilMs
    assert.equal(isGivenUp(parked, nowMs, 1), false)
  }
})

test('the bound counts from when the table itself was first at fault', () => {
  const away = park(undefined, 'lake', 0, 10)
  const broken = park(away, 'table', 60_000, 10)
  assert.equal(isGivenUp(broken, 60_001, 10), false)
  assert.equal(isGivenUp(broken, 70_000, 10), true)
})

test('nobody waits into the past or beyond the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(100_000)), fc.nat(1000), (waits, bound) => {
      let parked: Parked | undefined
      let nowMs = 0
      for (const wait of waits) {
        nowMs += wait
        parked = park(parked, 'table', nowMs, bound)
        assert.ok(parked.untilMs >= nowMs)
        assert.ok(parked.untilMs <= Math.max(nowMs, parked.sinceMs + bound * 1000))
      }
    }),
  )
})
