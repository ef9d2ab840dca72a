import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Binding } from '../../src/registry/index.ts'
import { bufferRow, openFor, take } from '../../src/ingest/buffer.ts'
import {
  countOf,
  dropKnown,
  giveUp,
  groupsOf,
  idsOf,
  linesOf,
  openDraft,
  recordsOf,
  refuseRow,
  rowsAtLines,
  rowsOf,
  settledBy,
  type Draft,
} from '../../src/ingest/draft.ts'
import { laneOf, openBuffer } from '../../src/ingest/lane.ts'
import { lineBytes, lineMiddle } from '../../src/ingest/line.ts'
import { claimed } from '../kit/source.ts'

const middle = lineMiddle('2026-01-01T00:00:00Z', 'topic', 0)
const idOf = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

/** A draft of rows with these ids, each of schema version s0 or s1; a row's event is its number. */
function draftOf(rows: ReadonlyArray<{ id: number; version: number }>, segmentRecords = 4): Draft {
  const buffer = openBuffer(segmentRecords)
  const source = claimed({ topicId: 'x' })
  const bindings = [0, 1].map((n) => ({ schemaId: `s${n}` }) as Binding)
  const lane = laneOf(buffer, 't', { datasetId: 'd', tenantSlug: 't', datasetSlug: 'd', datasetNumber: 1 })
  rows.forEach(({ id, version }, n) => {
    const value = Buffer.from(`{"n":${n}}`)
    const segment = openFor(buffer, lane, source, bindings[version], n, lineBytes(middle, null, value), 0)
    const row = {
      id: Buffer.from(idOf(id)),
      idText: idOf(id),
      middle,
      receivedAt: '2026-01-01T00:00:00Z',
      traceparent: 'tp',
      extra: null,
    }
    bufferRow(buffer, lane, segment, row, n, value)
  })
  return openDraft(take(buffer, lane, Number.MAX_SAFE_INTEGER))
}

const linesRead = (draft: Draft): number[] =>
  groupsOf(draft)
    .flatMap((group) => linesOf(draft, group))
    .flatMap((chunk) => Buffer.from(chunk).toString().trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as { e: { n: number } }).e.n)

const rows = fc.array(fc.record({ id: fc.nat(20), version: fc.nat(1) }), { minLength: 1, maxLength: 60 })

test('of rows with one id the first is written, and lines, ids and counts agree whatever is known', () => {
  fc.assert(
    fc.property(rows, fc.uniqueArray(fc.nat(20)), (given, known) => {
      const draft = draftOf(given)
      const first = given.map(({ id }, n) => given.findIndex((other) => other.id === id) === n)
      assert.deepEqual(
        linesRead(draft).sort((a, b) => a - b),
        given.flatMap((_, n) => (first[n] === true ? [n] : [])),
      )
      dropKnown(draft, new Set(known.map(idOf)))
      const expected = given.flatMap(({ id }, n) => (first[n] === true && !known.includes(id) ? [n] : []))
      assert.deepEqual(
        linesRead(draft).sort((a, b) => a - b),
        expected,
      )
      assert.equal(rowsOf(draft), expected.length)
      assert.equal(
        groupsOf(draft).reduce((sum, group) => sum + countOf(draft, group), 0),
        expected.length,
      )
      // Which record each id was, in step: a row's offset is its number.
      const records = recordsOf(draft)
      const offsets = idsOf(draft).map((id, index) => [id, records.readUInt32BE(index * 8 + 4)])
      assert.deepEqual(
        offsets,
        expected.map((n) => [idOf(given[n]?.id as number), n]),
      )
      assert.deepEqual(idsOf(draft).sort(), expected.map((n) => idOf(given[n]?.id as number)).sort())
      assert.equal(rowsOf(draft) + draft.duplicates + draft.known + draft.refused, given.length)
    }),
  )
})

test('a refused row is the one whose line was refused, and its next twin takes its place', () => {
  fc.assert(
    fc.property(rows, fc.array(fc.nat(100), { minLength: 1, maxLength: 10 }), (given, picks) => {
      const draft = draftOf(given)
      for (const pick of picks) {
        const groups = groupsOf(draft).filter((group) => countOf(draft, group) > 0)
        const group = groups[pick % Math.max(1, groups.length)]
        if (group === undefined) break
        const line = pick % countOf(draft, group)
        const number = linesOf(draft, group)
          .flatMap((chunk) => Buffer.from(chunk).toString().trimEnd().split('\n'))
          .map((text) => (JSON.parse(text) as { e: { n: number } }).e.n)[line] as number
        const [at] = rowsAtLines(draft, group, [line])
        assert.ok(at)
        const before = linesRead(draft)
        refuseRow(draft, at, 'unconvertible', 'no')
        const letter = draft.letters.at(-1)
        assert.equal(letter?.offset, number)
        assert.equal(letter?.value?.toString(), `{"n":${number}}`)
        const after = linesRead(draft)
        assert.ok(!after.includes(number))
        const came = after.filter((n) => !before.includes(n))
        const twin = given.findIndex(
          (other, n) =>
            other.id === given[number]?.id && !before.includes(n) && draft.letters.every((one) => one.offset !== n),
        )
        assert.deepEqual(came, twin < 0 ? [] : [twin])
        assert.equal(rowsOf(draft) + draft.duplicates + draft.known + draft.refused, given.length)
      }
    }),
  )
})

test('given up, every event that was accepted is a dead letter, except what the lake has already', () => {
  fc.assert(
    fc.property(rows, fc.uniqueArray(fc.nat(20)), (given, known) => {
      const draft = draftOf(given)
      dropKnown(draft, new Set(known.map(idOf)))
      giveUp(draft, 'gone')
      assert.equal(rowsOf(draft), 0)
      assert.deepEqual(linesRead(draft), [])
      assert.deepEqual(
        draft.letters.map((letter) => letter.offset),
        given.flatMap(({ id }, n) => (known.includes(id) ? [] : [n])),
      )
      assert.equal(draft.duplicates, 0)
    }),
  )
})

test('a take settles its dataset up to after its last record', () => {
  const draft = draftOf([
    { id: 1, version: 0 },
    { id: 2, version: 1 },
    { id: 1, version: 0 },
  ])
  assert.deepEqual(settledBy(draft.taken), [{ topicId: 'x', partition: 0, nextOffset: 3 }])
})
