import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kindsOf, literalOf } from '../../src/batch/kinds.ts'
import { chance } from '../kit/seed.ts'

const kinds = kindsOf({
  properties: { list: { type: 'array' }, either: { anyOf: [{ type: 'object' }, { type: 'string' }] } },
})
const asList = (cell: string): string | undefined => literalOf(cell, kinds.get('list'))
const asEither = (cell: string): string | undefined => literalOf(cell, kinds.get('either'))

test('a cell is a list or an object where it can be nothing else, and text where it may be text and is no JSON', () => {
  assert.equal(asList('[1,{"a":"]"}]'), '[1,{"a":"]"}]')
  assert.equal(asEither('{"a":1}'), '{"a":1}')
  assert.equal(asEither('[not json]'), '"[not json]"')
  assert.equal(asList('5'), '"5"')
  assert.equal(asList(''), undefined)
})

test('no cell ends its member and goes on as another', (t) => {
  const random = chance()
  t.diagnostic(`seed ${random.seed} (TEST_SEED repeats it)`)
  const breaking = [
    '{}},"dataset":"z","data":{"a":{}',
    '[1],"b":[2]',
    '{"a":"}","b":{}},{}',
    '[]]',
    '{"a":"\\"}',
    '[}',
    '{',
  ]
  const made = Array.from({ length: 20_000 }, () =>
    Array.from({ length: random.between(1, 9) }, () => random.pick(PARTS)).join(''),
  )
  let lists = 0
  for (const cell of [...breaking, ...made]) {
    const literal = asList(cell)
    if (literal === undefined) continue
    let event: unknown
    try {
      event = JSON.parse(`{"data":{"list":${literal}}}`)
    } catch {
      continue // refused where events are read
    }
    lists += literal === cell ? 1 : 0
    const { data, ...more } = event as { data: object }
    assert.deepEqual([Object.keys(data), more], [['list'], {}], cell)
  }
  assert.ok(lists > 20, `${lists} lists among them`)
})

const PARTS = ['{', '}', '[', ']', '"', '\\', ',', ':', '"a":', '1', '"b"', '{}', '[]']
