import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCsv } from '../../src/infer/cells.ts'
import { Problem } from '../../src/problems/index.ts'

const data = (text: string): unknown[] => readCsv(Buffer.from(text), ',').map((row) => row.data)

test('cells are read as RFC 4180 has them: quotes, breaks within, CRLF, a mark at the front, no break at the end', () => {
  const text = '\ufeffname,"the ""note""",n\r\n"a, b","two\nlines",1\r\n\r\nc,"",2'
  assert.deepEqual(data(text), [
    { name: 'a, b', 'the "note"': 'two\nlines', n: 1 },
    { name: 'c', n: 2 },
  ])
  assert.deepEqual(data(''), [])
  assert.deepEqual(data('a,b,c\n1,,\n'), [{ a: 1 }])
})

test('a column is of numbers only where nothing would be lost', () => {
  const columns = ['n', 'f', 'zip', 'long', 'big', 'yes', 'mixed']
  const rows = ['-1,1.5,007,12345678901234567890,123456789012345678,true,1', '2,1e3,100,1,1,false,x']
  assert.deepEqual(data([columns.join(','), ...rows].join('\n')), [
    { n: -1, f: 1.5, zip: '007', long: '12345678901234567890', big: 123456789012345680, yes: true, mixed: '1' },
    { n: 2, f: 1000, zip: '100', long: '1', big: 1, yes: false, mixed: 'x' },
  ])
  const [row] = readCsv(Buffer.from('n\n123456789012345678\n'), ',')
  assert.deepEqual(row?.odd, [{ path: ['n'], literal: '123456789012345678' }])
})

test('what an upload of the file would refuse is refused as a sample, with its line', () => {
  const refusals: readonly [string, RegExp][] = [
    ['a,b\n1,2\n3\n', /^Line 3: The line has 1 cell; the first line names 2 columns\./],
    ['a,b\n"x"y,2\n', /^Line 2: Cell 1 goes on after its closing quote\./],
    ['a,b\n1,"2\n', /^Line 2: A quote is not closed\./],
    ['a,a\n1,2\n', /The name "a" stands twice\./],
    ['a,\n1,2\n', /Column 2 has no name\./],
  ]
  for (const [text, message] of refusals)
    assert.throws(
      () => data(text),
      (error) => error instanceof Problem && error.code === 'malformed' && message.test(error.message),
      text,
    )
})
