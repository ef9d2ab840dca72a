import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readEvent } from '../../src/event/index.ts'
import { idOf, lineOf } from '../../src/outcomes/again.ts'
import { anySeed } from '../kit/seed.ts'

const ID = '019300aa-0000-7000-8000-000000000001'
const LIMITS = { maxEventBytes: 1 << 20, maxDepth: 64 }
const letter = (value: Buffer | string | null, more: { event_id?: string | null; dataset?: string | null } = {}) => ({
  id: '42',
  event_id: ID,
  dataset: 'events',
  ...more,
  value: value === null ? null : Buffer.from(value),
})

test('an event goes again as it was written, under its own id, to the dataset that its record named', () => {
  const line = lineOf(
    letter('{"data":{"n":12345678901234567890.10, "t":"\\u00e9"},\n"dataset":"elsewhere"}'),
  ).toString()
  assert.equal(line, `{"dataset":"events","event_id":"${ID}","data":{"n":12345678901234567890.10, "t":"\\u00e9"}}`)
  const own = lineOf(letter(`{"event_id":"${ID}","dataset":"x","data":{}}`, { dataset: null })).toString()
  assert.equal(own, `{"event_id":"${ID}","dataset":"x","data":{}}`, 'a letter of no dataset keeps what it says')
  const edited = lineOf(letter('not JSON at all'), { data: '{"n": 1.50}' }).toString()
  assert.equal(edited, `{"dataset":"events","event_id":"${ID}","data":{"n": 1.50}}`)
})

test('a letter of no dataset goes with other data to the dataset that it says itself, or to the one that it is given', () => {
  const stray = letter('{"data":{"n":"x"},"dataset":"late","more":1}', { dataset: null })
  assert.equal(lineOf(stray, { data: '{"n":1}' }).toString(), `{"event_id":"${ID}","dataset":"late","data":{"n":1}}`)
  const given = lineOf(stray, { data: '{"n":1}', dataset: 'events' }).toString()
  assert.equal(given, `{"dataset":"events","event_id":"${ID}","data":{"n":1}}`)
  const moved = lineOf(letter('{"data":{"n":2.0}}', { dataset: null }), { dataset: 'events' }).toString()
  assert.equal(moved, `{"dataset":"events","event_id":"${ID}","data":{"n":2.0}}`)
})

test('a letter whose record had no usable id has one that is always the same, and another than every other letter', () => {
  const ids = [null, 'abc', ''].map((event_id) => idOf({ id: '42', event_id, value: null }))
  assert.equal(new Set(ids).size, 1)
  assert.match(ids[0] ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-8/)
  assert.notEqual(idOf({ id: '43', event_id: null, value: null }), ids[0])
  assert.equal(idOf({ id: '42', event_id: ID.toUpperCase(), value: null }), ID)
})

test('an event that says another id than its record’s key goes, and is named, by what it says; edited too', () => {
  const said = '019300aa-0000-7000-8000-0000000000FF'
  for (const key of [ID, 'no id']) {
    const odd = letter(`{"event_id":"${said}","data":{}}`, { event_id: key })
    assert.equal(idOf(odd), said.toLowerCase())
    assert.ok(lineOf(odd).includes(`"event_id":"${said}"`))
    assert.ok(lineOf(odd, { data: '{"n":1}' }).includes(`"event_id":"${said.toLowerCase()}"`))
  }
  const wrong = letter('{"event_id":"abc","data":{}}')
  assert.ok(lineOf(wrong).includes('"event_id":"abc"'), 'refused as it is')
  assert.ok(lineOf(wrong, { data: '{}' }).includes(`"event_id":"${ID}"`))
})

test('nothing is made an event by sending it again: no byte is replaced, no line break in a text and nothing behind the event is lost', () => {
  const parts = (...texts: (string | number[])[]): Buffer =>
    Buffer.concat(texts.map((text) => (typeof text === 'string' ? Buffer.from(text) : Buffer.from(text))))
  for (const [value, keyword] of [
    [parts('{"data":{"name":"a', [0xff, 0xfe], 'b"}}'), 'utf8'],
    [parts('{"data":{"name":"a\nb"}}'), 'json'],
    [parts('{"data":{"name":"\\"\r"}}'), 'json'],
    [parts('{"data":{}}{"data":{"n":2}}'), 'json'],
    [parts('{"data":{}}\u00a0'), 'json'],
  ] as const)
    for (const dataset of ['events', null]) {
      const line = lineOf(letter(value, { dataset }))
      assert.ok(!/[\n\r]/.test(line.toString('latin1')))
      const read = readEvent(line, 0, line.length, LIMITS)
      assert.deepEqual([read.kind, read.kind === 'unread' && read.fault.keyword], ['unread', keyword], String(value))
    }
  const spaced = lineOf(letter('{\r\n "data": {"name": "\\\\",\n "n": 1}}\n\t ')).toString()
  assert.equal(spaced, `{"dataset":"events","event_id":"${ID}","data":{"name": "\\\\",  "n": 1}}`)
})

test('whatever the record held is one line that is never empty; what is no event stays none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.string(), fc.json()), (value) => {
      const line = lineOf(letter(Buffer.from(value)))
      assert.ok(!line.includes(0x0a) && line.toString('latin1').trim() !== '')
      assert.equal(readEvent(line, 0, line.length, LIMITS).kind, 'unread')
    }),
    { seed: anySeed(), numRuns: 300 },
  )
  for (const value of [null, '', ' \n ']) assert.equal(lineOf(letter(value)).toString(), 'null')
  const twice = lineOf(letter('{"data":{},"data":{"n":1}}'))
  assert.equal(readEvent(twice, 0, twice.length, LIMITS).kind, 'unread', 'a name that stands twice stands twice')
})
