import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rfc3339Micros, systemClock } from '../../src/event/index.ts'

test('the system clock is the wall clock, with a fraction, within two milliseconds', () => {
  let fractions = 0
  for (let at = 0; at < 1000; at++) {
    const [before, now, after] = [Date.now(), systemClock.now(), Date.now()]
    assert.ok(now >= before - 1 && now <= after + 2, `${before} ${now} ${after}`)
    if (now % 1 !== 0) fractions++
  }
  assert.ok(fractions > 500, `${fractions} of 1000 readings have microseconds`)
})

test('times are written in UTC with six digits', () => {
  assert.equal(rfc3339Micros(0), '1970-01-01T00:00:00.000000Z')
  assert.equal(rfc3339Micros(1_764_057_600_123.456), '2025-11-25T08:00:00.123456Z')
  assert.match(rfc3339Micros(systemClock.now()), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
})
