import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantOf } from '../../src/event/index.ts'

test('an instant is told in UTC with its microseconds, whatever its zone; what is finer is cut', () => {
  for (const [text, instant] of [
    ['2026-11-25T08:00:00Z', '2026-11-25T08:00:00.000000Z'],
    ['2026-11-25t08:00:00.1z', '2026-11-25T08:00:00.100000Z'],
    ['2026-11-25 09:30:00.123456789+01:30', '2026-11-25T08:00:00.123456Z'],
    ['2024-02-29T23:59:59.999999-00:30', '2024-03-01T00:29:59.999999Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000000Z'],
    ['2026-11-25T08:00:00+23:59', '2026-11-24T08:01:00.000000Z'],
  ])
    assert.equal(instantOf(String(text)), instant, text)
})

test('what is no instant is none: not a day alone, nor a time without a zone, nor what only a lenient reader takes', () => {
  for (const text of [
    '',
    '1',
    'now',
    '2026',
    '2026-11-25',
    'Wed Nov 25 2026',
    '2026-11-25T08:00:00',
    '2026-11-25T08:00Z',
    '2026-11-25T08:00:00 01:00',
    '2026-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-25T24:00:00Z',
    '2026-11-25T23:59:60Z',
    '2026-11-25T08:00:00+24:00',
    '2026-11-25T08:00:00.Z',
    '0000-12-31T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '+012026-01-01T00:00:00Z',
    ' 2026-11-25T08:00:00Z',
    '2026-11-25T08:00:00Z\n',
  ])
    assert.equal(instantOf(text), undefined, JSON.stringify(text))
})
