import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEvent, type Encoding } from '../../src/event/index.ts'

const LIMITS = { maxEventBytes: 10_000, maxDepth: 8 }
const read = (text: string | Buffer, encoding?: Encoding) => {
  const bytes = Buffer.from(text)
  return readEvent(bytes, 0, bytes.length, LIMITS, encoding)
}
const ID = '018F4C6E-0000-7000-8000-00000000000F'

test('an event is read with its id in the one spelling, whatever is known of its encoding', () => {
  for (const encoding of ['ascii', 'utf8', 'unknown'] as const) {
    const event = read(`{"event_id":"${ID}","data":{"a":1},"dataset":"orders"}`, encoding)
    assert.ok(event.kind === 'event')
    assert.deepEqual(
      [event.dataset, event.eventId, event.data, event.multiline, event.odd],
      ['orders', ID.toLowerCase(), { a: 1 }, false, undefined],
    )
  }
})

test('odd numbers come with paths from the data on; those outside of it do not', () => {
  const event = read('{"dataset":"d","data":{"a":[1e400]}}')
  assert.ok(event.kind === 'event')
  assert.deepEqual(event.odd, [{ path: ['a', 0], literal: '1e400' }])
})

test('a refusal says which rule, where, and keeps the id that can be read', () => {
  const refusals: [string, string, string, string | null | undefined][] = [
    ['{"dataset":"d","data":{"a":"\\ud800"}}', 'malformed', '/data/a', undefined],
    [`{"dataset":"d","event_id":"${ID}","data":{"a":1,"a":2}}`, 'malformed', '/data/a', ID.toLowerCase()],
    ['{"dataset":"d","event_id":7,"data":{}}', 'invalid', '/event_id', null],
    ['{"dataset":"d","data":{},"a/b":1}', 'invalid', '/a~1b', undefined],
    ['{"dataset":"d","data":[[[[[[[[[]]]]]]]]]}', 'malformed', '', null],
    [`{"dataset":"d","data":{"a":"${'x'.repeat(10_000)}"}}`, 'too_large', '', null],
    ['null', 'malformed', '', null],
  ]
  for (const [text, code, pointer, eventId] of refusals) {
    const refused = read(text)
    assert.ok(refused.kind === 'unread', text)
    assert.deepEqual([refused.code, refused.fault.pointer, refused.eventId], [code, pointer, eventId], text)
    assert.match(refused.fault.message, /\.$/)
  }
})

test('a refusal never repeats a whole event', () => {
  const refused = read(`{"dataset":"d","data":{"a":nope${'x'.repeat(5_000)}}}`)
  assert.ok(refused.kind === 'unread' && refused.fault.message.length < 300)
})
