import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOUBT_MS, afterCutBack, afterOutOfRange, afterUnknownTopic, remedyFor } from '../../src/ingest/lost.ts'
import { claimed } from '../kit/source.ts'

const source = claimed({ topic: 't', tenantId: 'x', nextOffset: 10 })

test('reading goes on where the log begins, and what is missing in between is counted', () => {
  const remedy = afterOutOfRange(source, { earliest: 15, latest: 20 })
  assert.equal(remedy.kind, 'move')
  assert.ok(remedy.kind === 'move' && remedy.position === 15 && remedy.missing === 5)
})

test('a log that ends before what was read was cut back: all of it is judged again', () => {
  const remedy = afterOutOfRange(source, { earliest: 2, latest: 7 })
  assert.ok(remedy.kind === 'cut_back' && remedy.position === 2 && remedy.missing === 3)
})

test('an offset that the log has after all is asked for again', () => {
  assert.equal(afterOutOfRange(source, { earliest: 0, latest: 10 }).kind, 'wait')
})

test('a log that knows nothing of the epoch that was read was put back, and is doubted before that is said', () => {
  const log = { earliest: 1, latest: 12 }
  assert.equal(afterOutOfRange({ ...source, epoch: 7, refusedWithin: 4 }, log).kind, 'wait')
  assert.equal(afterOutOfRange({ ...source, refusedWithin: 9 }, log).kind, 'wait', 'no epoch was asked with')
  const remedy = afterOutOfRange({ ...source, epoch: 7, refusedWithin: 5 }, log)
  assert.ok(remedy.kind === 'cut_back' && remedy.position === 1)
})

test('what was read beyond the place where a log became another one is what is missing', async () => {
  const remedy = afterCutBack(source, { earliest: 2 }, 7)
  assert.ok(remedy.kind === 'cut_back' && remedy.position === 2 && remedy.missing === 3)
  const above = afterCutBack(source, { earliest: 2 }, 11)
  assert.ok(above.kind === 'cut_back' && above.missing === 0)
  const admin = { offsets: async () => [], describeTopics: async () => [] }
  const problem = { topicId: 'id', topic: 't', partition: 0, code: 'cut_back', detail: '', divergesAt: 7 } as const
  assert.equal(
    (await remedyFor(admin, source, problem, 0)).kind,
    'wait',
    'where the bus does not say what the log holds',
  )
})

test('an unknown topic is doubted for a while, then said to be deleted; under another id it was made anew', () => {
  assert.equal(afterUnknownTopic(source, undefined, DOUBT_MS - 1).kind, 'wait')
  assert.equal(afterUnknownTopic(source, undefined, DOUBT_MS).kind, 'deleted')
  assert.equal(afterUnknownTopic(source, { name: 't', topicId: 'id', partitions: 1 }, DOUBT_MS * 9).kind, 'wait')
  const remedy = afterUnknownTopic({ ...source, highWatermark: 25 }, { name: 't', topicId: 'other', partitions: 1 }, 0)
  assert.ok(remedy.kind === 'recreated' && remedy.missing === 15)
})

test('what the bus only could not do now is asked again', async () => {
  const admin = { offsets: async () => [], describeTopics: async () => [] }
  const named = { topicId: 'id', topic: 't', partition: 0, detail: '' }
  assert.equal((await remedyFor(admin, source, { ...named, code: 'unavailable' }, 0)).kind, 'wait')
  assert.equal((await remedyFor(admin, source, { ...named, code: 'corrupt' }, 0)).kind, 'wait')
  assert.equal((await remedyFor(admin, source, { ...named, code: 'offset_out_of_range' }, 0)).kind, 'wait')
})
