import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  againAtMs,
  allow,
  askOf,
  goOnAlone,
  isLow,
  leaseOf,
  leftOf,
  newMeter,
  settleDebt,
  stateOf,
  take,
  type Meter,
} from '../../src/limits/meter.ts'
import { RULES, type LimitName } from '../../src/limits/rules.ts'

const ruleOf = (name: LimitName) => RULES.find((rule) => rule.name === name) as (typeof RULES)[number]
const meterOf = (name: LimitName, allowed: number): Meter => newMeter(ruleOf(name), allowed, 0)
const grant = (granted: number, remaining = 1_000, resetsInMs = 3_600_000) => ({ granted, remaining, resetsInMs })

test('a process leases at most a twentieth of a second, and a thousandth of a day, but one whole at least', () => {
  for (const name of ['events_per_second', 'bytes_per_second'] as const)
    for (const allowed of [20, 1_000, 999_999]) assert.equal(leaseOf(ruleOf(name), allowed), Math.ceil(allowed / 20))
  assert.equal(leaseOf(ruleOf('events_per_day'), 5_000_000), 5_000)
  for (const { name } of RULES) assert.equal(leaseOf(ruleOf(name), 1), 1)
})

test('one that is new asks; a lease opens it, half of it makes it ask again, nothing left shuts it until there can be more', () => {
  const meter = meterOf('events_per_second', 1_000)
  assert.deepEqual([stateOf(meter, 0), askOf(meter)], ['ask', 50])
  take(meter, 50, grant(50, 450), 0)
  assert.deepEqual([stateOf(meter, 0), isLow(meter, 0)], ['open', false])
  meter.tokens -= 26
  assert.deepEqual([stateOf(meter, 0), isLow(meter, 0), askOf(meter)], ['open', true, 26])
  meter.tokens = 0
  take(meter, 50, grant(0, 0), 100)
  assert.equal(stateOf(meter, 100), 'shut')
  assert.deepEqual([stateOf(meter, 124), stateOf(meter, 125)], ['shut', 'ask'], 'half a lease runs in in 25 ms')
})

test('who was given less than he asked for uses it, and does not ask again at once', () => {
  const meter = meterOf('events_per_second', 1_000)
  take(meter, 50, grant(3, 0), 0)
  assert.deepEqual([stateOf(meter, 0), isLow(meter, 0), isLow(meter, 25)], ['open', false, true])
})

test('what was let through beyond the lease is a debt: told once, and waited for as long as it is worth', () => {
  const meter = meterOf('events_per_second', 1_000)
  take(meter, 50, grant(50, 450), 0)
  meter.tokens -= 5_050
  assert.equal(settleDebt(meter), 5_000)
  assert.deepEqual([meter.tokens, settleDebt(meter)], [0, 0])
  take(meter, 50, grant(0, -4_550), 0)
  const waitMs = againAtMs(meter)
  assert.ok(waitMs >= 4_550 && waitMs <= 4_600, `${waitMs}`)
})

test("a day's quota that is used up says when the day begins anew, and looks meanwhile whether somebody gave back", () => {
  const meter = meterOf('events_per_day', 100)
  take(meter, 1, grant(0, 0, 7_200_000), 0)
  assert.equal(againAtMs(meter), 7_200_000)
  assert.deepEqual([stateOf(meter, 999), stateOf(meter, 1_000)], ['shut', 'ask'])
  assert.deepEqual(leftOf(meter, 0), { left: 0, inSeconds: 7_200 })
})

test('what is left is what is here and elsewhere, whole and never below nothing', () => {
  const meter = meterOf('events_per_second', 1_000)
  take(meter, 50, grant(50, 400.7), 0)
  assert.deepEqual(leftOf(meter, 0), { left: 450, inSeconds: 1 })
  meter.tokens = -10_000
  assert.equal(leftOf(meter, 0).left, 0)
})

test('where nobody can be asked a rate goes on at its own pace, a lease ahead and no more', () => {
  const meter = meterOf('events_per_second', 1_000)
  let passed = 0
  // Every millisecond somebody comes with three events, for ten seconds.
  for (let ms = 0; ms < 10_000; ms += 1) {
    if (stateOf(meter, ms) === 'ask') goOnAlone(meter, ms)
    if (stateOf(meter, ms) !== 'open') continue
    meter.tokens -= 3
    passed += 3
  }
  assert.ok(passed > 9_000 && passed < 10_100, `${passed}`)
})

test('where nobody can be asked a day goes on with leases that are told later, and not at all once it was used up', () => {
  const meter = meterOf('events_per_day', 10_000)
  take(meter, 10, grant(10, 9_000), 0)
  meter.tokens = 0
  goOnAlone(meter, 0)
  assert.equal(meter.tokens, 10)
  meter.tokens = 0
  assert.equal(settleDebt(meter), 10)
  take(meter, 10, grant(0, 0), 0)
  goOnAlone(meter, 1)
  assert.deepEqual([meter.tokens, stateOf(meter, 1)], [0, 'shut'])
})

test('another allowance counts at once, also where nothing was to be had', () => {
  const meter = meterOf('events_per_second', 10)
  take(meter, 1, grant(0, -500), 0)
  assert.equal(stateOf(meter, 100), 'shut')
  allow(meter, 1_000)
  assert.deepEqual([stateOf(meter, 100), askOf(meter)], ['ask', 50])
})
