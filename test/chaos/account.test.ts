import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balance, type Held } from '../../chaos/account.ts'
import type { Sent } from '../../chaos/clients.ts'

const sent = (): Sent => ({
  ids: new Map([
    ['a', 'events'],
    ['b', 'events'],
    ['c', 'events'],
  ]),
  acknowledged: new Set(['a', 'b']),
  cut: 0,
  requests: 3,
  wrong: [],
})
const held = (over: Partial<Held> = {}): Held => ({
  rows: new Map([['events', ['a']]]),
  foreign: new Map([['events', ['a']]]),
  letters: ['b'],
  letterCount: 1,
  records: 3,
  totals: { records: 3, rows: 1, duplicates: 1, letters: 1 },
  orphans: [],
  missing: [],
  broken: [],
  ...over,
})
const found = (over: Partial<Held>): string => {
  const { lost, doubled, wrong } = balance(sent(), held(over))
  return [...lost.map((id) => `lost ${id}`), ...doubled.map((id) => `doubled ${id}`), ...wrong].join('; ')
}

test('an acknowledged event is one row or a dead letter; what nobody was told is accepted may be either or neither', () => {
  assert.equal(found({}), '')
})

test('each way of being wrong is named', () => {
  assert.match(found({ letters: [], letterCount: 1 }), /^lost b/)
  const twice = new Map([['events', ['a', 'a']]])
  assert.match(
    found({ rows: twice, foreign: twice, totals: { records: 3, rows: 2, duplicates: 0, letters: 1 } }),
    /^doubled a$/,
  )
  const odd = new Map([['events', ['a', 'x']]])
  assert.match(
    found({ rows: odd, foreign: odd, totals: { records: 3, rows: 2, duplicates: 0, letters: 1 } }),
    /x that nobody sent/,
  )
  assert.match(found({ foreign: new Map() }), /a foreign reader sees other rows/)
  assert.match(found({ records: 4 }), /records settled, of those on the bus: 3, and not 4/)
  assert.match(
    found({ totals: { records: 3, rows: 1, duplicates: 0, letters: 1 } }),
    /duplicates and dead letters of the commits: 2, and not 3/,
  )
  assert.match(found({ totals: { records: 3, rows: 2, duplicates: 0, letters: 1 } }), /rows in the tables/)
  assert.match(found({ letterCount: 2 }), /dead letters, of those that the commits counted/)
  assert.match(found({ orphans: ['x'] }), /an orphan: x/)
  assert.match(found({ missing: ['y'] }), /a file is not there: y/)
  assert.match(found({ broken: ['events is broken'] }), /events is broken/)
})
