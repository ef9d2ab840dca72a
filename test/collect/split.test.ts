import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaTypeOf, splitEvents } from '../../src/collect/split.ts'
import type { Problem } from '../../src/problems/index.ts'

const split = (body: string | Buffer, type: 'json' | 'ndjson' = 'json', max = 10) => {
  const bytes = Buffer.from(body)
  const { extents, ...rest } = splitEvents(bytes, type, max)
  return { texts: extents.map(({ start, end }) => bytes.toString('utf8', start, end)), ...rest }
}

test('a body is one event, a list of them, or one a line', () => {
  assert.deepEqual(split(' {"data":{"events":[1]}} '), {
    texts: ['{"data":{"events":[1]}}'],
    alone: true,
    encoding: 'ascii',
  })
  assert.deepEqual(split('{ "events" : [ {"a":[1,2]} ,\n2, "x,]" ] }').texts, ['{"a":[1,2]}', '2', '"x,]"'])
  assert.deepEqual(split('\n{"a":1}\r\n\r\n  {"b":"ü"}  \n', 'ndjson'), {
    texts: ['{"a":1}', '{"b":"ü"}'],
    alone: false,
    encoding: 'utf8',
  })
  assert.equal(split(Buffer.from('{"data":"\xff"}', 'latin1')).encoding, 'unknown')
  assert.equal(split('{"x":1,"dataset":"d"}').alone, true, 'not a list: refused by name where it is read')
})

test('one event more than allowed is too many, in both forms', () => {
  assert.equal(split('{"a":1}\n'.repeat(3), 'ndjson', 3).texts.length, 3)
  const tooMany = (error: Problem): boolean => error.code === 'too_large' && error.message.includes('3 events')
  assert.throws(() => split('{"a":1}\n'.repeat(4), 'ndjson', 3), tooMany)
  assert.throws(() => split(`{"events":[${'1,'.repeat(3)}1]}`, 'json', 3), tooMany)
})

test('what follows or stands beside the list is refused', () => {
  for (const [body, code] of [
    ['{"events":[1]}x', 'malformed'],
    ['{"events":[1],"x":1}', 'invalid'],
    ['{"events":[1}', 'malformed'],
    ['{"events":1}', 'invalid'],
    ['{"events":[]}', 'empty_events'],
    ['[]', 'malformed'],
    [' ', 'malformed'],
  ] as const) {
    assert.throws(
      () => split(body),
      (error: Problem) => error.code === code,
      body,
    )
  }
})

test('media types are told by their essence; only UTF-8 is read', () => {
  assert.equal(mediaTypeOf('application/json'), 'json')
  assert.equal(mediaTypeOf('Application/JSON ; charset="UTF-8"'), 'json')
  assert.equal(mediaTypeOf('application/x-ndjson;charset=utf-8'), 'ndjson')
  for (const bad of [
    undefined,
    '',
    'text/json',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16',
  ]) {
    assert.throws(
      () => mediaTypeOf(bad),
      (error: Problem) => error.code === 'unsupported_media_type' && error.message.endsWith('.'),
      String(bad),
    )
  }
})
