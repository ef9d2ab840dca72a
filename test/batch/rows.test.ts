import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvSplitter } from '../../src/batch/csv.ts'
import { splitArray } from '../../src/batch/json-array.ts'
import { splitLines } from '../../src/batch/ndjson.ts'
import { START, type Place, type Row, type Splitter } from '../../src/batch/place.ts'
import { readRows } from '../../src/batch/rows.ts'
import { chance } from '../kit/seed.ts'

const MOST = 200

/** The rows of a file that arrives in parts, and each place where it could go on. */
async function read(
  split: Splitter,
  file: Buffer,
  partBytes: number,
  from: { place: Place; offset: number } = { place: START, offset: 0 },
): Promise<{ rows: Row[]; stops: { place: Place; offset: number; rows: number }[]; fault: string | undefined }> {
  const rows: Row[] = []
  const stops: { place: Place; offset: number; rows: number }[] = []
  async function* parts(): AsyncGenerator<Buffer> {
    for (let at = from.offset; at < file.length; at += partBytes) yield file.subarray(at, at + partBytes)
  }
  try {
    for await (const chunk of readRows(parts(), { split, ...from, maxRowBytes: MOST, windowBytes: 1 })) {
      rows.push(...chunk.rows)
      stops.push({ place: chunk.place, offset: chunk.offset, rows: rows.length })
    }
  } catch (error) {
    return { rows, stops, fault: (error as Error).message }
  }
  return { rows, stops, fault: undefined }
}

const FILES: Readonly<Record<string, readonly (readonly [split: Splitter, file: string])[]>> = {
  lines: [
    [splitLines, '{"a":1}\n\n {"b":2} \r\n{"c":"é\u{1f600}"}\n{"last":true}'],
    [splitLines, '\uFEFF{"a":1}\n'],
    [splitLines, '\n\n\n'],
    [splitLines, ''],
  ],
  'an array': [
    [splitArray, '[{"a":1},{"b":[1,{"c":"]},["}]},{"d":"\\"]"} , 5,"x",null]'],
    [splitArray, ' [ ] '],
    [splitArray, '\uFEFF[\n  {\n    "a": 1\n  },\n  {}\n]\n'],
    [splitArray, '{"alone":[1,2]} \n'],
    [splitArray, ''],
    [splitArray, '[{"a":1},{"b"'],
    [splitArray, '[{"a":1} {"b":2}]'],
    [splitArray, '[{"a":1}]]'],
    [splitArray, '[{"a":1},,{"b":1}]'],
    [splitArray, 'x'],
  ],
  CSV: [
    [csvSplitter(0x2c), 'a,b\n1,2\r\n\n"x ""y"" ,\r\nz",\n,\n"",3'],
    [csvSplitter(0x2c), '\uFEFF"a","b"\r\n1,2\r\n'],
    [csvSplitter(0x3b), 'a;b\n1,5;"2;3"\n'],
    [csvSplitter(0x2c), 'a,b\n1\n1,2,3\n"x"y,2\n1,2"3"\n"never closed,2\n3,4\n'],
    [csvSplitter(0x2c), 'a,b'],
    [csvSplitter(0x2c), ''],
  ],
}

for (const [name, files] of Object.entries(FILES)) {
  test(`${name}: the rows are the same however the bytes arrive, and wherever an upload goes on`, async () => {
    for (const [split, text] of files) {
      const file = Buffer.from(text)
      const whole = await read(split, file, file.length + 1)
      for (let bytes = 1; bytes <= Math.min(file.length, 40); bytes += 1) {
        const parted = await read(split, file, bytes)
        assert.deepEqual(
          [parted.rows, parted.fault],
          [whole.rows, whole.fault],
          `${JSON.stringify(text)} in parts of ${bytes}`,
        )
        for (const stop of parted.stops.slice(0, -1)) {
          const rest = await read(split, file, 7, JSON.parse(JSON.stringify(stop)) as typeof stop)
          assert.deepEqual(
            [...parted.rows.slice(0, stop.rows), ...rest.rows],
            whole.rows,
            `${JSON.stringify(text)} from ${stop.offset}`,
          )
        }
      }
    }
  })
}

