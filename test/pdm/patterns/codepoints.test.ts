import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  ALL,
  complement,
  disjoint,
  DIGIT,
  SPACE,
  union,
  WORD,
  type CodePoints,
} from '../../../src/pdm/patterns/codepoints.ts'

const has = (set: CodePoints, point: number): boolean => set.some(([from, to]) => point >= from && point <= to)
const ranges = fc.array(
  fc.tuple(fc.nat(40), fc.nat(5)).map(([from, width]) => [from, from + width] as const),
  { maxLength: 6 },
)

test('union, complement and disjoint are those of sets', () => {
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      const [one, other] = [union(a), union(b)]
      for (let point = 0; point <= 50; point++) {
        assert.equal(has(one, point), has(a, point))
        assert.equal(has(complement(one), point), !has(one, point))
      }
      const common = Array.from({ length: 60 }, (_, point) => point).some(
        (point) => has(one, point) && has(other, point),
      )
      assert.equal(disjoint(one, other), !common)
    }),
  )
  assert.deepEqual(complement(ALL), [])
})

test('the shorthands are those of ECMA-262', () => {
  for (let point = 0; point <= 0xffff; point++) {
    if (point >= 0xd800 && point <= 0xdfff) continue
    const char = String.fromCodePoint(point)
    assert.deepEqual(
      [has(DIGIT, point), has(WORD, point), has(SPACE, point)],
      [/\d/u.test(char), /\w/u.test(char), /\s/u.test(char)],
      point.toString(16),
    )
  }
})
