import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openQueue } from '../../src/preview/queue.ts'

test('so many run, so many wait in order, and the next is refused at once', async () => {
  const queue = openQueue({ running: 2, waiting: 2, timeoutMs: 10_000 })
  const started: number[] = []
  const ends: (() => void)[] = []
  const runs = [0, 1, 2, 3].map((at) =>
    queue.run(() => {
      started.push(at)
      return new Promise<number>((resolve) => ends.push(() => resolve(at)))
    }),
  )
  await assert.rejects(
    queue.run(async () => 4),
    { code: 'overloaded', retryAfterSeconds: 1, shed: 'inflight' },
  )
  assert.deepEqual(started, [0, 1])
  for (let at = 0; at < 4; at += 1) {
    while (ends[at] === undefined) await Promise.resolve()
    ends[at]?.()
  }
  assert.deepEqual(await Promise.all(runs), [0, 1, 2, 3])
  assert.deepEqual(started, [0, 1, 2, 3])
})

test('whoever runs or waits too long is told so, and the place is free again', { timeout: 10_000 }, async () => {
  const queue = openQueue({ running: 1, waiting: 4, timeoutMs: 30 })
  const stuck = queue.run(
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  )
  const behind = queue.run(
    (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  )
  await assert.rejects(stuck, { code: 'overloaded', shed: undefined })
  await assert.rejects(behind, { code: 'overloaded' })
  assert.equal(await queue.run(async () => 'free'), 'free')
})

test('a caller who gives up waits no longer and leaves no hole in the line', { timeout: 10_000 }, async () => {
  const queue = openQueue({ running: 1, waiting: 4, timeoutMs: 10_000 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const first = queue.run(() => promise)
  const caller = new AbortController()
  const gone = queue.run(async () => 'never', caller.signal)
  const third = queue.run(async () => 'third')
  caller.abort(new Error('gone'))
  await assert.rejects(gone, /gone/)
  resolve('first')
  assert.deepEqual(await Promise.all([first, third]), ['first', 'third'])
})

test('an act that fails gives its place back', async () => {
  const queue = openQueue({ running: 1, waiting: 0, timeoutMs: 10_000 })
  await assert.rejects(
    queue.run(async () => {
      throw new Error('broken')
    }),
    /broken/,
  )
  assert.equal(await queue.run(async () => 1), 1)
})
