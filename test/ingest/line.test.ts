import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LINE_TAIL_BYTES, lineBytes, lineMiddle, writeLine } from '../../src/ingest/line.ts'

const id = Buffer.from('01900000-0000-7000-8000-000000000001')

test('a line is the envelope around the event, byte for byte, at any offset', () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.oneof(fc.nat(), fc.maxSafeNat()),
      fc.option(fc.json()),
      fc.nat(100),
      (json, offset, extraText, at) => {
        const value = Buffer.from(json)
        const extra = extraText === null ? null : Buffer.from(JSON.stringify(extraText))
        const middle = lineMiddle('2026-01-02T03:04:05.000006Z', 'pulse.t.events.raw', 3)
        const into = Buffer.alloc(at + lineBytes(middle, extra, value), 0x78)
        const start = writeLine(into, at, id, middle, offset, extra, value)
        const end = start + value.length + LINE_TAIL_BYTES
        assert.ok(end <= into.length)
        assert.equal(into[end - 1], 10)
        assert.deepEqual(into.subarray(start, start + value.length), value)
        assert.deepEqual(JSON.parse(into.toString('utf8', at, end)), {
          _event_id: id.toString(),
          _received_at: '2026-01-02T03:04:05.000006Z',
          _source: `pulse.t.events.raw/3/${offset}`,
          ...(extraText === null ? {} : { _extra: extraText }),
          e: JSON.parse(json),
        })
      },
    ),
  )
})

test('a value on several lines still makes one line, and means the same', () => {
  const value = Buffer.from('{\n  "a": "x\\n",\n  "b": [1,\n2]\n}')
  const middle = lineMiddle('2026-01-02T03:04:05Z', 't', 0)
  const into = Buffer.alloc(lineBytes(middle, null, value))
  writeLine(into, 0, id, middle, 0, null, value)
  const text = into.toString().replace(/\0+$/, '')
  assert.equal(text.indexOf('\n'), text.length - 1)
  assert.deepEqual(JSON.parse(text).e, { a: 'x\n', b: [1, 2] })
})
