import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExactly } from '../../src/commands/exact.ts'
import { cell, more, one, table } from '../../src/commands/screen.ts'

test('nothing in a cell steers the terminal: escapes, line ends and turned text are shown as what they are', () => {
  assert.equal(cell('a\u001b[2Jb\r\nc\u009b31m\u202ed'), 'a\\u001b[2Jb\\u000d\\u000ac\\u009b31m\\u202ed')
  assert.equal(table(['\u001b]0;x'], [['\u001b[31mred']], ''), '\\u001b]0;x\n\\u001b[31mred\n')
  assert.equal(
    one({ 'a\nb': 'c\u0007', d: { '\u001b': '\u009b' } }),
    'a\\u000ab  c\\u0007\n\nd:\n{\n  "\\u001b": "\\u009b"\n}\n',
  )
  assert.equal(more('a\u001b'), '\nThere are more: --cursor a\\u001b\n')
})

test('columns stand below their headings, nothing is nothing, long cells are cut', () => {
  const rows = [
    ['a', 1, null],
    ['bcdef', [1, 'x'], undefined],
    ['é', true, 'x'.repeat(61)],
  ]
  assert.equal(
    table(['name', 'n', 'more'], rows, 'none'),
    ['name   n        more', 'a      1', 'bcdef  [1,"x"]', `é      true     ${'x'.repeat(59)}…`, ''].join('\n'),
  )
  assert.equal(table(['name'], [], 'There are none.'), 'There are none.\n')
  assert.equal(more(null), '')
})

test('of one thing the plain members come first, the others as JSON', () => {
  assert.equal(
    one({ id: 7, deep: { a: [1] }, none: null, list: ['a', 'b'], empty: {} }),
    'id     7\nnone\nlist   a, b\nempty  {}\n\ndeep:\n{\n  "a": [\n    1\n  ]\n}\n',
  )
})

test('numbers are shown digit for digit, also those that a double does not keep', () => {
  const text = '{"id":9007199254740993,"deep":{"n":[1.10,12345678901234567890,7]},"list":[0.1],"small":1e-7}'
  assert.equal(
    one(parseExactly(text)),
    'id     9007199254740993\nsmall  1e-7\n\ndeep:\n{\n  "n": [\n    1.10,\n    12345678901234567890,\n    7\n  ]\n}\n\nlist:\n[\n  0.1\n]\n',
  )
  assert.equal(cell((parseExactly('[18446744073709551615]') as unknown[])[0]), '18446744073709551615')
  assert.equal(JSON.stringify(parseExactly(text)), text)
})
