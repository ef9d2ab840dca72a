import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PublishCall } from '../../src/bus/calls.ts'
import { halves, openOutbox } from '../../src/bus/outbox.ts'
import { record } from './contract.ts'

const callOf = (): PublishCall => ({
  verdicts: [],
  deadlineMs: 0,
  undecided: 0,
  undecidedBytes: 0,
  done: false,
  resolve: () => undefined,
})

test('whatever is pushed, taken and put back comes out once, in order, in batches below the limit', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('push' as const), size: fc.integer({ min: 1, max: 400_000 }) }),
    fc.record({ kind: fc.constantFrom('take' as const, 'takeAndPutBack' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const outbox = openOutbox()
      const call = callOf()
      const out: number[] = []
      let next = 0
      const take = (): void => {
        for (const queue of Array.from(outbox.queues)) {
          const batch = outbox.take(queue)
          const bytes = batch.sizes.reduce((sum, size) => sum + size, 0)
          assert.ok(bytes <= 900 * 1024 || batch.records.length === 1)
          out.push(...batch.slots)
        }
      }
      for (const each of steps) {
        if (each.kind === 'push') outbox.push('t', 0, record('t', ''), call, (next += 1), each.size)
        else if (each.kind === 'take') take()
        else {
          for (const queue of Array.from(outbox.queues)) {
            outbox.putBack(outbox.take(queue), { code: 'timeout', detail: '' }, 0)
          }
        }
      }
      while (outbox.records > 0) take()
      assert.equal(outbox.bytes, 0)
      assert.deepEqual(
        out,
        Array.from({ length: next }, (_, index) => index + 1),
      )
    }),
  )
})

test('records whose call is over are not sent any more', () => {
  const outbox = openOutbox()
  const [over, open] = [callOf(), callOf()]
  outbox.push('t', 0, record('t', 'a'), over, 0, 10)
  outbox.push('t', 0, record('t', 'b'), open, 7, 10)
  over.done = true
  const [queue] = outbox.queues
  assert.ok(queue !== undefined)
  assert.deepEqual(outbox.take(queue).slots, [7])
  assert.deepEqual([outbox.records, outbox.bytes], [0, 0])
})

test('the halves of a batch are the batch', () => {
  const outbox = openOutbox()
  const call = callOf()
  for (let slot = 0; slot < 7; slot += 1) outbox.push('t', 0, record('t', `${slot}`), call, slot, 10)
  const [queue] = outbox.queues
  assert.ok(queue !== undefined)
  const batch = outbox.take(queue)
  assert.deepEqual(
    halves(batch).map((half) => half.slots),
    [
      [0, 1, 2],
      [3, 4, 5, 6],
    ],
  )
})
