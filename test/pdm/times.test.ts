import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isDate, isDateTime, isEventTime, isTime, utcMinutes } from '../../src/pdm/times.ts'

test('every instant that JavaScript writes is a date-time of the right minute', () => {
  const date = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(date, (one) => {
      const text = one.toISOString()
      assert.ok(isDateTime(text), text)
      assert.equal(utcMinutes(text), Math.floor(one.getTime() / 60_000))
      assert.ok(isDate(text.slice(0, 10)) && isTime(text.slice(11, -1)), text)
      assert.equal(isEventTime(text), one.getTime() >= 0 && one.getUTCFullYear() <= 2200)
    }),
    { numRuns: 3_000 },
  )
})

test('a day is real exactly where the calendar has it', () => {
  for (const year of [1900, 2000, 2023, 2024, 2100]) {
    for (let month = 0; month <= 13; month++) {
      for (let day = 0; day <= 32; day++) {
        const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
        const real = new Date(`${text}T00:00:00Z`)
        assert.equal(isDate(text), !Number.isNaN(real.getTime()) && real.toISOString().startsWith(text), text)
      }
    }
  }
})

test('what the lake would refuse, move or read otherwise is no date-time', () => {
  const bad = [
    '2026-11-25t08:00:00Z',
    '2026-11-25T08:00:00z',
    '2026-11-25 08:00:00Z',
    '2026-11-25T08:00:60Z',
    '2026-11-25T24:00:00Z',
    '2026-11-25T08:00Z',
    '2026-11-25T08:00:00',
    '2026-11-25T08:00:00+0100',
    '2026-11-25T08:00:00+24:00',
    '2026-11-25T08:00:00+05:60',
    '2026-11-25T08:00:00.Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    'infinity',
    '',
    '2026-11-25T08:00:00Z ',
    '+2026-11-25T08:00:00Z',
    '२०२६-11-25T08:00:00Z',
  ]
  for (const text of bad) assert.equal(isDateTime(text), false, text)
  for (const text of ['08:00', '08:00:00Z', '24:00:00', '23:59:60', '08:00:00+01:00', '8:00:00', '08:00:00.'])
    assert.equal(isTime(text), false, text)
  for (const text of [
    '2026-11-25T08:00:00.1Z',
    '2026-11-25T08:00:00.123456789Z',
    '2026-11-25T08:00:00-23:59',
    '2026-11-25T08:00:00-00:00',
  ])
    assert.ok(isDateTime(text), text)
})

test("an event's time is judged in UTC", () => {
  assert.equal(isEventTime('1970-01-01T00:30:00+01:00'), false)
  assert.ok(isEventTime('1969-12-31T23:30:00-01:00'))
  assert.equal(isEventTime('2200-12-31T23:30:00-01:00'), false)
  assert.ok(isEventTime('2201-01-01T00:30:00+01:00'))
})
