import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect, oddNumbers, pointerAt, repeatedMember } from '../../src/event/index.ts'

const bytesOf = (text: string) => Buffer.from(text)

test('odd numbers come with their paths and their text', () => {
  const bytes = bytesOf('{"a":{"b/c":[1,9007199254740993]},"n":1e400,"s":"1e400"}')
  assert.deepEqual(oddNumbers(bytes, 0, bytes.length, inspect(bytes, 0, bytes.length, 64)), [
    { path: ['a', 'b/c', 1], literal: '9007199254740993' },
    { path: ['n'], literal: '1e400' },
  ])
})

test('a repeated name is told from the same name in another object', () => {
  const find = (text: string) => repeatedMember(bytesOf(text), 0, text.length)
  assert.equal(find('{"a":{"k":1},"b":{"k":1},"l":[{"k":1},{"k":2}],"k":3}'), undefined)
  assert.deepEqual(find('{"l":[{"k":1},{"k":2,"x":{"k":0},"k":2}]}'), { pointer: '/l/1/k', name: 'k' })
  assert.deepEqual(find('{"a":1,"\\u0061":2}'), { pointer: '/a', name: 'a' })
})

test('a position is told as the pointer of the value, or of the object whose name it lies in', () => {
  const text = '{"a":{"b":"\\ud800"},"c":{"\\udc00":1}}'
  const bytes = bytesOf(text)
  assert.equal(pointerAt(bytes, 0, bytes.length, text.indexOf('\\ud800')), '/a/b')
  assert.equal(pointerAt(bytes, 0, bytes.length, text.indexOf('\\udc00')), '/c')
})
