import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arrayElements, membersOf, objectMembers, onOneLine, skipSpace, trimEnd } from '../../src/event/index.ts'

test('members and elements are found with the bytes that the client wrote', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5, noNullPrototype: true }),
      fc.constantFrom(undefined, 2),
      (value, indent) => {
        const bytes = Buffer.from(` ${JSON.stringify(value, null, indent)} `)
        const found = objectMembers(bytes, 0, bytes.length)
        assert.ok(found !== undefined)
        assert.equal(found.end, bytes.length - 1)
        const read = Object.fromEntries(
          found.members.map(({ key, start, end }) => [key, JSON.parse(bytes.toString('utf8', start, end))]),
        )
        assert.deepEqual(read, JSON.parse(bytes.toString()))
        const list = Buffer.from(JSON.stringify(Object.values(value), null, indent))
        assert.deepEqual(
          arrayElements(list, 0, list.length)?.elements.map(({ start, end }) =>
            JSON.parse(list.toString('utf8', start, end)),
          ),
          JSON.parse(list.toString()),
        )
      },
    ),
    { numRuns: 1_000 },
  )
})

test('wrong punctuation is no object and no list', () => {
  for (const text of [
    '',
    '[',
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a" 1}',
    '{a:1}',
    '{"a":1 "b":2}',
    '{,}',
    '{"a":}',
    '{"\\x":1}',
  ]) {
    assert.equal(objectMembers(Buffer.from(text), 0, text.length), undefined, text)
  }
  for (const text of ['', '{', '[', '[1', '[1,', '[1 2]', '[,1]'])
    assert.equal(arrayElements(Buffer.from(text), 0, text.length), undefined, text)
})

test('the raw text of members below a path keeps every digit', () => {
  const event = Buffer.from('{"dataset":"d","data":{"n":123456789012345678901234567890,"x":{"y": 1.0 }}}')
  const raw = membersOf(event, ['data']).map(({ key, start, end }) => [key, event.toString('utf8', start, end)])
  assert.deepEqual(raw, [
    ['n', '123456789012345678901234567890'],
    ['x', '{"y": 1.0 }'],
  ])
  assert.deepEqual(membersOf(event, ['nowhere']), [])
})

test('onOneLine drops white space between tokens only', () => {
  const text = '{\r\n "a b" : [ 1.0 ,\t"x\\n y" ],\n "": 12345678901234567890 }'
  const line = onOneLine(Buffer.from(text), 0, text.length).toString()
  assert.equal(line, '{"a b":[1.0,"x\\n y"],"":12345678901234567890}')
  assert.deepEqual(JSON.parse(line), JSON.parse(text))
})

test('space is what RFC 8259 says', () => {
  const bytes = Buffer.from(' \t\r\na\u00a0 \n')
  assert.equal(skipSpace(bytes, 0, bytes.length), 4)
  assert.equal(trimEnd(bytes, 0, bytes.length), bytes.length - 2)
})
