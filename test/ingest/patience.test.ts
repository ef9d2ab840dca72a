import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs, isAway, pause, untilAnswered } from '../../src/ingest/patience.ts'
import { Problem } from '../../src/problems/index.ts'
import { CommitUnknown } from '../../src/store/index.ts'

const away = (): Problem => new Problem('dependency_away', 'away')

test('delays double from a tenth of a second to five, never more, never nothing', () => {
  assert.equal(
    backoffMs(0, () => 1),
    100,
  )
  assert.equal(
    backoffMs(3, () => 1),
    800,
  )
  assert.equal(
    backoffMs(1_000, () => 1),
    5_000,
  )
  assert.ok(backoffMs(0, () => 0) >= 50)
})

test('only that Postgres is away is waited out', async () => {
  const never = new AbortController().signal
  let calls = 0
  const told: number[] = []
  const answer = await untilAnswered(
    async () => {
      calls += 1
      if (calls === 1) throw away()
      if (calls === 2) throw new CommitUnknown('lost')
      return 'here'
    },
    { signal: never, random: () => 0, onAway: (_, ms) => told.push(ms) },
  )
  assert.equal(answer, 'here')
  assert.deepEqual(told, [50, 100])
  await assert.rejects(
    untilAnswered(() => Promise.reject(new Error('wrong')), { signal: never, random: () => 0 }),
    /wrong/,
  )
  assert.equal(isAway(new Error('x')), false)
})

test('waiting ends with the signal', async () => {
  const stop = new AbortController()
  const waiting = untilAnswered(() => Promise.reject(away()), { signal: stop.signal, random: () => 1 })
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await pause(60_000, stop.signal)
})
