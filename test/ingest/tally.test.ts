import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { STAGES, enter, imbalance, move, openTally } from '../../src/ingest/tally.ts'

const stage = fc.constantFrom(...STAGES)
const step = fc.oneof(
  fc.record({ kind: fc.constant('enter' as const), to: stage, records: fc.nat(1000) }),
  fc.record({ kind: fc.constant('move' as const), from: stage, to: stage, records: fc.nat(1000) }),
)

test('whatever enters and moves, what was consumed is the sum of what became of it', () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const tally = openTally()
      for (const one of steps) {
        if (one.kind === 'enter') enter(tally, one.to, one.records)
        else move(tally, one.from, one.to, one.records)
        assert.equal(imbalance(tally), 0)
      }
    }),
  )
})

test('a record that vanished or appeared shows as an imbalance', () => {
  const tally = openTally()
  enter(tally, 'buffered', 5)
  tally.buffered -= 2
  assert.equal(imbalance(tally), 2)
  tally.appended += 3
  assert.equal(imbalance(tally), -1)
})
