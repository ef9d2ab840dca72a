import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { readBody } from '../../src/collect/index.ts'
import type { Problem } from '../../src/problems/index.ts'

const limits = { maxBodyBytes: 100, bodyTimeoutMs: 5_000 }
const refusal = async (reading: Promise<Buffer>): Promise<Problem> =>
  reading.then(
    () => assert.fail('it was read'),
    (error: Problem) => error,
  )

test('a body is read whole, in as many pieces as it comes', async () => {
  const stream = new PassThrough()
  const reading = readBody(stream, limits)
  for (const piece of ['one', 'two', 'three']) {
    stream.write(piece)
    await new Promise(setImmediate)
  }
  stream.end()
  assert.equal((await reading).toString(), 'onetwothree')
  assert.equal((await readBody(new PassThrough().end(), limits)).length, 0)
})

test('a body over the limit is refused as soon as that shows, by its announcement or by its bytes', async () => {
  const announced = Object.assign(new PassThrough(), { headers: { 'content-length': '101' } })
  assert.equal((await refusal(readBody(announced, limits))).code, 'too_large')
  const stream = new PassThrough()
  const reading = readBody(stream, limits)
  stream.write(Buffer.alloc(101))
  const problem = await refusal(reading)
  assert.deepEqual([problem.code, problem.status], ['too_large', 413])
  assert.match(problem.message, /100 bytes/)
})

test('a client that goes away, or stays and sends nothing, gets a clear end', async () => {
  const gone = new PassThrough()
  const reading = readBody(gone, limits)
  gone.write('half')
  setImmediate(() => gone.destroy(new Error('socket hang up')))
  assert.match((await refusal(reading)).message, /ended early, after 4 bytes/)
  const slow = new PassThrough()
  slow.write('x')
  assert.deepEqual([(await refusal(readBody(slow, { ...limits, bodyTimeoutMs: 30 }))).code], ['request_timeout'])
  const destroyed = new PassThrough()
  destroyed.destroy()
  assert.equal((await refusal(readBody(destroyed, limits))).code, 'malformed')
})

test('a stopping server stops reading', async () => {
  const stop = new AbortController()
  const reading = readBody(new PassThrough(), limits, stop.signal)
  stop.abort()
  assert.equal((await refusal(reading)).code, 'draining')
})

test('many unfinished bodies together are bounded, and what ends gives its share back', async () => {
  const shared = { maxBodyBytes: 100, bodyTimeoutMs: 5_000, maxPendingBytes: 150 }
  const [one, other] = [new PassThrough(), new PassThrough()]
  const first = readBody(one, shared)
  one.write(Buffer.alloc(90))
  await new Promise(setImmediate)
  const second = readBody(other, shared)
  other.write(Buffer.alloc(90))
  const { code, shed } = await refusal(second)
  assert.deepEqual([code, shed], ['overloaded', 'memory'])
  one.end()
  assert.equal((await first).length, 90)
  const third = new PassThrough()
  third.end(Buffer.alloc(90))
  assert.equal((await readBody(third, shared)).length, 90)
})
