import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table, took } from '../../src/start/demo-screen.ts'

test('a table is aligned, and a long value is cut visibly', () => {
  assert.equal(
    table(
      ['place', 'mag'],
      [
        ['here', 2.5],
        ['a place with a very long name', null],
      ],
      12,
    ),
    ['  place         mag', '  ────────────  ───', '  here          2.5', '  a place wit…'].join('\n'),
  )
})

test('durations are read at a glance', () => {
  assert.deepEqual([0.4, 12.3, 999, 1_250, 60_000].map(took), ['0 ms', '12 ms', '999 ms', '1.3 s', '60.0 s'])
})
