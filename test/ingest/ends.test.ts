import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusUnreachable } from '../../src/bus/index.ts'
import { endsLoop, lookAtEnds } from '../../src/ingest/ends.ts'
import { openSource, type Source } from '../../src/ingest/sources.ts'
import { until } from '../kit/until.ts'

const sourceOf = (n: number, over: Partial<Source> = {}): Source => {
  const at = { topicId: `id${n}`, topic: `topic${n}`, partition: 0, tenantId: 't', generation: 1, flushes: 0 }
  return Object.assign(openSource({ ...at, nextOffset: 10, settled: new Map() }), over)
}

test('every partition is asked about in a few questions, but those whose topic is gone, or may be', async () => {
  const there = Array.from({ length: 1_200 }, (_, n) => sourceOf(n))
  const gone = [sourceOf(-1, { lost: true }), sourceOf(-2, { retiring: true }), sourceOf(-3, { unknownSinceMs: 1 })]
  const asked: number[] = []
  const admin = {
    async offsets(of: readonly { topic: string; partition: number }[]) {
      asked.push(of.length)
      return of.map(({ topic, partition }) => ({
        topicId: topic.replace('topic', 'id'),
        topic,
        partition,
        earliest: 0,
        latest: 10,
      }))
    },
  }
  assert.equal(await lookAtEnds({ admin, sources: () => [...gone, ...there], clock: () => 77 }), 1_200)
  assert.deepEqual(asked, [500, 500, 200])
  assert.ok(there.every(({ logEnd, atEndMs }) => logEnd === 10 && atEndMs === 77))
  assert.ok(gone.every(({ logEnd }) => logEnd === undefined))
})

test('a look counts from when it was asked, for what was read by the answer, and not for who left meanwhile', async () => {
  const [read, behind, left] = [sourceOf(1), sourceOf(2), sourceOf(3)]
  let now = 100
  const admin = {
    async offsets(of: readonly { topic: string; partition: number }[]) {
      now = 500
      read.position = 20
      left.gone = true
      return of.map(({ topic, partition }) => ({
        topicId: topic.replace('topic', 'id'),
        topic,
        partition,
        earliest: 5,
        latest: 20,
      }))
    },
  }
  await lookAtEnds({ admin, sources: () => [read, behind, left], clock: () => now })
  assert.deepEqual([read.atEndMs, read.behindSinceMs], [100, undefined])
  assert.deepEqual([behind.atEndMs, behind.behindSinceMs], [undefined, 100])
  assert.equal(left.logEnd, undefined)
})

test('a bus that is away is asked again, and who is behind becomes known by name', async () => {
  const one = sourceOf(1)
  const stop = new AbortController()
  const defects: unknown[] = []
  const behind: Source[] = []
  let calls = 0
  const admin = {
    async offsets(of: readonly { topic: string; partition: number }[]) {
      calls += 1
      if (calls === 1) throw new BusUnreachable('on purpose')
      if (calls === 3) throw new TypeError('on purpose')
      return of.map(({ topic, partition }) => ({
        topicId: topic.replace('topic', 'id'),
        topic,
        partition,
        earliest: 0,
        latest: 30,
      }))
    },
  }
  const ended = endsLoop(
    {
      admin,
      sources: () => [one],
      clock: () => 1,
      onDefect: (error) => void defects.push(error),
      onBehind: async (source) => void behind.push(source),
    },
    stop.signal,
  )
  await until('the defect is told', () => defects.length === 1, 10_000, 20)
  stop.abort()
  await ended
  assert.equal(one.logEnd, 30)
  assert.deepEqual(behind, [one])
  assert.ok(defects[0] instanceof TypeError)
})
