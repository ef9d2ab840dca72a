import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExactly } from '../../src/commands/exact.ts'
import { widthOf } from '../../src/commands/layout.ts'
import { cell, more, one, table, written } from '../../src/commands/screen.ts'

const shown = (headings: readonly string[], rows: readonly (readonly unknown[])[], columns?: number): string =>
  written([table(headings, rows, 'There are none.')], columns)

test('nothing in a cell steers the terminal: escapes, line ends and turned text are shown as what they are', () => {
  assert.equal(cell('a\u001b[2Jb\r\nc\u009b31m\u202ed'), 'a\\u001b[2Jb\\u000d\\u000ac\\u009b31m\\u202ed')
  assert.equal(shown(['\u001b]0;x'], [['\u001b[31mred']]), '\\u001b]0;x\n\\u001b[31mred\n')
  assert.equal(
    one({ 'a\nb': 'c\u0007', d: { '\u001b': '\u009b' } }),
    'a\\u000ab  c\\u0007\n\nd:\n{\n  "\\u001b": "\\u009b"\n}\n',
  )
  assert.equal(cell('a\u061cb\u2028c\u2029'), 'a\\u061cb\\u2028c\\u2029')
  assert.equal(more('a\u001b'), '\nThere are more: --cursor a\\u001b\n')
})

test('columns stand below their headings, nothing is nothing, long cells are cut', () => {
  const rows = [
    ['a', 1, null],
    ['bcdef', [1, 'x'.repeat(90)], undefined],
    ['é', true, 'x'.repeat(501)],
  ]
  assert.equal(
    shown(['name', 'n', 'more'], rows),
    [
      `name   n${' '.repeat(81)}more`,
      'a      1',
      `bcdef  [1,"${'x'.repeat(75)}…`,
      `é      true${' '.repeat(78)}${'x'.repeat(499)}…`,
      '',
    ].join('\n'),
  )
  assert.equal(shown(['name'], []), 'There are none.\n')
  assert.equal(more(null), '')
})

test('what is wide in a terminal is counted as it is seen', () => {
  const rows = ['日本語', '🙂', '👩‍👩‍👧', 'e\u0301', '한', '\u200b', 'ab'].map((text) => [text, '|'])
  const lines = shown(['t', 'end'], rows).split('\n').slice(1, -1)
  assert.deepEqual([...new Set(lines.map(widthOf))], [9])
  assert.deepEqual(['日本', '🙂', '👩‍👩‍👧', 'e\u0301', '☺️', 'é', '1'].map(widthOf), [4, 2, 2, 1, 2, 1, 1])
})

test('in a terminal that is too narrow sentences are wrapped below themselves, and other rows stand member below member', () => {
  const rows = [[1, '/data/user', 'must be one of many things that are said here']]
  assert.equal(
    shown(['line', 'pointer', 'message'], rows, 44),
    [
      'line  pointer     message',
      '1     /data/user  must be one of many things',
      '                  that are said here',
      '',
    ].join('\n'),
  )
  const ids = [
    ['a', 'x'.repeat(90), 'z'.repeat(36)],
    ['b', '', '1'],
  ]
  assert.equal(
    shown(['name', 'uri', 'id'], ids, 80),
    `name  a\nuri   ${'x'.repeat(90)}\nid    ${'z'.repeat(36)}\n\nname  b\nuri\nid    1\n`,
  )
  assert.equal(shown(['name', 'uri', 'id'], ids.slice(1), 80), 'name  uri  id\nb          1\n')
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
