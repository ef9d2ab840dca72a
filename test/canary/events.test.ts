import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences } from '../../src/canary/book.ts'
import { COLUMNS, DEFINITION, eventAt } from '../../src/canary/events.ts'
import { isUuid } from '../../src/event/index.ts'

const AT = { seed: 'a', round: 7, position: 1, startedAtMs: 1_790_000_000_123.25 }

test('an event follows from seed, round, position and instant alone, and every one of them matters', () => {
  assert.deepEqual(eventAt(AT, 'canary'), eventAt({ ...AT }, 'canary'))
  const others = [
    { ...AT, seed: 'b' },
    { ...AT, round: 8 },
    { ...AT, position: 2 },
  ]
  const lines = new Set([AT, ...others].map((at) => eventAt(at, 'canary').id))
  assert.equal(lines.size, 4)
})

test('ids are UUIDv7 in form and in the order of time', () => {
  const { id } = eventAt(AT, 'canary')
  const later = eventAt({ ...AT, startedAtMs: AT.startedAtMs + 1 }, 'canary').id
  assert.ok(isUuid(id) && id[14] === '7' && /[89ab]/.test(id[19] ?? ''))
  assert.ok(id < later)
})

test('a column that is changed is noticed, whichever it is, and only that one', () => {
  for (const position of [0, 1]) {
    const event = eventAt({ ...AT, position }, 'canary')
    assert.deepEqual(Object.keys(event.row).toSorted(), COLUMNS.slice(1).toSorted())
    assert.deepEqual(differences(event, { ...event.row, _source: 'any' }), [])
    for (const column of Object.keys(DEFINITION.properties))
      assert.deepEqual(differences(event, { ...event.row, [column]: 'x' }), [column])
    const { nested, whole } = event.row as { nested: { name: string; marks: string[] }; whole: string }
    const changed = { ...nested, marks: [...nested.marks.slice(1), nested.marks[0]] }
    assert.deepEqual(differences(event, { ...event.row, nested: changed }), ['nested'])
    // A 64-bit number that went through a double is another number.
    assert.deepEqual(differences(event, { ...event.row, whole: String(BigInt(Number(whole))) }), ['whole'])
  }
})

test('a line is one line, with the numbers written out', () => {
  const { line, row } = eventAt(AT, 'canary')
  assert.ok(!line.includes('\n') && line.includes(`"whole":${String(row['whole'])}`))
})