test('a row that is too large is one verdict, and the next one is read', async () => {
  const large = 'x'.repeat(300_000)
  for (const [split, text] of [
    [splitLines, `{"a":1}\n{"b":"${large}"}\n{"c":2}\n`],
    [csvSplitter(0x2c), `a\n1\n${large}\n2\n`],
    [csvSplitter(0x2c), `a\n1\n"${large}"\n2\n`],
  ] as const) {
    for (const bytes of [1_000, 65_536, 1_000_000]) {
      const { rows, fault } = await read(split, Buffer.from(text), bytes)
      assert.equal(fault, undefined)
      assert.equal(rows.length, 3)
      assert.equal((rows[1]?.content as { code?: string } | undefined)?.code, 'too_large')
    }
  }
  const { rows, fault } = await read(splitArray, Buffer.from(`[{"a":1},"${large}",{"c":2}]`), 1_000)
  assert.equal(rows.length, 1)
  assert.match(String(fault), /larger than/)
})

test('a quote that nothing closes costs its own line, and no more is held than a row may have', async () => {
  const lines = Array.from({ length: 20_000 }, (_, n) => String(n))
  const file = Buffer.from(['a', '1', '"open', ...lines].join('\n'))
  const { rows } = await read(csvSplitter(0x2c), file, 10_000)
  assert.equal(rows.length, lines.length + 2)
  assert.equal(rows.filter(({ content }) => !Array.isArray(content)).length, 1)
})

test('bytes of any kind are read to their end, the same in one part as in many', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const words = [
    '{',
    '}',
    '[',
    ']',
    '"',
    ',',
    '\n',
    '\r\n',
    '\\',
    'a',
    '1',
    ' ',
    ':',
    'é',
    '\uFEFF',
    '""',
    '{"a":1}',
    'null',
  ]
  for (let round = 0; round < 400; round += 1) {
    const text = Array.from({ length: random.between(0, 30) }, () => random.pick(words)).join('')
    const file = Buffer.from(text)
    for (const split of [splitLines, splitArray, csvSplitter(0x2c)]) {
      const whole = await read(split, file, file.length + 1)
      const parted = await read(split, file, random.between(1, 5))
      assert.deepEqual([parted.rows, parted.fault], [whole.rows, whole.fault], JSON.stringify(text))
    }
  }
})

test('whatever cells are written as RFC 4180 says, the same cells are read', async (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed}`)
  const pieces = ['"', '""', ',', ';', '\n', '\r\n', '\r', 'a', ' ', 'é', '\u{1f600}', '{"a":"b"}', '\\', '']
  const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`
  for (let round = 0; round < 300; round += 1) {
    const width = random.between(1, 5)
    const records = Array.from({ length: random.between(1, 8) }, () =>
      Array.from({ length: width }, () =>
        Array.from({ length: random.between(0, 5) }, () => random.pick(pieces)).join(''),
      ),
    )
    const delimiter = random.pick([',', ';'])
    const end = random.pick(['\n', '\r\n'])
    // An empty line is no record: a single cell that is empty cannot be told from it.
    const written = records.filter((cells) => cells.join('') !== '' || width > 1)
    const lines = written.map((cells) =>
      cells.map((cell) => (/[",;\r\n]/.test(cell) || random.between(0, 1) === 1 ? quoted(cell) : cell)).join(delimiter),
    )
    const head = Array.from({ length: width }, (_, at) => `c${at}`).join(delimiter)
    const file = Buffer.from([head, ...lines].join(end) + random.pick(['', end]))
    const { rows } = await read(csvSplitter(delimiter.charCodeAt(0)), file, random.between(1, 50))
    assert.deepEqual(
      rows.map(({ content }) => (content as readonly string[]).map((cell) => Buffer.from(cell, 'latin1').toString())),
      written,
      JSON.stringify(file.toString()),
    )
  }
})

test('a quoted cell of any size is read whole, its quotes too', async () => {
  const cell = '{"a":"b"},'.repeat(50_000)
  const file = Buffer.from(`a,b\n"${cell.replaceAll('"', '""')}","""x"""\n`)
  const rows = csvSplitter(0x2c)(file, START, true, file.length).rows
  assert.deepEqual(rows, [{ line: 2, content: [cell, '"x"'] }])
})
