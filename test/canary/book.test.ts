import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBook, type BookSettings, type Outcome, type Reading } from '../../src/canary/book.ts'
import { eventAt, type CanaryEvent } from '../../src/canary/events.ts'
import { chance } from '../kit/seed.ts'

const SETTINGS: BookSettings = { lateMs: 60, missingMs: 300, watchRounds: 2, mostRows: 1_000, strayMs: 3_600 }
const AT = 1_790_000_000_000
const span = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), sampled: true }

const eventsOf = (round: number, count = 1, startedAtMs = AT + round): CanaryEvent[] =>
  Array.from({ length: count }, (_, position) => eventAt({ seed: 's', round, position, startedAtMs }, 'canary'))
const sentAt = (round: number, sentMs: number, events: readonly CanaryEvent[]) => ({
  round,
  startedAtMs: AT + sentMs,
  sentMs,
  acceptedMs: 1,
  span,
  events,
})
const rowOf = ({ id, row }: CanaryEvent): Record<string, unknown> => ({ _event_id: id, ...row })
const reading = (ms: number, rows: readonly Record<string, unknown>[], more: Partial<Reading> = {}): Reading => ({
  rows,
  limit: 1_000,
  committedAtMs: undefined,
  askedMs: ms,
  answeredMs: ms,
  ...more,
})

