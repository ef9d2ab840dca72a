import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countMembers, inspect } from '../../src/event/index.ts'

const look = (text: string, maxDepth = 64) => inspect(Buffer.from(text), 0, Buffer.byteLength(text), maxDepth)
const RUNS = { numRuns: Number(process.env['TEST_RUNS'] ?? 3_000) }

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

test('depth, members and extent agree with JSON.parse on any JSON, pretty or not', () => {
  fc.assert(
    fc.property(
      fc.jsonValue({ maxDepth: 8, noUnicodeString: false }),
      fc.constantFrom(undefined, 2, '\t'),
      (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        const found = look(`${text}  `)
        const parsed: unknown = JSON.parse(text)
        if (typeof parsed === 'object' && parsed !== null) {
          assert.equal(found.depth, depthOf(parsed))
          assert.equal(found.members, countMembers(parsed))
          assert.equal(found.end, Buffer.byteLength(text))
          assert.equal(found.multiline, text.includes('\n'))
          assert.equal(
            found.loneSurrogateAt,
            text.isWellFormed() && !/\\ud[89a-f]/i.test(text) ? -1 : found.loneSurrogateAt,
          )
        }
      },
    ),
    RUNS,
  )
})

test('a name that stands twice makes the text have more members than its value', () => {
  for (const text of [
    '{"a":1,"a":2}',
    '{"x":{"a":1,"\\u0061":2}}',
    '{"l":[{"b":1,"c":{},"b":1}]}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":{"k":1},"a":2}',
  ]) {
    assert.notEqual(look(text).members, countMembers(JSON.parse(text)), text)
  }
  const once = '{"__proto__":{"a":1},"constructor":{"__proto__":null},"":0,"a:b":"c:d","{\\"":1}'
  assert.equal(look(once).members, countMembers(JSON.parse(once)))
})

test('half surrogate pairs are found exactly where JSON.parse makes a text that is not well-formed', () => {
  const unit = fc.constantFrom(
    'a',
    '\\n',
    '\\\\',
    '\\"',
    '\\u0061',
    '\\ud800',
    '\\uDBFF',
    '\\udc00',
    '\\uDFFF',
    '\\ud83d\\ude00',
    '\\\\ud800',
    '\\ud7ff',
    '\\ue000',
    'ü',
    '😀',
  )
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
      const text = `{"k":"${units.join('')}","${units.toReversed().join('')}":1}`
      const parsed = JSON.parse(text) as Record<string, unknown>
      const wellFormed = Object.entries(parsed).every(
        ([key, value]) => key.isWellFormed() && String(value).isWellFormed(),
      )
      assert.equal(look(text).loneSurrogateAt < 0, wellFormed, text)
    }),
    RUNS,
  )
})

test('every number that JavaScript changes beyond the nearest fraction is marked, and no plain one', () => {
  const marked = [
    '9007199254740993',
    '1e400',
    '-1e400',
    '1e-400',
    '9007199254740991.7',
    '1.0000000000000000001',
    '123456789012345678901234567890',
    '1700000000123456789',
  ]
  for (const literal of marked) {
    const text = `{"a":[${literal},1]}`
    assert.deepEqual(look(text).oddAt, [6, 6 + literal.length], literal)
  }
  for (const literal of [
    '0',
    '-1.5',
    '999999999999999',
    '0.1',
    '1.5e-3',
    '0.30000000000000004',
    '52.520008123456789',
    '6.62607015e-34',
  ]) {
    assert.equal(look(`[${literal},{"a":${literal}}]`).oddAt, null, literal)
  }
})

test('the scan stops just past the depth allowed, however deep the text', () => {
  assert.equal(look('['.repeat(1_000_000), 64).depth, 65)
  const oddBelow = (depth: number): number => look(`${'['.repeat(depth)}"\\ud800"`, 64).loneSurrogateAt
  assert.equal(oddBelow(64), 65)
  assert.equal(oddBelow(65), -1, 'what lies deeper is not looked at')
})

test('any bytes at all are scanned to an end within their bounds', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length)
      const { end } = inspect(bytes, from, bytes.length, 5)
      assert.ok(end >= from && end <= bytes.length)
    }),
    RUNS,
  )
})
