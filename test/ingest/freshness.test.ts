import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DeadLetter } from '../../src/ingest/dead-letters.ts'
import type { Draft } from '../../src/ingest/draft.ts'
import { freshnessOfRows, freshnessOfRun, oldestReceivedMs, receivedMs } from '../../src/ingest/freshness.ts'
import { openSegment, type Segment } from '../../src/ingest/segment.ts'
import { openSource } from '../../src/ingest/sources.ts'

const at = { topicId: 'id', topic: 'topic', partition: 0, tenantId: 't', generation: 1, flushes: 0 }
const source = openSource({ ...at, nextOffset: 0, settled: new Map() })
const BASE = Date.UTC(2026, 0, 1)
const text = (ms: number): string => new Date(BASE + ms).toISOString()

function segmentOf(times: readonly string[], letters: readonly (string | null)[] = []): Segment {
  const segment = openSegment(source, undefined, 0, 0)
  times.forEach((time, n) => {
    segment.ids.push(String(n))
    segment.receivedAts.push(time)
  })
  for (const receivedAt of letters) segment.letters.push({ receivedAt } as DeadLetter)
  return segment
}
const sum = (points: readonly { rows: number }[]): number => points.reduce((all, { rows }) => all + rows, 0)

test('the weights of a run sum to its records exactly, whatever their number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 1, max: 1e6 }), (samples, records) => {
      const points = freshnessOfRun(
        Array.from({ length: samples }, (_, n) => text(n)),
        records,
      )
      assert.equal(sum(points), records)
      assert.ok(points.every(({ rows }) => Number.isInteger(rows) && rows > 0))
    }),
  )
  assert.deepEqual(freshnessOfRun([], 5), [], 'nothing is made up where nothing is known')
  assert.deepEqual(freshnessOfRun(['', 'yesterday'], 5), [])
})

test('the weights of a flush sum to the rows that it wrote, by at most sixteen times a segment, and only of those', () => {
  fc.assert(
    fc.property(fc.array(fc.array(fc.boolean(), { maxLength: 100 }), { minLength: 1, maxLength: 4 }), (written) => {
      const segments = written.map((states, nth) => segmentOf(states.map((is, n) => text(is ? nth * 1_000 + n : -1))))
      const bases = written.map((_, nth) => written.slice(0, nth).flat().length)
      const states = Uint8Array.from(written.flat().map((is) => (is ? 0 : 1)))
      const points = freshnessOfRows({ taken: { segments }, bases, states } as unknown as Draft, (state) => state === 0)
      assert.equal(sum(points), written.flat().filter(Boolean).length)
      assert.ok(points.length <= 16 * segments.length)
      assert.ok(
        points.every(({ receivedAtMs }) => receivedAtMs >= BASE),
        'what was not written has no say',
      )
    }),
  )
})

test('the oldest of a segment is found however it grows, letters and other notations too', () => {
  const segment = segmentOf([text(5_000), text(4_000)], [null])
  assert.equal(oldestReceivedMs(segment), BASE + 4_000)
  segment.receivedAts.push(text(9_000), '2026-01-01T02:00:03+02:00')
  assert.equal(oldestReceivedMs(segment), BASE + 3_000)
  segment.letters.push({ receivedAt: text(2_000) } as DeadLetter, { receivedAt: 'never' } as DeadLetter)
  assert.equal(oldestReceivedMs(segment), BASE + 2_000)
  assert.equal(oldestReceivedMs(segmentOf([])), undefined)
  assert.equal(oldestReceivedMs(segmentOf([''], ['nonsense'])), undefined)
})

test('microseconds are read, and what is no time is none', () => {
  assert.equal(receivedMs('2026-01-01T00:00:01.123456Z'), BASE + 1_123)
  for (const odd of [undefined, null, '', 'soon', '2026-13-01T00:00:00Z']) assert.equal(receivedMs(odd), undefined)
})