/** What one event becomes when it is seen like that: at each instant, so many copies, damaged or not; a round a step. */
const TRUTH: readonly {
  readonly says: string
  readonly seen: readonly (readonly [atMs: number, copies: number, damaged?: boolean])[]
  readonly outcome: Outcome | undefined
  readonly pending: number
}[] = [
  {
    says: 'there at once and ever after',
    seen: [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
    outcome: 'exactly_once',
    pending: 0,
  },
  {
    says: 'there once, and still watched',
    seen: [
      [1, 1],
      [2, 1],
    ],
    outcome: undefined,
    pending: 1,
  },
  {
    says: 'there on the last of the objective',
    seen: [
      [60, 1],
      [70, 1],
      [80, 1],
    ],
    outcome: 'exactly_once',
    pending: 0,
  },
  {
    says: 'there after the objective',
    seen: [
      [1, 0],
      [61, 1],
      [70, 1],
    ],
    outcome: 'late',
    pending: 0,
  },
  {
    says: 'not there, and still in time',
    seen: [
      [1, 0],
      [299, 0],
    ],
    outcome: undefined,
    pending: 1,
  },
  {
    says: 'not there in time',
    seen: [
      [1, 0],
      [300, 0],
    ],
    outcome: 'missing',
    pending: 0,
  },
  {
    says: 'never there, and told once',
    seen: [
      [300, 0],
      [400, 0],
      [500, 0],
    ],
    outcome: 'missing',
    pending: 0,
  },
  {
    says: 'there after it was missing',
    seen: [
      [300, 0],
      [400, 1],
      [500, 1],
    ],
    outcome: 'missing',
    pending: 0,
  },
  {
    says: 'there and gone again',
    seen: [
      [1, 1],
      [2, 0],
    ],
    outcome: 'missing',
    pending: 0,
  },
  { says: 'there twice at once', seen: [[1, 2]], outcome: 'duplicated', pending: 0 },
  {
    says: 'there twice later, while it is watched',
    seen: [
      [1, 1],
      [2, 2],
      [3, 2],
    ],
    outcome: 'duplicated',
    pending: 0,
  },
  {
    says: 'there twice at the last look',
    seen: [
      [1, 1],
      [2, 1],
      [3, 2],
    ],
    outcome: 'duplicated',
    pending: 0,
  },
  { says: 'damaged', seen: [[1, 1, true]], outcome: 'corrupted', pending: 0 },
  {
    says: 'damaged later',
    seen: [
      [1, 1],
      [2, 1, true],
      [3, 1],
    ],
    outcome: 'corrupted',
    pending: 0,
  },
  {
    says: 'damaged and late is damaged',
    seen: [
      [1, 0],
      [100, 1, true],
    ],
    outcome: 'corrupted',
    pending: 0,
  },
]

for (const { says, seen, outcome, pending } of TRUTH) {
  test(`an event that is ${says} is ${outcome ?? 'not judged yet'}`, () => {
    const book = openBook(SETTINGS)
    const [event] = eventsOf(1) as [CanaryEvent]
    book.sent(sentAt(1, 0, [event]))
    const told: Outcome[] = []
    seen.forEach(([atMs, copies, damaged], step) => {
      book.begun(1 + step)
      const rows = Array.from({ length: copies }, () => ({ ...rowOf(event), ...(damaged ? { flag: 'x' } : {}) }))
      for (const { outcomes } of book.read(reading(atMs, rows)).verified)
        for (const [name, count] of Object.entries(outcomes)) for (let i = 0; i < count; i++) told.push(name as Outcome)
    })
    assert.deepEqual(told, outcome === undefined ? [] : [outcome])
    assert.equal(book.pending(), pending)
  })
}

test('a round is told once, when it is whole, with the commit by the clock of whoever committed', () => {
  const book = openBook(SETTINGS)
  const events = eventsOf(1, 3)
  book.sent(sentAt(1, 10, events))
  const rows = events.map(rowOf)
  assert.deepEqual(book.read(reading(20, rows.slice(1))).returned, [])
  const [told] = book.read(reading(40, rows, { committedAtMs: AT + 15 })).returned
  assert.deepEqual([told?.sent.round, told?.committedMs, told?.previewedMs], [1, 5, 30])
  assert.deepEqual(book.read(reading(50, rows)).returned, [])
})

test('a clock that is behind makes no commit before its send, and one that is ahead none after its reading', () => {
  for (const [committedAtMs, expected] of [
    [AT - 5_000, 0],
    [AT + 90_000, 30],
  ] as const) {
    const book = openBook(SETTINGS)
    const events = eventsOf(1)
    book.sent(sentAt(1, 10, events))
    assert.equal(book.read(reading(40, events.map(rowOf), { committedAtMs })).returned[0]?.committedMs, expected)
  }
})

test('a late event was late by its commit, not because nobody could look earlier', () => {
  const book = openBook(SETTINGS)
  const events = eventsOf(1)
  book.sent(sentAt(1, 0, events))
  for (const round of [2, 3]) book.begun(round)
  const { verified } = book.read(reading(200, events.map(rowOf), { committedAtMs: AT + 30 }))
  assert.equal(verified[0]?.outcomes.exactly_once, 1)
})

test('a reading that does not go back to an event says nothing about it, unless no other could', () => {
  const [old] = eventsOf(1, 1, AT) as [CanaryEvent]
  const others = eventsOf(9, 2, AT + 60_000)
    .map(rowOf)
    .toReversed()
  const book = openBook({ ...SETTINGS, mostRows: 2 })
  book.sent(sentAt(1, 0, [old]))
  book.read(reading(1, [rowOf(old)]))
  assert.equal(book.read(reading(2, others, { limit: 2 })).verified.length, 0, 'seen, and now hidden by newer ones')
  const hidden = openBook({ ...SETTINGS, mostRows: 3 })
  hidden.sent(sentAt(1, 0, [old]))
  assert.equal(hidden.read(reading(400, others, { limit: 2 })).verified.length, 0, 'a longer reading may show it')
  const full = hidden.read(reading(401, [...others, ...eventsOf(8, 1, AT + 50_000).map(rowOf)], { limit: 3 }))
  assert.equal(full.verified[0]?.outcomes.missing, 1)
  assert.match(full.verified[0]?.detail ?? '', /others may hide it/)
})

test('no event is right by a reading that others have pushed it out of, as long as a longer one may show it twice', () => {
  const [old] = eventsOf(1, 1, AT) as [CanaryEvent]
  const others = eventsOf(9, 2, AT + 60_000)
    .map(rowOf)
    .toReversed()
  const book = openBook({ ...SETTINGS, mostRows: 4 })
  book.sent(sentAt(1, 0, [old]))
  book.read(reading(1, [rowOf(old)]))
  book.begun(9)
  const short = book.read(reading(2, others, { limit: 2 }))
  assert.deepEqual([short.verified, short.isShort, book.pending()], [[], true, 1])
  const last = book.read(reading(2, [...others, rowOf(old)], { limit: 3 }))
  assert.deepEqual([last.verified, last.isShort], [[], true], 'it is the last row that was asked for')
  const [told] = book.read(reading(3, [...others, rowOf(old), rowOf(old)], { limit: 4 })).verified
  assert.equal(told?.outcomes.duplicated, 1)

  const full = openBook({ ...SETTINGS, mostRows: 2 })
  full.sent(sentAt(1, 0, [old]))
  full.read(reading(1, [rowOf(old)]))
  full.begun(9)
  assert.equal(full.read(reading(2, others, { limit: 2 })).verified[0]?.outcomes.exactly_once, 1, 'it was seen once')
})

test('what was missing and comes after all is told as that, once, and is not counted again', () => {
  const book = openBook(SETTINGS)
  const [event] = eventsOf(1) as [CanaryEvent]
  book.sent(sentAt(1, 0, [event]))
  assert.equal(book.read(reading(300, [])).verified[0]?.outcomes.missing, 1)
  const back = book.read(reading(500, [rowOf(event)]))
  assert.deepEqual([back.strayed[0]?.events, back.strayed[0]?.afterMs, back.verified, back.returned], [1, 500, [], []])
  assert.deepEqual(book.read(reading(501, [rowOf(event), rowOf(event)])).strayed, [])
})

test('a sentence names the first event that is wrong, and what is wrong with it', () => {
  const book = openBook(SETTINGS)
  const events = eventsOf(1, 2)
  book.sent(sentAt(1, 0, events))
  const rows = [rowOf(events[0] as CanaryEvent), { ...rowOf(events[1] as CanaryEvent), text: 'other', whole: null }]
  const { verified } = book.read(reading(5, rows))
  assert.equal(verified[0]?.detail, `Event ${events[1]?.id} came back with another text, whole.`)
})

test('how deep a reading must go follows from what is open', () => {
  const book = openBook(SETTINGS)
  assert.equal(book.depth(), 0)
  for (const round of [1, 2, 3]) book.sent(sentAt(round, round, eventsOf(round, 5)))
  assert.equal(book.depth(), 15)
  book.read(reading(10, eventsOf(1, 5).map(rowOf)))
  assert.equal(book.depth(), 10, 'round 1 is closed: two rounds have begun since')
  assert.ok(book.isAwaiting())
  for (const round of [4, 5]) {
    book.sent(sentAt(round, round, eventsOf(round, 5)))
    book.read(reading(10, eventsOf(round - 1, 5).map(rowOf)))
  }
  assert.equal(book.depth(), 20, 'what came since the oldest that is open counts, judged or not')
})

test('whatever happens to events, each has one outcome: sent = outcomes + pending, after every step', () => {
  const { between, pick, next, seed } = chance()
  const told = `TEST_SEED=${seed}`
  for (let run = 0; run < 60; run++) {
    const book = openBook(SETTINGS)
    const lake: Record<string, unknown>[] = []
    let sent = 0
    let judged = 0
    let ms = 0
    const later: (() => void)[] = []
    for (let round = 1; round < 40; round++) {
      ms += between(1, 90)
      book.begun(round)
      const events = eventsOf(round, between(0, 4))
      book.sent(sentAt(round, ms, events))
      sent += events.length
      for (const event of events) {
        const row = rowOf(event)
        const put = pick([
          () => lake.push(row),
          () => lake.push(row, { ...row }),
          () => lake.push({ ...row, [pick(Object.keys(event.row))]: 'damaged' }),
          () => later.push(() => lake.push(row)),
          () => 0,
        ])
        put()
      }
      if (next() < 0.4) later.shift()?.()
      if (next() < 0.2 && lake.length > 0) lake.splice(between(0, lake.length - 1), 1)
      if (next() < 0.2 && lake.length > 0) lake.push({ ...pick(lake) })
      if (next() < 0.7) {
        for (const { outcomes } of book.read(reading(ms, lake)).verified)
          judged += Object.values(outcomes).reduce((sum, count) => sum + count, 0)
      }
      assert.equal(sent, judged + book.pending(), `round ${round} of run ${run}, ${told}`)
    }
    book.begun(100)
    for (const { outcomes } of book.read(reading(ms + 10_000, lake)).verified)
      judged += Object.values(outcomes).reduce((sum, count) => sum + count, 0)
    assert.deepEqual([judged, book.pending()], [sent, 0], `in the end everything is judged, ${told}`)
  }
})
