import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openSketch } from '../../src/telemetry/space-saving.ts'
import { anySeed } from '../kit/seed.ts'

const key = fc.integer({ min: 0, max: 30 }).map((at) => `k${at}`)
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('offer' as const), key, weight: fc.integer({ min: 1, max: 100 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('decay' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), key }) },
)

test('no key is said to weigh more than it does, and one with more than its share of all weight is never missed', () => {
  const seed = anySeed()
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 120 }), (capacity, steps) => {
      const sketch = openSketch(capacity)
      const truth = new Map<string, number>()
      let total = 0
      let isWhole = true
      for (const one of steps) {
        if (one.kind === 'offer') {
          sketch.offer(one.key, one.weight)
          truth.set(one.key, (truth.get(one.key) ?? 0) + one.weight)
          total += one.weight
        } else if (one.kind === 'decay') {
          sketch.decay(0.5)
          for (const [name, weight] of truth) truth.set(name, weight / 2)
          total /= 2
        } else {
          sketch.forget(one.key)
          truth.set(one.key, 0)
          isWhole = false
        }
        const known = sketch.heaviest()
        assert.ok(known.length <= capacity)
        assert.equal(new Set(known.map((cell) => cell.key)).size, known.length)
        for (const { key: name, weight } of known) assert.ok(weight <= (truth.get(name) ?? 0) + 1e-9, name)
        if (isWhole)
          for (const [name, weight] of truth)
            if (weight > total / capacity && weight >= 0.5)
              assert.ok(
                known.some((cell) => cell.key === name),
                name,
              )
      }
    }),
    { seed, numRuns: 150 },
  )
})

test('with room for all it is exact, heaviest first', () => {
  const sketch = openSketch(10)
  for (const [name, weight] of [
    ['a', 3],
    ['b', 5],
    ['a', 4],
    ['c', 1],
  ] as const)
    sketch.offer(name, weight)
  assert.deepEqual(sketch.heaviest(), [
    { key: 'a', weight: 7 },
    { key: 'b', weight: 5 },
    { key: 'c', weight: 1 },
  ])
})
