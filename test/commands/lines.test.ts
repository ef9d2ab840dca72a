import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesOf } from '../../src/commands/lines.ts'
import { anySeed } from '../kit/seed.ts'

async function read(text: string | Buffer, partBytes = 7): Promise<[number, string][]> {
  const bytes = Buffer.from(text)
  const parts = Array.from({ length: Math.ceil(bytes.length / partBytes) }, (_, at) =>
    bytes.subarray(at * partBytes, (at + 1) * partBytes),
  )
  const found: [number, string][] = []
  for await (const { at, text: line } of linesOf(Readable.from(parts, { objectMode: true }), 'f.json'))
    found.push([at, line.toString()])
  return found
}

test('lines, an array, and one object over many lines are all events, byte for byte on one line each', async () => {
  const lines: [number, string][] = [
    [1, '{"a":12345678901234567890}'],
    [2, '{"b":"\\u00e9 ü"}'],
  ]
  const [first, second] = lines.map(([, text]) => text)
  assert.deepEqual(await read(`${first}\n${second}\n`), lines)
  assert.deepEqual(await read(`${first}\n${second}`), lines, 'no line end at the end')
  assert.deepEqual(await read(`\ufeff${first}\r\n${second}\r\n`), lines, 'a byte order mark and CRLF')
  assert.deepEqual(await read(`[\n  ${first},\n  ${second}\n]\n`), lines)
  assert.deepEqual(await read(`\ufeff[${first},${second}]`), lines)
  assert.deepEqual(await read('{\n  "a" : [1,\n 2]\n}\n'), [[1, '{"a":[1,2]}']])
  assert.deepEqual(await read(`\n\n${first}\n\n${second}\n\n`), [
    [3, first],
    [5, second],
  ])
  for (const nothing of ['', '\n', '[]', ' [ ] ', '\ufeff']) assert.deepEqual(await read(nothing), [], nothing)
})

test('a broken line between others goes as it is; a file that is nothing of the kind is named', async () => {
  assert.deepEqual(await read('{"a":1}\n{"b":\n{"c":3}\n'), [
    [1, '{"a":1}'],
    [2, '{"b":'],
    [3, '{"c":3}'],
  ])
  for (const wrong of ['a,b\n1,2\n', '{"a":', '[1,2', '{"a":1}]'])
    await assert.rejects(read(wrong), {
      name: 'Mistaken',
      message: /f\.json is neither lines of JSON nor one JSON array: [^]* CSV and Parquet go with pulse import\.$/,
    })
})

test('what is found does not depend on where the parts are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.json(), { maxLength: 8 }),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom('lines', 'array'),
      async (values, partBytes, how) => {
        const objects = values.map((value) => `{"v":${value}}`)
        const text = how === 'lines' ? objects.join('\n') : `[${objects.join(' , ')}]`
        const found = (await read(text, partBytes)).map(([, line]) => JSON.parse(line) as unknown)
        assert.deepEqual(
          found,
          objects.map((object) => JSON.parse(object) as unknown),
        )
      },
    ),
    { seed: anySeed(), numRuns: 200 },
  )
})

test('an array of more than 64 MiB is refused with what to do, and not read on', async () => {
  let given = 0
  const part = Buffer.alloc(1 << 20, ' ')
  const endless = new Readable({
    read() {
      given += 1
      this.push(given === 1 ? '[' : part)
    },
  })
  await assert.rejects(async () => {
    for await (const line of linesOf(endless, 'big.json')) assert.fail(`${line.at} is an event`)
  }, /big\.json has more than 64 MiB in one line or array: send NDJSON/)
  assert.ok(given < 80, `${given} MiB were read`)
})
